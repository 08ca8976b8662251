#include "data/paths.h"

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/error.h"

namespace allmodes::data {
namespace {

std::string variable(const std::string& name, const std::string& path) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr)
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "{}: the environment has no {}; write the path out, or set it", path, name);
  return value;
}

bool may_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

}  // namespace

std::string expanded_path(const std::string& path) {
  std::string out;
  size_t at = 0;
  if (path == "~" || path.starts_with("~/")) {
    out = variable("HOME", path);
    at = 1;
  }
  while (at < path.size()) {
    if (path[at] != '$') {
      out += path[at++];
      continue;
    }
    const bool braces = at + 1 < path.size() && path[at + 1] == '{';
    const size_t begin = at + (braces ? 2 : 1);
    size_t end = begin;
    while (end < path.size() && may_name(path[end])) ++end;
    const bool closed = !braces || (end < path.size() && path[end] == '}');
    if (end == begin || !closed) {
      out += path[at++];
      continue;
    }
    out += variable(path.substr(begin, end - begin), path);
    at = end + (braces ? 1 : 0);
  }
  return out;
}

std::string full_path_hint(const std::string& path) {
  if (path.find("://") != std::string::npos) return "; it is no path: download it first";
  if (path.find_first_of("*?") != std::string::npos)
    return "; patterns are not expanded here: give the folder";
  std::error_code error;
  if (std::filesystem::path(path).is_absolute()) return "";
  const auto here = std::filesystem::current_path(error);
  return error ? "" : fmt::format(" (in {})", here.string());
}

}  // namespace allmodes::data
