#include <algorithm>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/containers/braces.h"
#include "data/containers/container.h"
#include "data/formats/picture.h"
#include "data/mapped_file.h"

namespace allmodes::data {
namespace {

constexpr uint64_t kBlock = 512;
constexpr int32_t kUnsaid = -1;

struct TarMember {
  std::string name;
  uint64_t begin = 0;
  uint64_t bytes = 0;
};

// The members of one shard, in order.
class TarReader {
 public:
  explicit TarReader(const MappedFile& file) : file_(file) {}

  // The next file, or nothing at the end.
  std::optional<TarMember> next() {
    std::string long_name;
    uint64_t long_size = 0;
    bool has_long_size = false;
    while (at_ + kBlock <= file_.size()) {
      const uint8_t* header = file_.data() + at_;
      if (std::all_of(header, header + kBlock, [](uint8_t b) { return b == 0; }))
        return std::nullopt;
      check_sum(header);
      uint64_t bytes = number(header + 124, 12);
      const char type = static_cast<char>(header[156]);
      const bool extended = type == 'x' || type == 'L' || type == 'K' || type == 'g';
      if (has_long_size && !extended) bytes = long_size;
      const uint64_t begin = at_ + kBlock;
      if (bytes > file_.size() - begin)
        fail(file_.size(), fmt::format("the tar archive ends here, but a member of {} bytes from "
                                       "byte {} was expected; it is truncated",
                                       bytes, begin));
      TarMember member{
          .name = long_name.empty() ? name_of(header) : long_name, .begin = begin, .bytes = bytes};
      at_ = begin + (bytes + kBlock - 1) / kBlock * kBlock;
      const std::string_view body(reinterpret_cast<const char*>(file_.data() + begin), bytes);
      if (type == 'L') {
        long_name = std::string(body.substr(0, body.find('\0')));
      } else if (type == 'x') {
        has_long_size = read_pax(begin, body, long_name, long_size) || has_long_size;
      } else if (type == '0' || type == '\0' || type == '7') {
        while (member.name.starts_with("./")) member.name.erase(0, 2);
        return member;
      } else if (!extended) {
        long_name.clear();
        has_long_size = false;
      }
    }
    if (at_ < file_.size())
      fail(file_.size(), "the tar archive ends inside a header; it is truncated");
    return std::nullopt;
  }

 private:
  [[noreturn]] void fail(uint64_t byte, const std::string& message) const {
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: {}", file_.path(), byte, message);
  }

  void check_sum(const uint8_t* header) const {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < kBlock; ++i) sum += i >= 148 && i < 156 ? ' ' : header[i];
    if (sum != number(header + 148, 8))
      fail(at_, "no header of a tar member (its checksum is wrong); the archive is damaged");
  }

  // Octal digits, or, with the first bit set, big-endian bytes.
  uint64_t number(const uint8_t* field, size_t width) const {
    uint64_t value = 0;
    if ((field[0] & 0x80U) != 0) {
      for (size_t i = width - 8; i < width; ++i) value = value << 8 | field[i];
      return value;
    }
    for (size_t i = 0; i < width; ++i) {
      if (field[i] == ' ' && value == 0) continue;
      if (field[i] < '0' || field[i] > '7') break;
      value = value << 3 | static_cast<uint64_t>(field[i] - '0');
    }
    return value;
  }

  static std::string text(const uint8_t* field, size_t width) {
    const auto* begin = reinterpret_cast<const char*>(field);
    return {begin, strnlen(begin, width)};
  }

  static std::string name_of(const uint8_t* header) {
    const std::string name = text(header, 100);
    const bool ustar = std::memcmp(header + 257, "ustar\0", 6) == 0;
    const std::string prefix = ustar ? text(header + 345, 155) : "";
    return prefix.empty() ? name : prefix + "/" + name;
  }

  // Records "LENGTH KEY=VALUE\n". (POSIX.1-2001, "pax Extended Header".)
  // Returns whether there was a size.
  bool read_pax(uint64_t begin, std::string_view body, std::string& name, uint64_t& size) const {
    bool has_size = false;
    for (size_t at = 0; at < body.size();) {
      size_t length = 0;
      size_t digits = at;
      for (; digits < body.size() && body[digits] >= '0' && body[digits] <= '9' &&
             length <= body.size();
           ++digits)
        length = length * 10 + static_cast<size_t>(body[digits] - '0');
      if (length < 5 || length > body.size() - at || digits - at >= length || body[digits] != ' ')
        fail(begin + at, "a record of an extended tar header was expected");
      const std::string_view record = body.substr(digits + 1, at + length - digits - 2);
      const size_t equals = record.find('=');
      if (equals != std::string_view::npos) {
        const std::string_view key = record.substr(0, equals);
        const std::string_view value = record.substr(equals + 1);
        if (key == "path") name = std::string(value);
        if (key == "size") {
          uint64_t bytes = 0;
          for (const char c : value)
            if (c < '0' || c > '9' || __builtin_mul_overflow(bytes, uint64_t{10}, &bytes) ||
                __builtin_add_overflow(bytes, static_cast<uint64_t>(c - '0'), &bytes))
              fail(begin + at, "a size that is no number");
          size = bytes;
          has_size = true;
        }
      }
      at += length;
    }
    return has_size;
  }

  const MappedFile& file_;
  uint64_t at_ = 0;
};

struct TarSample {
  uint32_t shard = 0;
  int32_t label = kUnsaid;
  TarMember picture = {};
};

class Tar final : public Container {
 public:
  explicit Tar(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      shards_.emplace_back(path);
      changed_.push_back(last_change(path));
    }
    for (uint32_t shard = 0; shard < shards_.size(); ++shard) read_shard(shard);
  }

  int64_t size() const override { return std::ssize(samples_); }
  std::string key(int64_t index) const override { return sample(index).picture.name; }
  std::string place(int64_t index) const override {
    return fmt::format("{}: {}", shards_[sample(index).shard].path(), sample(index).picture.name);
  }
  int64_t shard(int64_t index) const override { return sample(index).shard; }
  std::pair<uint64_t, int64_t> stamp(int64_t index) const override {
    const TarSample& s = sample(index);
    return {s.picture.begin << 32 ^ s.picture.bytes, changed_[s.shard]};
  }
  uint64_t sampled_content() const override {
    uint64_t content = 0;
    for (const MappedFile& shard : shards_)
      content = sampled_hash({shard.data(), shard.size()}, content);
    return content;
  }
  Bytes read(int64_t index, uint64_t most) const override {
    const TarSample& s = sample(index);
    Bytes bytes;
    bytes.view = {shards_[s.shard].data() + s.picture.begin, std::min(most, s.picture.bytes)};
    return bytes;
  }

  std::optional<Labels> labels() const override {
    int32_t largest = kUnsaid;
    for (const TarSample& s : samples_) largest = std::max(largest, s.label);
    if (largest == kUnsaid) return std::nullopt;
    Labels labels;
    for (int32_t k = 0; k <= largest; ++k) labels.names.push_back(fmt::format("{}", k));
    for (const TarSample& s : samples_) labels.values.push_back(s.label);
    return labels;
  }

 private:
  const TarSample& sample(int64_t index) const { return samples_[static_cast<size_t>(index)]; }

  void read_shard(uint32_t shard) {
    const MappedFile& file = shards_[shard];
    TarReader reader(file);
    std::string current;
    std::map<std::string, TarMember> parts;  // by suffix
    while (auto member = reader.next()) {
      const size_t base = member->name.rfind('/') + 1;
      const std::string_view last = std::string_view(member->name).substr(base);
      if (has_left_aside(member->name) || (last.starts_with("__") && last.ends_with("__")))
        continue;
      const size_t dot = member->name.find('.', base);
      const std::string key = member->name.substr(0, dot);
      std::string suffix = dot == std::string::npos ? "" : member->name.substr(dot + 1);
      for (char& c : suffix)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      if (key != current) {
        add_sample(shard, parts);
        current = key;
        parts.clear();
      }
      const uint64_t place = member->begin;
      const std::string name = member->name;
      if (!parts.emplace(suffix, std::move(*member)).second)
        ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: {}: the sample has '.{}' twice",
                      file.path(), place, name, suffix);
    }
    add_sample(shard, parts);
  }

  void add_sample(uint32_t shard, const std::map<std::string, TarMember>& parts) {
    if (parts.empty()) return;
    const TarMember* picture = nullptr;
    TarSample sample{.shard = shard};
    for (const auto& [suffix, member] : parts) {
      const std::span<const uint8_t> bytes(shards_[shard].data() + member.begin, member.bytes);
      if (suffix == "cls") sample.label = class_of(shard, member, text_of(bytes));
      if (suffix == "json" && sample.label == kUnsaid) sample.label = class_of_json(bytes);
      if (picture == nullptr && picture_format(bytes.first(std::min<size_t>(bytes.size(), 64))))
        picture = &member;
    }
    if (picture == nullptr)
      for (const char* suffix : {"jpg", "jpeg", "png", "webp"})
        if (picture == nullptr && parts.contains(suffix)) picture = &parts.at(suffix);
    sample.picture = picture != nullptr ? *picture : parts.begin()->second;
    samples_.push_back(std::move(sample));
  }

  static std::string_view text_of(std::span<const uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  int32_t class_of(uint32_t shard, const TarMember& member, std::string_view text) const {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r'))
      text.remove_suffix(1);
    int32_t label = 0;
    for (const char c : text) {
      if (c < '0' || c > '9' || label >= 10'000)
        ALLMODES_FAIL(ExitCode::kDataError,
                      "{}, byte {}: {}: a class is a whole number from 0 to 99999",
                      shards_[shard].path(), member.begin, member.name);
      label = label * 10 + (c - '0');
    }
    return text.empty() ? kUnsaid : label;
  }

  static int32_t class_of_json(std::span<const uint8_t> bytes) {
    const auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    if (!json.is_object()) return kUnsaid;
    for (const char* name : {"cls", "label"})
      if (json.contains(name) && json[name].is_number_integer()) {
        const auto label = json[name].get<int64_t>();
        if (label >= 0 && label < 100'000) return static_cast<int32_t>(label);
      }
    return kUnsaid;
  }

  std::vector<MappedFile> shards_;
  std::vector<int64_t> changed_;  // [shards]
  std::vector<TarSample> samples_;
};

}  // namespace

std::unique_ptr<Container> open_tar(const std::string& path) {
  return std::make_unique<Tar>(expand_braces(path));
}

}  // namespace allmodes::data
