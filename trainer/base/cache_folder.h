#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace allmodes {

// Looks up an environment variable: nullptr when it is not set. Usually ::getenv.
using Environment = char* (*)(const char* name);

// Where what can be made again is kept between runs (classifiers, null distributions, decoded
// data), by kind: $ALLMODES_CACHE/KIND, else $XDG_CACHE_HOME/allmodes/KIND, else
// ~/.cache/allmodes/KIND. Nothing where none of these variables is set (or it is empty): then
// nothing is kept, rather than in a folder that other users can write to.
std::optional<std::filesystem::path> cache_folder(std::string_view kind, Environment environment);
std::optional<std::filesystem::path> cache_folder(std::string_view kind);

// Makes a folder that cache_folder() named, with permissions for its owner alone (0700), and
// removes temporary files in it that are older than a day: their processes have ended. Throws
// kCannotCreate.
void prepare_cache_folder(const std::filesystem::path& folder);

}  // namespace allmodes
