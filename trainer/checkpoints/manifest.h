#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/checkpoint.h"

namespace allmodes::checkpoints {

struct FileEntry {
  std::string name;
  uint64_t bytes = 0;
  uint64_t xxh3 = 0;  // XXH3 64 of the whole file
};

struct Manifest {
  State state;
  std::vector<FileEntry> files;
};

// The manifest as it lies on the disk: the serialized message, its last ten bytes the field
// manifest_xxh3, the hash of all bytes before it. (Concatenating messages merges them, so any
// protobuf reader reads the whole.)
std::string encode_manifest(const Manifest& manifest);

// Throws kDataError, naming `file`, when the hash, the format number or the content is wrong.
Manifest decode_manifest(std::string_view bytes, const std::string& file);

}  // namespace allmodes::checkpoints
