#pragma once

// What relates several fields: divisibility, what a family allows, what a penalty forbids.

#include <set>
#include <string>
#include <vector>

#include "config/load.h"

namespace allmodes::config {

// Every relation that does not hold. One that depends on a field of `refused` (paths of values that
// were reported already) is not judged.
std::vector<Problem> check_relations(const RunConfig& config, const std::set<std::string>& refused);

}  // namespace allmodes::config
