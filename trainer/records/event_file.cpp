#include "records/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/system_call.h"
#include "base/text.h"

namespace allmodes::records {
namespace {

static_assert(std::endian::native == std::endian::little);

// What a protocol-buffer field begins with: its number and how its value is written.
enum class Wire : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_tag(std::string& out, uint32_t field, Wire wire) {
  put_varint(out, field << 3 | static_cast<uint32_t>(wire));
}

void put_number(std::string& out, uint32_t field, uint64_t value) {
  put_tag(out, field, Wire::varint);
  put_varint(out, value);
}

template <typename T>
void append_raw(std::string& out, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

void put_double(std::string& out, uint32_t field, double value) {
  put_tag(out, field, Wire::fixed64);
  append_raw(out, value);
}

void put_float(std::string& out, uint32_t field, float value) {
  put_tag(out, field, Wire::fixed32);
  append_raw(out, value);
}

void put_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_tag(out, field, Wire::bytes);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_packed(std::string& out, uint32_t field, const std::vector<double>& values) {
  std::string packed;
  for (const double value : values) append_raw(packed, value);
  put_bytes(out, field, packed);
}

// Fields of Event, Summary and Summary.Value that are used here.
constexpr uint32_t kEventWallTime = 1, kEventStep = 2, kEventFileVersion = 3, kEventSummary = 5,
                   kEventSessionLog = 7;
constexpr uint32_t kSummaryValue = 1;
constexpr uint32_t kValueTag = 1, kValueSimple = 2, kValueImage = 4, kValueHistogram = 5,
                   kValueTensor = 8, kValueMetadata = 9;
constexpr uint64_t kStringTensor = 7;  // DataType DT_STRING

// A message google.protobuf.Value: a number, true or false, else a text.
std::string setting_value(const std::string& text) {
  constexpr uint32_t kNumber = 2, kText = 3, kTruth = 4;
  std::string value;
  double number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (text == "true" || text == "false") {
    put_number(value, kTruth, text == "true" ? 1 : 0);
  } else if (parsed.ec == std::errc() && parsed.ptr == end && !text.empty()) {
    put_double(value, kNumber, number);
  } else if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    put_bytes(value, kText, valid_utf8(text.substr(1, text.size() - 2)));
  } else {
    put_bytes(value, kText, valid_utf8(text));
  }
  return value;
}

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string begun_event(uint64_t step) {
  std::string event;
  put_double(event, kEventWallTime, seconds_since_1970());
  put_number(event, kEventStep, step);
  return event;
}

std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0x82F63B78U : 0U);
    table[i] = value;
  }
  return table;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = crc_table();
  uint32_t crc = ~0U;
  for (const char byte : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(byte)) & 0xFF];
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

EventHistogram histogram_of(std::span<const double> values) {
  constexpr size_t kBins = 30;
  EventHistogram histogram;
  std::vector<double> finite;
  for (const double value : values)
    if (std::isfinite(value)) finite.push_back(value);
  if (finite.empty()) return histogram;
  const auto [least, greatest] = std::ranges::minmax(finite);
  histogram.least = least;
  histogram.greatest = greatest;
  histogram.count = static_cast<double>(finite.size());
  const size_t bins = greatest > least ? kBins : 1;
  const double width = (greatest - least) / static_cast<double>(bins);
  for (size_t i = 1; i < bins; ++i)
    histogram.limits.push_back(least + width * static_cast<double>(i));
  histogram.limits.push_back(greatest);
  histogram.counts.assign(bins, 0.0);
  for (const double value : finite) {
    histogram.sum += value;
    histogram.sum_squares += value * value;
    const auto bin = width > 0 ? static_cast<size_t>((value - least) / width) : 0;
    histogram.counts[std::min(bin, bins - 1)] += 1;
  }
  return histogram;
}

EventHistogram histogram_of_counts(std::span<const double> counts) {
  EventHistogram histogram;
  if (counts.empty()) return histogram;
  histogram.greatest = static_cast<double>(counts.size() - 1);
  for (size_t k = 0; k < counts.size(); ++k) {
    const auto number = static_cast<double>(k);
    histogram.count += counts[k];
    histogram.sum += number * counts[k];
    histogram.sum_squares += number * number * counts[k];
    histogram.limits.push_back(number + 0.5);
    histogram.counts.push_back(counts[k]);
  }
  return histogram;
}

void EventSummary::scalar(std::string_view tag, double value) {
  std::string entry;
  put_bytes(entry, kValueTag, valid_utf8(tag));
  put_float(entry, kValueSimple, static_cast<float>(value));
  put_bytes(bytes_, kSummaryValue, entry);
}

void EventSummary::histogram(std::string_view tag, const EventHistogram& histogram) {
  std::string values;
  put_double(values, 1, histogram.least);
  put_double(values, 2, histogram.greatest);
  put_double(values, 3, histogram.count);
  put_double(values, 4, histogram.sum);
  put_double(values, 5, histogram.sum_squares);
  put_packed(values, 6, histogram.limits);
  put_packed(values, 7, histogram.counts);
  std::string entry;
  put_bytes(entry, kValueTag, valid_utf8(tag));
  put_bytes(entry, kValueHistogram, values);
  put_bytes(bytes_, kSummaryValue, entry);
}

void EventSummary::picture(std::string_view tag, std::string_view png, int64_t width,
                           int64_t height) {
  constexpr uint64_t kRgb = 3;
  std::string picture;
  put_number(picture, 1, static_cast<uint64_t>(height));
  put_number(picture, 2, static_cast<uint64_t>(width));
  put_number(picture, 3, kRgb);
  put_bytes(picture, 4, png);
  std::string entry;
  put_bytes(entry, kValueTag, valid_utf8(tag));
  put_bytes(entry, kValueImage, picture);
  put_bytes(bytes_, kSummaryValue, entry);
}

void EventSummary::text(std::string_view tag, std::string_view text) {
  // TensorProto: a list of one text.
  std::string dimension;
  put_number(dimension, 1, 1);
  std::string shape;
  put_bytes(shape, 2, dimension);
  std::string tensor;
  put_number(tensor, 1, kStringTensor);
  put_bytes(tensor, 2, shape);
  put_bytes(tensor, 8, valid_utf8(text));
  std::string plugin;
  put_bytes(plugin, 1, "text");
  std::string metadata;
  put_bytes(metadata, 1, plugin);
  std::string entry;
  put_bytes(entry, kValueTag, valid_utf8(tag));
  put_bytes(entry, kValueTensor, tensor);
  put_bytes(entry, kValueMetadata, metadata);
  put_bytes(bytes_, kSummaryValue, entry);
}

void EventSummary::settings(const std::vector<EventSetting>& settings) {
  constexpr uint32_t kSettings = 1, kStart = 5;         // of SessionStartInfo
  constexpr uint32_t kVersion = 1, kSessionStarts = 3;  // of HParamsPluginData
  std::string session;
  for (const EventSetting& setting : settings) {
    std::string entry;
    put_bytes(entry, 1, valid_utf8(setting.name));
    put_bytes(entry, 2, setting_value(setting.value));
    put_bytes(session, kSettings, entry);
  }
  put_double(session, kStart, seconds_since_1970());
  std::string content;
  put_number(content, kVersion, 0);
  put_bytes(content, kSessionStarts, session);
  std::string plugin;
  put_bytes(plugin, 1, "hparams");
  put_bytes(plugin, 2, content);
  std::string metadata;
  put_bytes(metadata, 1, plugin);
  std::string entry;
  put_bytes(entry, kValueTag, "_hparams_/session_start_info");
  put_bytes(entry, kValueMetadata, metadata);
  put_bytes(bytes_, kSummaryValue, entry);
}

EventFile::EventFile(const std::filesystem::path& folder, const std::string& host,
                     std::optional<uint64_t> resumed_step) {
  create_folders(folder);
  // Readers take the files of a folder in the order of their names: ten digits of seconds first.
  path_ = folder / fmt::format("events.out.tfevents.{:010}.{}.{}",
                               static_cast<int64_t>(seconds_since_1970()), host, ::getpid());
  descriptor_ = uninterrupted([&] {
    return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
  });
  if (descriptor_ < 0) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot create '{}': {}", path_.string(),
                  storage_cause(error));
  }
  std::string version = begun_event(0);
  put_bytes(version, kEventFileVersion, "brain.Event:2");
  write_record(version);
  if (!resumed_step) return;
  constexpr uint64_t kStart = 1;
  std::string session;
  put_number(session, 1, kStart);
  std::string begin = begun_event(*resumed_step + 1);
  put_bytes(begin, kEventSessionLog, session);
  write_record(begin);
}

EventFile::~EventFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void EventFile::write(uint64_t step, const EventSummary& summary) {
  if (summary.empty()) return;
  std::string event = begun_event(step);
  put_bytes(event, kEventSummary, summary.bytes());
  write_record(event);
}

void EventFile::write_record(std::string_view event) {
  std::string record;
  append_raw(record, static_cast<uint64_t>(event.size()));
  append_raw(record, masked_crc32c(record));
  record += event;
  append_raw(record, masked_crc32c(event));
  size_t written = 0;
  const int error = write_all(descriptor_, record.data(), record.size(), written);
  bytes_ += written;
  if (error != 0) {
    ALLMODES_FAIL(ExitCode::kInputOutput, "writing '{}' failed: {}", path_.string(),
                  storage_cause(error));
  }
}

}  // namespace allmodes::records
