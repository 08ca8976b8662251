#pragma once

// Which files of a container are a set's pictures, and of which classes.

#include <memory>
#include <string>
#include <vector>

#include "data/containers/container.h"
#include "data/pictures.h"
#include "data/workers.h"

namespace allmodes::data {

struct PictureSet {
  std::unique_ptr<Container> container;
  std::vector<int64_t> members;      // of the container, in its order
  Labels labels;                     // of members.size() values, or none
  std::vector<std::string> remarks;  // what was left out, and what looks odd
};

// As read_pictures() says; members may be empty for the held-out part alone.
PictureSet choose_pictures(const config::Data& data, Split split, Workers& workers);

}  // namespace allmodes::data
