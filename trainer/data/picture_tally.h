#pragma once

// What is counted of all pictures of a set, for what is said about it before training.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/run_config.h"
#include "data/formats/picture.h"

namespace allmodes::data {

struct PictureTally {
  std::map<std::string, int64_t> formats;
  int64_t grey = 0;
  int64_t turned = 0;
  int64_t transparent = 0;
  int64_t deep = 0;
  int64_t animated = 0;
  int64_t oblong = 0;
  std::set<std::pair<int64_t, int64_t>> oblong_sizes;  // height, width; of the first two only

  // `upright`: height and width as the picture will be seen.
  void add(const PictureInfo& info, const std::pair<int64_t, int64_t>& upright);
};

// Appends what a user should know: mixed formats, pictures turned, laid on grey, rounded, padded.
void add_tally_remarks(const PictureTally& tally, const config::Data& data,
                       std::vector<std::string>& remarks);

}  // namespace allmodes::data
