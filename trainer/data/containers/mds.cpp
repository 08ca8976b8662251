#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/array_dataset.h"
#include "data/containers/container.h"
#include "data/formats/decoders.h"
#include "data/mapped_file.h"

namespace allmodes::data {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct MdsColumn {
  std::string name;
  std::string encoding;
  int64_t size = -1;  // bytes of each value; -1: each sample says
};

struct MdsShard {
  std::string path;
  std::unique_ptr<MappedFile> file;
  std::vector<uint8_t> unpacked;  // of a packed shard
  std::span<const uint8_t> bytes;
  std::vector<MdsColumn> columns;
  size_t picture = 0;  // its column
  int64_t label = -1;  // its column, -1 without one
  uint32_t samples = 0;
};

bool is_integer(const std::string& encoding) {
  return encoding == "int" || encoding == "uint8" || encoding == "uint16" || encoding == "uint32" ||
         encoding == "uint64" || encoding == "int8" || encoding == "int16" || encoding == "int32" ||
         encoding == "int64";
}

class Mds final : public Container {
 public:
  explicit Mds(const std::string& folder) : folder_(folder) {
    const std::string index = (fs::path(folder) / "index.json").string();
    const MappedFile file(index);
    changed_ = last_change(index);
    const auto refuse = [&](const std::string& why) {
      ALLMODES_FAIL(ExitCode::kDataError, "{}: {}", index, why);
    };
    const Json root = Json::parse(file.data(), file.data() + file.size(), nullptr, false);
    if (!root.is_object() || !root.contains("shards") || !root["shards"].is_array())
      refuse("an index of MDS shards ({\"shards\": [...]}) was expected");
    try {
      for (const Json& shard : root["shards"]) add_shard(shard);
    } catch (const Json::exception& error) {
      refuse(fmt::format("not as an index of MDS shards is: {}", error.what()));
    }
    if (starts_.empty()) refuse("it names no shard");
    starts_.push_back(total_);
  }

  int64_t size() const override { return total_; }
  std::string key(int64_t index) const override {
    const auto [shard, sample] = find(index);
    return fmt::format("{}:{}", fs::path(shard->path).filename().string(), sample);
  }
  std::string place(int64_t index) const override {
    const auto [shard, sample] = find(index);
    return fmt::format("{}: sample {}", shard->path, sample);
  }

  int64_t shard(int64_t index) const override { return find(index).first - shards_.data(); }
  std::pair<uint64_t, int64_t> stamp(int64_t index) const override {
    return {find(index).second, changed_};
  }

  uint64_t sampled_content() const override {
    uint64_t content = 0;
    for (const MdsShard& shard : shards_) content = sampled_hash(shard.bytes, content);
    return content;
  }
  Bytes read(int64_t index, uint64_t most) const override {
    const auto [shard, sample] = find(index);
    const auto value = column(*shard, sample, shard->picture);
    Bytes bytes;
    if (shard->columns[shard->picture].encoding == "pil") {
      bytes.owned = as_pnm(value);
      bytes.owned.resize(std::min<uint64_t>(most, bytes.owned.size()));
      bytes.view = bytes.owned;
    } else {
      bytes.view = value.first(std::min<uint64_t>(most, value.size()));
    }
    return bytes;
  }

  std::optional<Labels> labels() const override {
    Labels labels;
    int64_t largest = -1;
    for (int64_t i = 0; i < total_; ++i) {
      const auto [shard, sample] = find(i);
      if (shard->label < 0) return std::nullopt;
      const auto value = column(*shard, sample, static_cast<size_t>(shard->label));
      uint64_t label = 0;
      for (size_t k = std::min<size_t>(value.size(), 8); k-- > 0;) label = label << 8 | value[k];
      if (label >= 100'000)
        ALLMODES_FAIL(ExitCode::kDataError, "{}: the class {}; 0 to 99999 was expected", place(i),
                      label);
      largest = std::max(largest, static_cast<int64_t>(label));
      labels.values.push_back(static_cast<int32_t>(label));
    }
    for (int64_t k = 0; k <= largest; ++k) labels.names.push_back(fmt::format("{}", k));
    return labels;
  }

 private:
  [[noreturn]] static void fail(const MdsShard& shard, uint64_t byte, const std::string& message) {
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: {}", shard.path, byte, message);
  }

  void add_shard(const Json& entry) {
    MdsShard shard;
    const auto names = entry.at("column_names").get<std::vector<std::string>>();
    const auto encodings = entry.at("column_encodings").get<std::vector<std::string>>();
    const Json& sizes = entry.at("column_sizes");
    const auto raw_name = entry.at("raw_data").at("basename").get<std::string>();
    shard.path = (fs::path(folder_) / fs::path(raw_name).filename()).string();
    if (encodings.size() != names.size() || sizes.size() != names.size())
      fail(shard, 0, "the index names columns without encodings or sizes");
    for (size_t i = 0; i < names.size(); ++i)
      shard.columns.push_back({.name = names[i],
                               .encoding = encodings[i],
                               .size = sizes[i].is_null() ? -1 : sizes[i].get<int64_t>()});
    choose_columns(shard);
    open(shard, entry);
    shard.samples = entry.at("samples").get<uint32_t>();
    if (shard.bytes.size() < 4 || little_endian_32(shard.bytes.data()) != shard.samples ||
        (uint64_t{shard.samples} + 2) * 4 > shard.bytes.size())
      fail(shard, 0, fmt::format("{} samples were expected by the index", shard.samples));
    if (shard.samples == 0) return;
    starts_.push_back(total_);
    total_ += shard.samples;
    shards_.push_back(std::move(shard));
  }

  static void choose_columns(MdsShard& shard) {
    bool found = false;
    for (size_t i = 0; i < shard.columns.size(); ++i) {
      const std::string& encoding = shard.columns[i].encoding;
      if (encoding == "pkl")
        fail(shard, 0,
             fmt::format("the column '{}' is a Python pickle, and reading one runs code; write it "
                         "with another encoding",
                         shard.columns[i].name));
      if (!found &&
          (encoding == "jpeg" || encoding == "png" || encoding == "pil" || encoding == "bytes")) {
        shard.picture = i;
        found = true;
      }
      if (shard.label < 0 && is_integer(encoding)) shard.label = static_cast<int64_t>(i);
    }
    if (!found) fail(shard, 0, "no column of pictures (jpeg, png, pil or bytes)");
  }

  void open(MdsShard& shard, const Json& entry) const {
    std::error_code error;
    const bool packed = entry.contains("zip_data") && entry["zip_data"].is_object();
    if (!packed || fs::exists(shard.path, error)) {
      shard.file = std::make_unique<MappedFile>(shard.path);
      shard.bytes = {shard.file->data(), shard.file->size()};
      return;
    }
    const auto compression = entry.at("compression").get<std::string>();
    const auto name = entry["zip_data"].at("basename").get<std::string>();
    const uint64_t bytes = entry.at("raw_data").at("bytes").get<uint64_t>();
    const std::string path = (fs::path(folder_) / fs::path(name).filename()).string();
    if (!compression.starts_with("zstd"))
      ALLMODES_FAIL(ExitCode::kDataError, "{}: packed as '{}'; plain and zstd shards are read",
                    path, compression);
    const MappedFile file(path);
    const unsigned long long said = ZSTD_getFrameContentSize(file.data(), file.size());
    if (said != bytes)
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}, byte 0: zstd data of the {} bytes that the index says was expected", path,
                    bytes);
    require_memory(1, bytes, path);
    shard.unpacked.resize(bytes);
    const size_t got = ZSTD_decompress(shard.unpacked.data(), bytes, file.data(), file.size());
    if (ZSTD_isError(got) != 0 || got != bytes)
      ALLMODES_FAIL(ExitCode::kDataError, "{}: the zstd data is damaged ({})", path,
                    ZSTD_isError(got) != 0 ? ZSTD_getErrorName(got) : "another size");
    shard.bytes = shard.unpacked;
  }

  std::pair<const MdsShard*, uint32_t> find(int64_t index) const {
    const auto after = std::ranges::upper_bound(starts_, index);
    const auto shard = static_cast<size_t>(after - starts_.begin()) - 1;
    return {&shards_[shard], static_cast<uint32_t>(index - starts_[shard])};
  }

  // One column of one sample. Sizes of columns that vary stand first, then all values in order.
  static std::span<const uint8_t> column(const MdsShard& shard, uint32_t sample, size_t wanted) {
    const uint8_t* offsets = shard.bytes.data() + 4 + 4 * uint64_t{sample};
    const uint64_t begin = little_endian_32(offsets);
    const uint64_t end = little_endian_32(offsets + 4);
    if (begin > end || end > shard.bytes.size())
      damaged(4 + 4 * uint64_t{sample}, "a sample from byte {} to {} of {}; the shard is truncated",
              begin, end, shard.bytes.size());
    uint64_t varying = 0;
    for (const MdsColumn& c : shard.columns) varying += c.size < 0 ? 1 : 0;
    uint64_t at = begin + 4 * varying;
    uint64_t next_size = begin;
    for (size_t i = 0; i < shard.columns.size(); ++i) {
      uint64_t size = 0;
      if (shard.columns[i].size < 0) {
        if (next_size + 4 > end) damaged(next_size, "a size was expected");
        size = little_endian_32(shard.bytes.data() + next_size);
        next_size += 4;
      } else {
        size = static_cast<uint64_t>(shard.columns[i].size);
      }
      if (at > end || size > end - at)
        damaged(at, "the column '{}' of {} bytes goes beyond its sample", shard.columns[i].name,
                size);
      if (i == wanted) return shard.bytes.subspan(at, size);
      at += size;
    }
    return {};
  }

  // Width, height, the mode's length, the mode, the values.
  static std::vector<uint8_t> as_pnm(std::span<const uint8_t> value) {
    if (value.size() < 12) damaged(0, "a picture of Pillow's was expected");
    const uint64_t width = little_endian_32(&value[0]);
    const uint64_t height = little_endian_32(&value[4]);
    const uint64_t mode_bytes = little_endian_32(&value[8]);
    if (mode_bytes > value.size() - 12) damaged(8, "a mode of {} letters", mode_bytes);
    const std::string mode(reinterpret_cast<const char*>(&value[12]), mode_bytes);
    if (mode != "L" && mode != "RGB")
      damaged(12, "a picture of Pillow's mode '{}'; L and RGB are read", mode);
    const std::string header = fmt::format("P{}\n{} {}\n255\n", mode == "L" ? 5 : 6, width, height);
    std::vector<uint8_t> out(header.begin(), header.end());
    out.insert(out.end(), value.begin() + static_cast<int64_t>(12 + mode_bytes), value.end());
    return out;
  }

  std::string folder_;
  int64_t changed_ = 0;  // the index, which is written with the shards
  std::vector<MdsShard> shards_;
  std::vector<int64_t> starts_;  // of each shard, and the end
  int64_t total_ = 0;
};

}  // namespace

std::unique_ptr<Container> open_mds(const std::string& folder) {
  return std::make_unique<Mds>(folder);
}

}  // namespace allmodes::data
