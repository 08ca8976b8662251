#pragma once

// Classes of samples, from a file of their own.

#include <cstdint>
#include <string>
#include <vector>

#include "data/content.h"

namespace allmodes::data {

// Labels from an idx file or an array (open_array; told by content), one for each of `samples`:
// whole numbers of any type, booleans, texts (the classes are then the different ones, sorted), or
// [samples, classes] of which one is 1 in each row and the others 0. `names` are the classes'
// names; empty: as many as the largest label says, named by number. `remedy` as in InputFile.
// Throws kDataError when count or range disagree.
Labels read_labels(const std::string& path, int64_t samples, std::vector<std::string> names = {},
                   const std::string& remedy = "");

}  // namespace allmodes::data
