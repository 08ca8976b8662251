#pragma once

// Weights that others have trained, as safetensors: which tensors a file must hold, and nothing
// else is read.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "checkpoints/safetensors.h"

namespace allmodes::pretrained {

struct NamedShape {
  std::string name;  // in the file
  std::vector<int64_t> shape;
};

// What a file must hold, and whose tensors these are. The same network is published under several
// sets of names; each is a table, a dialect.
struct WeightTable {
  std::string of;  // "VGG16's features"
  std::vector<NamedShape> tensors;
  std::vector<std::string> ignored_beginnings = {};  // of names of tensors that are not read
  std::vector<std::string> ignored_endings = {};

  bool ignores(const std::string& name) const;
};

// Throws kNoInput or kDataError unless the file holds exactly the tensors of the table, as F32, and
// what may be ignored: what is wrong with the first one by name, what was expected, what was found,
// and how many others are wrong too.
checkpoints::SafetensorsFile open_checked(const std::filesystem::path& path,
                                          const WeightTable& table);

// The one of the tables that shares most names with the file, the first of equals.
const WeightTable& dialect_of(const checkpoints::SafetensorsFile& file,
                              std::span<const WeightTable> tables);

struct Weights {
  std::map<std::string, at::Tensor> tensors;  // by the table's names, float, on the host
  // XXH3 of all numbers in the order of the table: the same whatever the file is called and however
  // its tensors lie in it.
  uint64_t hash = 0;

  const at::Tensor& at(const std::string& name) const;
};

// As open_checked(), and throws kDataError for numbers that are not finite.
Weights read_checked(const std::filesystem::path& path, const WeightTable& table);

// Weights::hash of these tensors in the order of the table.
uint64_t hash_of(const Weights& weights, const WeightTable& table);

// "0123456789abcdef", as messages show a hash.
std::string hash_text(uint64_t hash);

}  // namespace allmodes::pretrained
