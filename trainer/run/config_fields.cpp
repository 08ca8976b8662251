#include "run/config_fields.h"

#include <fmt/format.h>

#include <map>
#include <sstream>

namespace allmodes::run {

ConfigFields config_fields(const std::string& printed) {
  ConfigFields fields;
  std::map<std::string, int> seen;
  std::vector<std::string> prefixes{""};
  std::istringstream lines(printed);
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || line[begin] == '#') continue;
    line.erase(0, begin);
    if (line == "}") {
      prefixes.pop_back();
      continue;
    }
    const auto name_end = line.find_first_of(": ");
    auto path = prefixes.back() + line.substr(0, name_end);
    if (const int before = seen[path]++; before > 0) path += fmt::format("[{}]", before);
    if (line.ends_with("{")) {
      prefixes.push_back(path + ".");
    } else {
      fields.emplace_back(path, line.substr(line.find(' ') + 1));
    }
  }
  return fields;
}

}  // namespace allmodes::run
