#pragma once

// Decoded pictures kept on a disk as one file of bytes, which all ranks of a node and later jobs
// map into memory.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/picture_set.h"

namespace allmodes::data {

// Where such files lie: $ALLMODES_CACHE/data, else $XDG_CACHE_HOME/allmodes/data, else
// ~/.cache/allmodes/data.
std::filesystem::path picture_cache_folder();

// A number that changes with whatever the decoded bytes and their fingerprint depend on: the path,
// each file's name, size and time of its last change (of archives, their own), the labels, and the
// fields that say how pictures are read. What it cannot see is a file that was changed within its
// size and time.
uint64_t picture_cache_key(const config::Data& data, const PictureSet& set);

// What is said of a set beside its bytes.
struct CachedPictures {
  std::string path;  // the file of bytes: 64 bytes of header, then sample after sample
  SampleShape shape;
  int64_t size = 0;
  uint64_t fingerprint = 0;
  std::vector<int64_t> left_out;  // of the set's members: those that could not be read
  std::vector<std::string> remarks;
};

// The bytes begin here in the file.
inline constexpr uint64_t kPictureCacheHeader = 64;

// The cached pictures of `key`, where there are any that are whole.
std::optional<CachedPictures> find_cached_pictures(uint64_t key);

// Whether the cache's disk has room for so many bytes, and as many again.
bool cache_has_room(uint64_t bytes);

// The same; made by `make` where there are none that fit, by one process of the
// node while the others wait. `make` writes the samples through its argument and returns the
// rest. Throws what `make` throws, kCannotCreate, kInputOutput.
CachedPictures cached_pictures(
    uint64_t key,
    const std::function<CachedPictures(const std::function<void(const uint8_t*, size_t)>& write)>&
        make);

}  // namespace allmodes::data
