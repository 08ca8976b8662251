#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/checkpoint.h"

namespace allmodes::checkpoints {

// One tensor of a file, as it lies there.
struct TensorEntry {
  std::string name;
  uint64_t begin = 0;  // byte offset in the file
  uint64_t bytes = 0;
  uint64_t xxh3 = 0;
};

struct FileEntry {
  std::string name;
  uint64_t bytes = 0;
  uint64_t xxh3 = 0;                 // XXH3 64 of the whole file
  std::vector<TensorEntry> tensors;  // says which one is damaged; may be empty
};

struct Manifest {
  State state;
  std::vector<FileEntry> files;
};

// The manifest as it lies on the disk: the serialized message, its last ten bytes the field
// manifest_xxh3, the hash of all bytes before it. (Concatenating messages merges them, so any
// protobuf reader reads the whole.) Text in it is made valid UTF-8, without which protobuf would
// write it but never read it again, and the result was decoded once: what is returned can be read.
std::string encode_manifest(const Manifest& manifest);

// Throws kDataError, naming `file`, when the hash, the format number or the content is wrong.
Manifest decode_manifest(std::string_view bytes, const std::string& file);

}  // namespace allmodes::checkpoints
