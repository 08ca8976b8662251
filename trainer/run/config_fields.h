#pragma once

// A configuration as a list of fields, for comparing two of them.

#include <string>
#include <utility>
#include <vector>

namespace allmodes::run {

// Path and text of each field: {"gan.loss", "\"hinge\""}.
using ConfigFields = std::vector<std::pair<std::string, std::string>>;

// The fields of a printed configuration (config::print) in its order. Of several of the same path
// the second one is called "[1]" and so on: "gan.penalty[1].weight".
ConfigFields config_fields(const std::string& printed);

}  // namespace allmodes::run
