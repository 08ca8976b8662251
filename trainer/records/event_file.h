#pragma once

// TensorBoard's event files.
//
// A file is a row of records: eight bytes of little-endian length, the masked CRC-32C of these,
// that many bytes, their masked CRC-32C (tensorflow/core/lib/io/record_writer.h). The bytes are a
// protocol-buffer message `Event` (tensorflow/core/util/event.proto), of which few fields are used
// here; they are written by hand, so that nothing of TensorFlow is needed.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace allmodes::records {

// CRC-32C (Castagnoli), and as event files store it, rotated by 15 bits plus a constant.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

// A histogram as TensorBoard draws one: counts[i] values lie between limits[i - 1] and limits[i].
struct EventHistogram {
  double least = 0;
  double greatest = 0;
  double count = 0;
  double sum = 0;
  double sum_squares = 0;
  std::vector<double> limits;
  std::vector<double> counts;
};
// Of the finite ones of these values, in at most 30 equal bins.
EventHistogram histogram_of(std::span<const double> values);
// Of what has been counted already: counts[k] of the number k.
EventHistogram histogram_of_counts(std::span<const double> counts);

// A setting of a run: its name, and its value as a text-proto writes it (0.5, true, "hinge").
struct EventSetting {
  std::string name;
  std::string value;
};

// The values of one step, gathered into one event.
class EventSummary {
 public:
  void scalar(std::string_view tag, double value);
  void histogram(std::string_view tag, const EventHistogram& histogram);
  // A PNG file's bytes.
  void picture(std::string_view tag, std::string_view png, int64_t width, int64_t height);
  // Markdown.
  void text(std::string_view tag, std::string_view text);
  // The run's settings for the table of TensorBoard's page HParams
  // (tensorboard/plugins/hparams/plugin_data.proto).
  void settings(const std::vector<EventSetting>& settings);
  bool empty() const { return bytes_.empty(); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;  // of a message Summary
};

class EventFile {
 public:
  // Creates folder/events.out.tfevents.<seconds>.<host>.<pid>, with those above it. With
  // `resumed_step` readers drop what earlier files of the folder hold of later steps. Throws
  // kCannotCreate or kInputOutput.
  EventFile(const std::filesystem::path& folder, const std::string& host,
            std::optional<uint64_t> resumed_step);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  // Hands the event to the system whole. Throws kInputOutput.
  void write(uint64_t step, const EventSummary& summary);
  uint64_t bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(std::string_view event);

  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t bytes_ = 0;
};

}  // namespace allmodes::records
