#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace allmodes::cli {

// The file that this process runs; nullopt where the system does not say.
std::optional<std::filesystem::path> own_program();

// A file of the project, such as "configs/ring_gan.txtpb": as installed (../share/allmodes/FILE,
// seen from the program's folder) or in a checkout (../FILE).
std::optional<std::filesystem::path> own_file(const std::filesystem::path& file);

// The path of a configuration: `word` itself when there is such a file, or when it names a folder;
// else the project's own of this name, configs/NAME.txtpb. Throws kNoInput where there is none, with
// the nearest name that there is.
std::string named_config(const std::string& word);

}  // namespace allmodes::cli
