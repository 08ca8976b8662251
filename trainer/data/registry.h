#pragma once

// The data sets by name. One is a row `extern const DatasetRow kNAME{...}` at the end of the file
// that reads it; the build finds the rows (docs/extending.md).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "config/run_config.h"
#include "data/dataset.h"
#include "data/pictures.h"

namespace allmodes::data {

struct DatasetRow {
  std::string_view name;
  std::string_view summary;  // one line on what it is
  std::span<const std::string_view>
      fields;     // of config::Data that it reads, besides dataset, prefetch
  bool held_out;  // has a part that is held out
  // Paths in `data` are expanded. Null for a held-out part that is not there after all. Throws as
  // make_dataset().
  std::unique_ptr<Dataset> (*build)(const config::Data& data, uint64_t seed, Split split);
};

// All rows, by cmake/Rooms.cmake.
std::span<const DatasetRow* const> dataset_rows();

// data.path; throws kConfiguration where it is not given.
const std::string& needed_path(const config::Data& data);

}  // namespace allmodes::data
