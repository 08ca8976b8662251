#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "records/terminal.h"  // may_color()

namespace allmodes::records {

// Makes spdlog's default logger fit for a rank. On stderr rank 0 says everything from info on (with
// `quiet` from warnings on), the other ranks warnings and errors only, each beginning with
// "[rank r host]". `log_file` (rank 0) takes everything from info on, whatever `quiet` says, and is
// appended to; it begins with what was said since the call before without a file; what cannot be
// written to it is lost, which stderr says once.
void setup_log(int rank, const std::string& host,
               const std::optional<std::filesystem::path>& log_file, bool quiet, bool color);

// Into the log file alone, where there is one: what the console has in another form.
void log_to_file(const std::string& text, bool warning);

}  // namespace allmodes::records
