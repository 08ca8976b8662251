#pragma once

// What the exit codes mean: the one description of which --help and `explain CODE` are made, and
// with which docs/commands.md is compared.

#include <span>
#include <string>
#include <string_view>

namespace allmodes::cli {

struct ExitCodeRow {
  int code;
  std::string_view brief;    // "damaged data"
  std::string_view meaning;  // as the table of docs/commands.md has it
};

// By code.
std::span<const ExitCodeRow> exit_codes();

// "0 good, 2 at risk (diagnose), ...", in lines of at most 80 characters.
std::string exit_codes_in_brief();

}  // namespace allmodes::cli
