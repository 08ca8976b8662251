#include "records/tensorboard_sink.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

#include "base/durable_file.h"

namespace allmodes::records {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostPictureBytes = UINT64_C(64) << 20;
constexpr std::string_view kLoss = "loss_";

std::string tag_of(const Record& record, const std::string& name) {
  if (record.kind == "train" && name.starts_with(kLoss)) return "loss/" + name.substr(kLoss.size());
  return record.kind + "/" + name;
}

// The configuration as a block of code.
std::string as_code(const std::string& text) {
  return "```\n" + text + "\n```";
}

// A picture's name and step: "fakes-00000200.png" -> fakes, 200; "reals.png" -> reals, 0.
std::pair<std::string, uint64_t> parts_of(const std::string& stem) {
  const size_t dash = stem.rfind('-');
  uint64_t step = 0;
  if (dash == std::string::npos) return {stem, 0};
  const char* last = stem.data() + stem.size();
  const auto parsed = std::from_chars(stem.data() + dash + 1, last, step);
  if (parsed.ec != std::errc() || parsed.ptr != last) return {stem, 0};
  return {stem.substr(0, dash), step};
}

// A big-endian number in a PNG's header: width at byte 16, height at 20.
int64_t header_number(const std::string& png, size_t at) {
  int64_t value = 0;
  for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<uint8_t>(png[i]);
  return value;
}

void add_value(const Record& record, const std::string& name, const Value& value,
               EventSummary& summary) {
  const std::string tag = tag_of(record, name);
  if (const auto* reals = std::get_if<std::vector<double>>(&value)) {
    if (const auto histogram = histogram_of(*reals); histogram.count > 0)
      summary.histogram(tag, histogram);
  } else if (const auto* counts = std::get_if<std::vector<int64_t>>(&value)) {
    const std::vector<double> numbers(counts->begin(), counts->end());
    const auto histogram =
        name == "histogram" ? histogram_of_counts(numbers) : histogram_of(numbers);
    if (histogram.count > 0) summary.histogram(tag, histogram);
  } else if (const auto number = record.number(name)) {
    summary.scalar(tag, *number);
  }
}

}  // namespace

TensorBoardSink::TensorBoardSink(const RunFolder& folder, const std::string& host,
                                 const std::string& configuration,
                                 const std::vector<EventSetting>& settings,
                                 std::optional<uint64_t> resumed_step)
    : folder_(folder),
      host_(host),
      resumed_step_(resumed_step),
      file_(folder.tensorboard(), host, resumed_step) {
  EventSummary summary;
  summary.text("configuration", as_code(configuration));
  summary.settings(settings);
  file_.write(resumed_step.value_or(0), summary);
  if (!resumed_step) return;
  // The files of the run's earlier parts have the pictures up to here.
  std::error_code error;
  for (fs::directory_iterator entry(folder.images(), error), end; !error && entry != end;
       entry.increment(error)) {
    const auto step = parts_of(entry->path().stem().string()).second;
    if (step <= *resumed_step) shown_.insert(entry->path().filename().string());
  }
}

void TensorBoardSink::write(const Record& record) {
  EventSummary summary;
  if (record.kind == "verdict" || record.kind == "rollback") {
    std::string text = record.kind == "rollback" ? "went back" : "";
    for (const char* name : {"state", "kind", "reason"}) {
      const auto* value = record.find(name);
      const auto* part = value == nullptr ? nullptr : std::get_if<std::string>(value);
      if (part != nullptr && !part->empty()) text += (text.empty() ? "" : ": ") + *part;
    }
    summary.text(record.kind, text);
  } else {
    for (const auto& [name, value] : record.values) add_value(record, name, value, summary);
  }
  file_.write(record.step, summary);
  if (record.kind == "verdict" || record.kind == "train") add_pictures();
}

void TensorBoardSink::add_pictures() {
  std::error_code error;
  std::vector<fs::path> fresh;
  for (fs::directory_iterator entry(folder_.images(), error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::path& path = entry->path();
    if (path.extension() == ".png" && !is_temporary(path) &&
        !shown_.contains(path.filename().string()))
      fresh.push_back(path);
  }
  std::sort(fresh.begin(), fresh.end());
  constexpr size_t kHeaderBytes = 24;
  for (const fs::path& path : fresh) {
    if (pictures_ != nullptr && pictures_->bytes() > kMostPictureBytes) return;
    shown_.insert(path.filename().string());
    const std::string png = read_file(path);
    if (png.size() < kHeaderBytes) continue;
    if (pictures_ == nullptr)
      pictures_ =
          std::make_unique<EventFile>(folder_.tensorboard() / "pictures", host_, resumed_step_);
    const auto [name, step] = parts_of(path.stem().string());
    EventSummary summary;
    summary.picture(name, png, header_number(png, 16), header_number(png, 20));
    pictures_->write(step, summary);
  }
}

}  // namespace allmodes::records
