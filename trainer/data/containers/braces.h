#pragma once

#include <string>
#include <vector>

namespace allmodes::data {

// "shard-{000..002}.tar" to three names, "{train,val}.tar" to two; several braces multiply. Numbers
// have as many digits as the first of the range. A text without braces is itself. Throws
// kConfiguration for a range that runs backwards or makes more than a million names.
std::vector<std::string> expand_braces(const std::string& text);

}  // namespace allmodes::data
