#include "data/containers/label_files.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/text.h"
#include "data/text_table.h"

namespace allmodes::data {
namespace {

constexpr const char* kStyleGanLabels = "dataset.json";
constexpr int64_t kLargestLabel = 99'999;

std::string_view base_of(std::string_view key) {
  return key.substr(key.rfind('/') + 1);  // 0 without one
}

std::unordered_map<std::string, size_t> places_of(const Container& container) {
  std::unordered_map<std::string, size_t> places;
  for (int64_t i = 0; i < container.size(); ++i)
    places.emplace(container.key(i), static_cast<size_t>(i));
  return places;
}

void name_by_number(Labels& labels) {
  const int32_t largest = *std::ranges::max_element(labels.values);
  for (int32_t k = 0; k <= largest; ++k) labels.names.push_back(fmt::format("{}", k));
}

// A class's number as text; nothing for anything else.
std::optional<int32_t> class_number(const std::string& text) {
  int32_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value >= 0 && value <= kLargestLabel ? std::optional(value) : std::nullopt;
}

// Gathers (file, label as text) of all metadata files.
class Metadata {
 public:
  explicit Metadata(const Container& container)
      : container_(container),
        places_(places_of(container)),
        texts_(static_cast<size_t>(container.size())) {}

  void read(int64_t index) {
    const std::string key = container_.key(index);
    place_ = container_.place(index);
    folder_ = key.substr(0, key.size() - base_of(key).size());
    const Bytes bytes = container_.read(index);
    const std::string text(bytes.view.begin(), bytes.view.end());
    key.ends_with(".csv") ? read_csv(text) : read_lines(text);
  }

  std::optional<Labels> labels() const {
    if (!labelled_) return std::nullopt;
    Labels labels;
    std::set<std::string> names;
    bool numbers = true;
    for (const auto& text : texts_) {
      if (!text) continue;
      names.insert(*text);
      numbers = numbers && class_number(*text);
    }
    std::map<std::string, int32_t> by_name;
    if (!numbers)
      for (const auto& name : names) {
        by_name.emplace(name, static_cast<int32_t>(by_name.size()));
        labels.names.push_back(readable_name(name));
      }
    for (const auto& text : texts_)
      labels.values.push_back(!text ? -1 : numbers ? *class_number(*text) : by_name.at(*text));
    if (numbers) name_by_number(labels);
    return labels;
  }

 private:
  [[noreturn]] void fail(int64_t line, const std::string& message) const {
    ALLMODES_FAIL(ExitCode::kDataError, "{}:{}: {}", place_, line, message);
  }

  void read_csv(const std::string& text) {
    const TextTable table = parse_table(place_, text);
    const auto column = [&](const char* name) {
      return std::ranges::find(table.header, name) - table.header.begin();
    };
    const auto file = column("file_name");
    const auto label = column("label");
    if (file == std::ssize(table.header)) fail(1, "a column 'file_name' was expected");
    for (size_t i = 0; i < table.rows.size(); ++i) {
      const auto& row = table.rows[i];
      add(table.lines[i], row[static_cast<size_t>(file)],
          label == std::ssize(table.header) ? "" : row[static_cast<size_t>(label)]);
    }
  }

  void read_lines(const std::string& text) {
    int64_t line = 1;
    for (size_t at = 0; at < text.size(); ++line) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string one = text.substr(at, end - at);
      at = end + 1;
      if (one.find_first_not_of(" \t\r") == std::string::npos) continue;
      const nlohmann::json json = nlohmann::json::parse(one, nullptr, false);
      if (!json.is_object() || !json.contains("file_name") || !json["file_name"].is_string())
        fail(line, "{\"file_name\": NAME, ...} was expected");
      std::string label;
      if (json.contains("label"))
        label = json["label"].is_string() ? json["label"].get<std::string>()
                : json["label"].is_null() ? ""
                                          : json["label"].dump();
      add(line, json["file_name"].get<std::string>(), label);
    }
  }

  void add(int64_t line, std::string name, const std::string& label) {
    std::ranges::replace(name, '\\', '/');
    while (name.starts_with("./")) name.erase(0, 2);
    const auto found = places_.find(folder_ + name);
    if (found == places_.end()) fail(line, fmt::format("'{}' is not there", folder_ + name));
    if (label.empty()) return;
    labelled_ = true;
    texts_[found->second] = label;
  }

  const Container& container_;
  std::unordered_map<std::string, size_t> places_;
  std::vector<std::optional<std::string>> texts_;  // of the container's files
  std::string place_;                              // of the file that is read, and its folder
  std::string folder_;
  bool labelled_ = false;
};

}  // namespace

bool is_label_file(std::string_view key) {
  const std::string_view base = base_of(key);
  return key == kStyleGanLabels || base == "metadata.csv" || base == "metadata.jsonl";
}

Labels labels_of_dataset_json(const Container& container, const std::string& place,
                              std::span<const uint8_t> text) {
  const auto refuse = [&](const std::string& why) {
    ALLMODES_FAIL(ExitCode::kDataError, "{}: {}", place, why);
  };
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& error) {
    refuse(fmt::format("no JSON: {}", error.what()));
  }
  if (!json.is_object() || !json.contains("labels") || json["labels"].is_null()) return {};
  if (!json["labels"].is_array()) refuse("[[NAME, CLASS], ...] was expected under 'labels'");
  std::unordered_map<std::string, int32_t> by_name;
  for (const auto& entry : json["labels"]) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string())
      refuse("[[NAME, CLASS], ...] was expected under 'labels'");
    if (!entry[1].is_number_integer())
      refuse(
          "labels are vectors; only whole numbers are read as classes: set data.classes: "
          "\"none\"");
    const auto label = entry[1].get<int64_t>();
    if (label < 0 || label > kLargestLabel) refuse(fmt::format("the class {}", label));
    std::string name = entry[0].get<std::string>();
    std::ranges::replace(name, '\\', '/');
    by_name[name] = static_cast<int32_t>(label);
  }
  Labels labels;
  if (by_name.empty()) return labels;
  for (int64_t i = 0; i < container.size(); ++i) {
    const auto found = by_name.find(container.key(i));
    labels.values.push_back(found == by_name.end() ? -1 : found->second);
  }
  int32_t largest = 0;
  for (const auto& [name, label] : by_name) largest = std::max(largest, label);
  for (int32_t k = 0; k <= largest; ++k) labels.names.push_back(fmt::format("{}", k));
  return labels;
}

std::optional<Labels> labels_beside(const Container& container) {
  std::optional<Metadata> metadata;
  for (int64_t i = 0; i < container.size(); ++i) {
    const std::string key = container.key(i);
    if (!is_label_file(key)) continue;
    if (key == kStyleGanLabels)
      return labels_of_dataset_json(container, container.place(i), container.read(i).view);
    if (!metadata) metadata.emplace(container);
    metadata->read(i);
  }
  return metadata ? metadata->labels() : std::nullopt;
}

}  // namespace allmodes::data
