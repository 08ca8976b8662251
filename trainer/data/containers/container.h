#pragma once

// Files inside of something: a folder, a zip archive, tar shards, MDS shards.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/content.h"

namespace allmodes::data {

// A file's bytes, in memory of their own or where a map has them.
struct Bytes {
  std::vector<uint8_t> owned;
  std::span<const uint8_t> view;
};

// Immutable after construction: every function may be called from several threads at once.
class Container {
 public:
  virtual ~Container() = default;

  virtual int64_t size() const = 0;  // files inside

  // The file's name inside, with '/' between folders: the same wherever the container lies, and the
  // same for the same files in a folder and in an archive. Files are in the order of their names,
  // component by component; those of shards in the order in which they are stored.
  virtual std::string key(int64_t index) const = 0;

  // In which shard it is stored, from 0; files of one shard lie side by side in the numbering.
  virtual int64_t shard(int64_t) const { return 0; }

  // For messages: "photos/cat/1.jpg", "photos.zip: cat/1.jpg".
  virtual std::string place(int64_t index) const = 0;

  // At most the first `most` bytes. Throws kNoInput, kInputOutput or kDataError ("REASON", without
  // the place) when it cannot be read.
  virtual Bytes read(int64_t index, uint64_t most = UINT64_MAX) const = 0;

  // Two numbers that change when the file does: of its size or checksum, and of the time of the
  // last change. Zeros when it cannot be asked.
  virtual std::pair<uint64_t, int64_t> stamp(int64_t index) const = 0;

  // A number that changes, but for what lies between the places that are looked at, when the bytes
  // of its shards do: for data that are too many to be read whole at each start. 0 where stamp()
  // has checksums of the content, or there are no shards.
  virtual uint64_t sampled_content() const { return 0; }

  // What the container itself says of each file's class (of size() values; -1: not said); nothing
  // where it says nothing and folders may.
  virtual std::optional<Labels> labels() const { return std::nullopt; }
};

// When the file was last changed, in nanoseconds since 1970; 0 when it cannot be asked.
int64_t last_change(const std::string& path);

// Whether `a` comes before `b`, component by component.
bool key_before(const std::string& a, const std::string& b);

// Hidden files and folders, and what other programs leave beside data, as `__MACOSX`.
bool is_left_aside(std::string_view name);
// The same for any component of a key.
bool has_left_aside(std::string_view key);

// Of the folder and the folders below it. Throws kNoInput.
std::unique_ptr<Container> open_folder(const std::string& path);

// A zip archive with stored or deflated members, ZIP64 included (PKWARE APPNOTE 6.3). A
// `dataset.json` in it, as StyleGAN's data tool writes it, gives the labels. `most_bytes`: a member
// that unpacks to more is refused. Throws kNoInput, kDataError.
std::unique_ptr<Container> open_zip(const std::string& path, uint64_t most_bytes);

// Tar shards as WebDataset reads them: members that share a name up to the first dot of its last
// component are one sample; of it the picture is taken, and its class from `.cls` or from "label"
// or "cls" in `.json`. `path`: one file or several with braces, "train-{000000..000012}.tar".
// Throws kNoInput, kDataError.
std::unique_ptr<Container> open_tar(const std::string& path);

// A folder of MDS shards (MosaicML streaming), plain or zstd: the first column of pictures, and the
// first of integers as the class. Columns of pickles are refused: reading one runs code. Throws
// kNoInput, kDataError.
std::unique_ptr<Container> open_mds(const std::string& folder);

// One of these, told by content.
std::unique_ptr<Container> open_container(const std::string& path, uint64_t most_bytes);

}  // namespace allmodes::data
