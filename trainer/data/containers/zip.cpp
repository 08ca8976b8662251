#include <xxhash.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "data/containers/container.h"
#include "data/containers/label_files.h"
#include "data/formats/decoders.h"
#include "data/mapped_file.h"

namespace allmodes::data {
namespace {

constexpr uint32_t kEndRecord = 0x06054b50;
constexpr uint32_t kEndRecord64 = 0x06064b50;
constexpr uint32_t kEndLocator64 = 0x07064b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint64_t kEndRecordBytes = 22;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
constexpr const char* kLabelsFile = "dataset.json";

uint64_t little_endian_64(const uint8_t* p) {
  return uint64_t{little_endian_32(p + 4)} << 32 | little_endian_32(p);
}

struct ZipMember {
  std::string name;
  uint64_t header_at = 0;
  uint64_t stored_bytes = 0;
  uint64_t bytes = 0;
  uint32_t checksum = 0;
  uint16_t method = 0;
  bool encrypted = false;
};

class Zip final : public Container {
 public:
  Zip(const std::string& path, uint64_t most_bytes)
      : file_(path), most_bytes_(most_bytes), changed_(last_change(path)) {
    read_directory();
    std::ranges::sort(members_, key_before, &ZipMember::name);
    for (size_t i = 1; i < members_.size(); ++i)
      if (members_[i].name == members_[i - 1].name)
        fail(members_[i].header_at, fmt::format("'{}' is in it twice", members_[i].name));
  }

  int64_t size() const override { return std::ssize(members_); }
  std::string key(int64_t index) const override { return member(index).name; }
  std::string place(int64_t index) const override {
    return fmt::format("{}: {}", file_.path(), member(index).name);
  }
  std::pair<uint64_t, int64_t> stamp(int64_t index) const override {
    return {uint64_t{member(index).checksum} << 32 ^ member(index).bytes, changed_};
  }
  Bytes read(int64_t index, uint64_t most) const override {
    return read_member(member(index), most);
  }

  std::optional<Labels> labels() const override {
    if (!labels_file_) return labels_beside(*this);
    const Bytes text = read_member(*labels_file_, UINT64_MAX);
    return labels_of_dataset_json(*this, fmt::format("{}: {}", file_.path(), labels_file_->name),
                                  text.view);
  }

 private:
  const ZipMember& member(int64_t index) const { return members_[static_cast<size_t>(index)]; }
  const uint8_t* at(uint64_t byte) const { return file_.data() + byte; }

  [[noreturn]] void fail(uint64_t byte, const std::string& message) const {
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: {}", file_.path(), byte, message);
  }

  void need(uint64_t byte, uint64_t count, const char* what) const {
    if (byte > file_.size() || count > file_.size() - byte)
      fail(file_.size(),
           fmt::format("the zip archive ends here, but {} ({} bytes from byte {}) was expected",
                       what, count, byte));
  }

  // Where the archive's directory ends: its record is behind everything but a comment.
  uint64_t find_end() const {
    if (file_.size() < kEndRecordBytes) fail(file_.size(), "the zip archive is truncated");
    const uint64_t last = file_.size() - kEndRecordBytes;
    const uint64_t first = last - std::min<uint64_t>(last, 0xFFFF);
    for (uint64_t place = last + 1; place-- > first;)
      if (little_endian_32(at(place)) == kEndRecord &&
          place + kEndRecordBytes + little_endian_16(at(place + 20)) <= file_.size())
        return place;
    fail(file_.size(), "the zip archive has no directory at its end; it is truncated");
  }

  void read_directory() {
    const uint64_t end = find_end();
    uint64_t entries = little_endian_16(at(end + 10));
    uint64_t begin = little_endian_32(at(end + 16));
    if (end >= 20 && little_endian_32(at(end - 20)) == kEndLocator64) {
      const uint64_t record = little_endian_64(at(end - 12));
      need(record, 56, "the directory's record");
      if (little_endian_32(at(record)) != kEndRecord64)
        fail(record, "the record of a ZIP64 directory was expected");
      entries = little_endian_64(at(record + 32));
      begin = little_endian_64(at(record + 48));
    }
    need(begin, 0, "the directory");
    if (entries > (file_.size() - begin) / 46)
      fail(end, fmt::format("a directory of {} entries from byte {} does not fit", entries, begin));
    uint64_t place = begin;
    for (uint64_t i = 0; i < entries; ++i) place = read_entry(place);
  }

  // Returns where the next one is.
  uint64_t read_entry(uint64_t place) {
    need(place, 46, "an entry of the directory");
    if (little_endian_32(at(place)) != kCentralHeader)
      fail(place, "an entry of the directory was expected");
    const uint64_t name_bytes = little_endian_16(at(place + 28));
    const uint64_t extra_bytes = little_endian_16(at(place + 30));
    const uint64_t comment_bytes = little_endian_16(at(place + 32));
    need(place + 46, name_bytes + extra_bytes + comment_bytes, "an entry's name");
    ZipMember member{.name = std::string(reinterpret_cast<const char*>(at(place + 46)), name_bytes),
                     .header_at = little_endian_32(at(place + 42)),
                     .stored_bytes = little_endian_32(at(place + 20)),
                     .bytes = little_endian_32(at(place + 24)),
                     .checksum = little_endian_32(at(place + 16)),
                     .method = little_endian_16(at(place + 10)),
                     .encrypted = (little_endian_16(at(place + 8)) & 1U) != 0};
    read_extra(place + 46 + name_bytes, extra_bytes, member);
    if (member.name == kLabelsFile)
      labels_file_ = member;
    else if (!member.name.empty() && member.name.back() != '/' && !has_left_aside(member.name))
      members_.push_back(std::move(member));
    return place + 46 + name_bytes + extra_bytes + comment_bytes;
  }

  // Sizes and places above 4 GiB, in the order in which they did not fit.
  void read_extra(uint64_t place, uint64_t bytes, ZipMember& member) const {
    constexpr uint32_t kElsewhere = 0xFFFFFFFF;
    for (const uint64_t end = place + bytes; place + 4 <= end;) {
      const uint64_t field = little_endian_16(at(place));
      const uint64_t size = little_endian_16(at(place + 2));
      uint64_t value = place + 4;
      place = value + size;
      if (place > end) return;
      if (field != 1) continue;
      for (uint64_t* number : {&member.bytes, &member.stored_bytes, &member.header_at}) {
        if (*number != kElsewhere) continue;
        if (value + 8 > place) fail(value, "a ZIP64 entry that is too short");
        *number = little_endian_64(at(value));
        value += 8;
      }
    }
  }

  Bytes read_member(const ZipMember& member, uint64_t most) const {
    need(member.header_at, 30, "a member's header");
    if (little_endian_32(at(member.header_at)) != kLocalHeader)
      damaged(member.header_at, "a zip member's header was expected");
    const uint64_t begin = member.header_at + 30 + little_endian_16(at(member.header_at + 26)) +
                           little_endian_16(at(member.header_at + 28));
    if (begin > file_.size() || member.stored_bytes > file_.size() - begin)
      damaged(file_.size(), "the zip archive ends inside of it");
    if (member.encrypted) damaged(member.header_at, "it is encrypted, which is not read");
    if (member.bytes > most_bytes_)
      damaged(member.header_at,
              "{} bytes when unpacked, above the limit of {} "
              "(data.largest_picture)",
              member.bytes, most_bytes_);
    const std::span<const uint8_t> stored(at(begin), member.stored_bytes);
    Bytes out;
    if (member.method == kStored) {
      if (member.stored_bytes != member.bytes)
        damaged(member.header_at, "two sizes, {} and {}", member.stored_bytes, member.bytes);
      out.view = stored.first(std::min(most, member.bytes));
    } else if (member.method == kDeflated) {
      out.owned = inflated(stored, std::min(most, member.bytes), member, begin);
      out.view = out.owned;
    } else {
      damaged(member.header_at, "packed by method {}; only stored and deflated members are read",
              member.method);
    }
    if (most >= member.bytes && crc32_z(0, out.view.data(), out.view.size()) != member.checksum)
      damaged(begin, "its checksum is wrong");
    return out;
  }

  static std::vector<uint8_t> inflated(std::span<const uint8_t> in, uint64_t bytes,
                                       const ZipMember& member, uint64_t begin) {
    // Deflate's best ratio is 1032 : 1.
    if (bytes / 1032 > in.size() + 1)
      damaged(member.header_at, "{} bytes cannot unpack to {}", in.size(), bytes);
    std::vector<uint8_t> out(bytes);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
      ALLMODES_FAIL(ExitCode::kOsError, "no memory to unpack it");
    struct Closer {
      z_stream& stream;
      ~Closer() { inflateEnd(&stream); }
    } closer{stream};
    stream.next_in = const_cast<Bytef*>(in.data());
    stream.next_out = out.data();
    constexpr uint64_t kAtOnce = 1U << 30;
    uint64_t given = 0;
    uint64_t room = 0;
    int state = Z_OK;
    while (state == Z_OK && (stream.avail_out > 0 || room < bytes)) {
      if (stream.avail_in == 0) {
        stream.avail_in = static_cast<uInt>(std::min(kAtOnce, in.size() - given));
        given += stream.avail_in;
      }
      if (stream.avail_out == 0) {
        stream.avail_out = static_cast<uInt>(std::min(kAtOnce, bytes - room));
        room += stream.avail_out;
      }
      state = inflate(&stream, Z_NO_FLUSH);
      if (state == Z_BUF_ERROR) break;
    }
    if (stream.total_out != bytes)
      damaged(begin + stream.total_in, "the packed data is damaged ({})",
              stream.msg != nullptr ? stream.msg : "it ends too early");
    return out;
  }

  MappedFile file_;
  uint64_t most_bytes_;
  int64_t changed_;
  std::vector<ZipMember> members_;
  std::optional<ZipMember> labels_file_;
};

}  // namespace

std::unique_ptr<Container> open_zip(const std::string& path, uint64_t most_bytes) {
  return std::make_unique<Zip>(path, most_bytes);
}

}  // namespace allmodes::data
