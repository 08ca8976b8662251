#pragma once

// What `allmodes diagnose` reads: samples in any of the formats, as [rows][values] numbers.

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace allmodes::diagnosis {

// A folder of PNG images, a .safetensors file (FILE:NAME where it holds several tensors), .npy or
// idx, the last two also as gzip; told by their content. `labels` (may be empty): an idx file or a
// .npy array of integers; a folder's classes are its subfolders. Images lie in [-1, 1] or are
// bytes, points anywhere finite. Throws kNoInput, or kDataError with file, byte and reason.
std::unique_ptr<data::Dataset> read_samples(const std::string& path, const std::string& labels);

struct DiagnosedSamples {
  std::string source;
  data::SampleShape shape;
  std::vector<float> values;    // [count][shape.values()]
  std::vector<int64_t> labels;  // [count], empty when unlabelled
  std::vector<std::string> class_names;
  int64_t count = 0;
};

// `count` of the samples (at most all), in a fixed random order of `seed`.
DiagnosedSamples choose_samples(const data::Dataset& dataset, const std::string& source,
                                int64_t count, uint64_t seed);

}  // namespace allmodes::diagnosis
