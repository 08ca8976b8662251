#include "records/record.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/durable_file.h"
#include "base/error.h"

namespace allmodes::records {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNonFinite = "_nonfinite";

std::string non_finite_name(double value) {
  if (std::isnan(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

double non_finite_value(const std::string& name) {
  if (name == "inf") return std::numeric_limits<double>::infinity();
  if (name == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

void put(Json& json, const std::string& name, double value) {
  if (std::isfinite(value)) {
    json[name] = value;
  } else {
    json[name] = nullptr;
    json[name + std::string(kNonFinite)] = non_finite_name(value);
  }
}

void put(Json& json, const std::string& name, const std::vector<double>& list) {
  Json values = Json::array();
  Json lost = Json::array();
  for (const double value : list) {
    if (std::isfinite(value)) {
      values.push_back(value);
    } else {
      values.push_back(nullptr);
      lost.push_back(non_finite_name(value));
    }
  }
  json[name] = std::move(values);
  if (!lost.empty()) json[name + std::string(kNonFinite)] = std::move(lost);
}

template <typename T>
void put(Json& json, const std::string& name, const T& value) {
  json[name] = value;
}

// A list of the numbers in `json`, the nulls filled from their companion.
std::vector<double> read_doubles(const Json& json, const Json* companion) {
  std::vector<double> list;
  size_t lost = 0;
  for (const Json& element : json) {
    if (element.is_null() && companion != nullptr) {
      list.push_back(non_finite_value(companion->at(lost++).get<std::string>()));
    } else {
      list.push_back(element.get<double>());
    }
  }
  return list;
}

Value read_value(const Json& json, const Json* companion) {
  if (json.is_null()) {
    return non_finite_value(companion == nullptr ? "nan" : companion->get<std::string>());
  }
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  const auto all = [&](auto test) { return std::all_of(json.begin(), json.end(), test); };
  if (all([](const Json& e) { return e.is_string(); }) && !json.empty()) {
    return json.get<std::vector<std::string>>();
  }
  if (all([](const Json& e) { return e.is_number_integer(); }) && !json.empty()) {
    return json.get<std::vector<int64_t>>();
  }
  return read_doubles(json, companion);
}

Record parse_record(std::string_view line) {
  const Json json = Json::parse(line);
  Record record{.kind = json.at("record").get<std::string>(),
                .step = json.at("step").get<uint64_t>(),
                .samples = json.at("samples").get<uint64_t>(),
                .time_s = json.at("time_s").is_null() ? 0.0 : json.at("time_s").get<double>(),
                .values = {}};
  for (const auto& [name, value] : json.items()) {
    if (name == "record" || name == "step" || name == "samples" || name == "time_s") continue;
    if (name.ends_with(kNonFinite) &&
        json.contains(name.substr(0, name.size() - kNonFinite.size()))) {
      continue;
    }
    const auto companion = json.find(name + std::string(kNonFinite));
    record.values.emplace_back(name,
                               read_value(value, companion == json.end() ? nullptr : &*companion));
  }
  return record;
}

// Calls keep(line, record) for each whole line.
template <typename Keep>
void for_each_record(const std::filesystem::path& path, const std::string& content, Keep keep) {
  size_t begin = 0;
  for (int64_t number = 1;; ++number) {
    const size_t end = content.find('\n', begin);
    if (end == std::string::npos) return;
    const std::string_view line(content.data() + begin, end - begin);
    try {
      keep(line, parse_record(line));
    } catch (const Json::exception& error) {
      ALLMODES_FAIL(ExitCode::kDataError, "{}:{}: not a record ({})", path.string(), number,
                    error.what());
    }
    begin = end + 1;
  }
}

void drop_later_records(const std::filesystem::path& path, uint64_t resumed_step) {
  if (!std::filesystem::exists(path)) return;
  const std::string content = read_file(path);
  std::string kept;
  for_each_record(path, content, [&](std::string_view line, const Record& record) {
    if (record.step <= resumed_step) kept.append(line).push_back('\n');
  });
  if (kept != content) write_file_atomically(path, kept);
}

}  // namespace

void Record::set(std::string_view name, Value value) {
  for (auto& [known, old] : values) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  values.emplace_back(name, std::move(value));
}

const Value* Record::find(std::string_view name) const {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

std::optional<double> Record::number(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (const auto* real = std::get_if<double>(value)) return *real;
  if (const auto* integer = std::get_if<int64_t>(value)) return static_cast<double>(*integer);
  if (const auto* flag = std::get_if<bool>(value)) return *flag ? 1.0 : 0.0;
  return std::nullopt;
}

std::string to_json(const Record& record) {
  Json json;
  json["record"] = record.kind;
  json["step"] = record.step;
  json["samples"] = record.samples;
  put(json, "time_s", record.time_s);
  for (const auto& [name, value] : record.values) {
    std::visit([&, &key = name](const auto& v) { put(json, key, v); }, value);
  }
  // Text from outside (a folder name as a class) may not be UTF-8: replaced, never thrown over.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

JsonLinesSink::JsonLinesSink(std::filesystem::path path, std::optional<uint64_t> resumed_step)
    : path_(std::move(path)) {
  if (resumed_step.has_value()) drop_later_records(path_, *resumed_step);
  const int mode = resumed_step.has_value() ? O_APPEND : O_TRUNC | O_APPEND;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0644);
  if (descriptor_ < 0) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot open '{}' for writing: {}", path_.string(),
                  std::strerror(error));
  }
}

JsonLinesSink::~JsonLinesSink() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void JsonLinesSink::write(const Record& record) {
  const std::string line = to_json(record) + "\n";
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t written = ::write(descriptor_, line.data() + done, line.size() - done);
    if (written < 0) {
      const int error = errno;
      if (error == EINTR) continue;
      ALLMODES_FAIL(ExitCode::kInputOutput, "writing a record to '{}' failed: {}", path_.string(),
                    std::strerror(error));
    }
    done += static_cast<size_t>(written);
  }
}

void JsonLinesSink::flush() {
  // A pipe or a terminal cannot be synced (EINVAL) and needs none.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) {
    const int error = errno;
    ALLMODES_FAIL(ExitCode::kInputOutput, "'{}' could not be put on the disk: {}", path_.string(),
                  std::strerror(error));
  }
}

std::vector<Record> read_records(const std::filesystem::path& path) {
  std::vector<Record> records;
  for_each_record(path, read_file(path),
                  [&](std::string_view, Record record) { records.push_back(std::move(record)); });
  return records;
}

}  // namespace allmodes::records
