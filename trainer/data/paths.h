#pragma once

#include <string>

namespace allmodes::data {

// `path` as a shell would have it: a leading `~` is the home folder, `$NAME` and `${NAME}` are what
// the environment says. Throws kConfiguration for a name that it does not know.
std::string expanded_path(const std::string& path);

// What is added to "cannot be opened": " (in FOLDER)" of a relative path, "" of an absolute one;
// what to do about addresses of the web and patterns. Relative paths start at the folder in which
// the program was started.
std::string full_path_hint(const std::string& path);

}  // namespace allmodes::data
