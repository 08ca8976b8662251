#include "records/json_lines.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/system_call.h"

namespace allmodes::records {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view kNonFiniteSuffix = "_nonfinite";

double non_finite_value(const std::string& name) {
  if (name == "inf") return std::numeric_limits<double>::infinity();
  if (name == "-inf") return -std::numeric_limits<double>::infinity();
  return std::numeric_limits<double>::quiet_NaN();
}

// A list of the numbers in `json`, the nulls filled from their companion.
std::vector<double> read_doubles(const OrderedJson& json, const OrderedJson* companion) {
  std::vector<double> list;
  size_t lost = 0;
  for (const OrderedJson& element : json) {
    if (element.is_null() && companion != nullptr) {
      list.push_back(non_finite_value(companion->at(lost++).get<std::string>()));
    } else {
      list.push_back(element.get<double>());
    }
  }
  return list;
}

Value read_value(const OrderedJson& json, const OrderedJson* companion) {
  if (json.is_null()) {
    return non_finite_value(companion == nullptr ? "nan" : companion->get<std::string>());
  }
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  const auto all = [&](auto test) { return std::all_of(json.begin(), json.end(), test); };
  if (all([](const OrderedJson& e) { return e.is_string(); }) && !json.empty()) {
    return json.get<std::vector<std::string>>();
  }
  if (all([](const OrderedJson& e) { return e.is_number_integer(); }) && !json.empty()) {
    return json.get<std::vector<int64_t>>();
  }
  return read_doubles(json, companion);
}

Record parse_record(std::string_view line) {
  const OrderedJson json = OrderedJson::parse(line);
  Record record{.kind = json.at("record").get<std::string>(),
                .step = json.at("step").get<uint64_t>(),
                .samples = json.at("samples").get<uint64_t>(),
                .time_s = json.at("time_s").is_null() ? 0.0 : json.at("time_s").get<double>(),
                .values = {}};
  for (const auto& [name, value] : json.items()) {
    if (name == "record" || name == "step" || name == "samples" || name == "time_s") continue;
    if (name.ends_with(kNonFiniteSuffix) &&
        json.contains(name.substr(0, name.size() - kNonFiniteSuffix.size()))) {
      continue;
    }
    const auto companion = json.find(name + std::string(kNonFiniteSuffix));
    record.values.emplace_back(name,
                               read_value(value, companion == json.end() ? nullptr : &*companion));
  }
  return record;
}

// Calls keep(line, record) for each whole line that is a record, and bad(line) for the others.
template <typename Keep, typename Bad>
void for_each_line(const std::string& content, Keep keep, Bad bad) {
  size_t begin = 0;
  for (int64_t number = 1;; ++number) {
    const size_t end = content.find('\n', begin);
    if (end == std::string::npos) return;
    const std::string_view line(content.data() + begin, end - begin);
    std::optional<Record> record;
    try {
      record = parse_record(line);
    } catch (const OrderedJson::exception& error) {
      bad(BadLine{.number = number, .text = std::string(line), .why = error.what()});
    }
    if (record) keep(line, std::move(*record));
    begin = end + 1;
  }
}

// Adds the lines to the file for such, unless they are its last ones already: a run that was killed
// after this and before it could remove them from where they stood puts them aside again.
void put_aside(const std::filesystem::path& path, const std::vector<BadLine>& bad) {
  if (bad.empty()) return;
  const auto aside = bad_lines_file(path);
  std::error_code unknown;
  const std::string before = std::filesystem::exists(aside, unknown) ? read_file(aside) : "";
  std::string lines;
  for (const BadLine& line : bad) {
    spdlog::warn("{}:{}: not a record ({}); the line is moved to {}", path.string(), line.number,
                 line.why, aside.filename().string());
    lines += line.text + "\n";
  }
  if (!before.ends_with(lines)) write_file_atomically(aside, before + lines);
}

// The descriptor of the file that has this name now, which is `descriptor` unless the file was
// replaced since, by an editor say: what was written to the old one would be read by nobody. Throws
// kInputOutput where there is none any more.
int descriptor_of_what_is_there(int descriptor, const std::filesystem::path& path) {
  struct stat opened {};
  if (::fstat(descriptor, &opened) != 0 || opened.st_nlink > 0) return descriptor;
  constexpr int kFlags = O_WRONLY | O_CLOEXEC | O_APPEND;
  const int anew = uninterrupted([&] { return ::open(path.c_str(), kFlags); });
  if (anew < 0 && errno != ENOENT && errno != ENOTDIR)
    throw StorageError(
        ExitCode::kInputOutput, errno,
        fmt::format("'{}' was replaced while the run writes to it, by what cannot be written to",
                    path.string()));
  if (anew < 0)
    ALLMODES_FAIL(ExitCode::kInputOutput,
                  "'{}' was removed while the run writes to it; put its folder back and resume, or "
                  "begin a run anew",
                  path.string());
  ::close(descriptor);
  return anew;
}

// A pipe or a terminal cannot be synced (EINVAL) and needs none.
void put_on_disk(int descriptor, const std::filesystem::path& path) {
  if (uninterrupted([&] { return ::fsync(descriptor); }) == 0 || errno == EINVAL || errno == EROFS)
    return;
  throw StorageError(ExitCode::kInputOutput, errno,
                     fmt::format("'{}' could not be put on the disk", path.string()));
}

struct Closing {
  int descriptor;
  ~Closing() { ::close(descriptor); }
};

}  // namespace

std::filesystem::path bad_lines_file(const std::filesystem::path& path) {
  return path.parent_path() / (path.stem().string() + ".bad.jsonl");
}

std::optional<JsonLinesSink::Key> JsonLinesSink::key_of(const Record& record) {
  static constexpr std::string_view kOnce[] = {"data", "train", "evaluation", "verdict"};
  if (record.kind == "rollback")
    return Key{record.kind, record.step, static_cast<int64_t>(record.number("number").value_or(0))};
  if (std::ranges::find(kOnce, record.kind) == std::end(kOnce)) return std::nullopt;
  return Key{record.kind, record.step, 0};
}

void JsonLinesSink::restore(const Continuation& continued) {
  std::error_code unknown;
  if (!std::filesystem::exists(path_, unknown)) return;
  const std::string content = read_file(path_);
  std::string kept;
  std::vector<BadLine> bad;
  for_each_line(
      content,
      [&](std::string_view line, const Record& record) {
        if (record.step > continued.step) return;
        const auto key = key_of(record);
        const bool unknown_rollback =
            record.kind == "rollback" && std::get<2>(*key) > continued.rollbacks;
        if (unknown_rollback || (key && !known_.insert(*key).second)) return;
        last_step_ = std::max(last_step_, record.step);
        kept.append(line).push_back('\n');
      },
      [&](BadLine line) { bad.push_back(std::move(line)); });
  put_aside(path_, bad);
  if (kept != content) write_file_atomically(path_, kept);
  // Only records of this step can be made once more.
  std::erase_if(known_, [&](const Key& key) { return std::get<1>(key) != continued.step; });
}

JsonLinesSink::JsonLinesSink(std::filesystem::path path, std::optional<Continuation> continued,
                             SpaceShortage shortage)
    : path_(std::move(path)), shortage_(std::move(shortage)) {
  if (continued) restore(*continued);
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (continued ? 0 : O_TRUNC);
  descriptor_ = uninterrupted([&] { return ::open(path_.c_str(), flags, 0666); });
  if (descriptor_ < 0) {
    const int error = errno;
    throw StorageError(ExitCode::kCannotCreate, error,
                       fmt::format("cannot open '{}' for writing", path_.string()));
  }
}

JsonLinesSink::~JsonLinesSink() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void JsonLinesSink::write(const Record& record) {
  const auto key = key_of(record);
  if (key && known_.contains(*key)) return;
  const std::lock_guard lock(mutex_);
  pending_ += to_json(record) + "\n";
  attempt([&] { push(); });
}

void JsonLinesSink::push() {
  descriptor_ = descriptor_of_what_is_there(descriptor_, path_);
  size_t written = 0;
  const int error = write_all(descriptor_, pending_.data(), pending_.size(), written);
  pending_.erase(0, written);
  if (error != 0)
    throw StorageError(ExitCode::kInputOutput, error,
                       fmt::format("writing a record to '{}' failed", path_.string()));
}

template <typename Work>
void JsonLinesSink::attempt(Work work) {
  try {
    work();
    shortage_.over();
  } catch (const Error&) {
    // The next record, or the next checkpoint, tries again.
    (void)shortage_.outlast();
  }
}

void JsonLinesSink::flush() {
  const std::lock_guard lock(mutex_);
  attempt([&] {
    push();
    put_on_disk(descriptor_, path_);
  });
}

void JsonLinesSink::settle() {
  int descriptor = -1;
  {
    const std::lock_guard lock(mutex_);
    push();
    descriptor = uninterrupted([&] { return ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0); });
    if (descriptor < 0)
      throw StorageError(ExitCode::kInputOutput, errno,
                         fmt::format("'{}' could not be put on the disk", path_.string()));
  }
  // A disk that takes its time does not hold up whoever has the next record.
  const Closing closing{descriptor};
  put_on_disk(descriptor, path_);
  const std::lock_guard lock(mutex_);
  if (pending_.empty()) shortage_.over();
}

void JsonLinesSink::finish() {
  while (true) {
    std::chrono::milliseconds pause{};
    try {
      settle();
      return;
    } catch (const Error&) {
      const std::lock_guard lock(mutex_);
      pause = shortage_.outlast();
    }
    std::this_thread::sleep_for(pause);
  }
}

RecordLines read_records(const std::filesystem::path& path) {
  RecordLines lines;
  for_each_line(
      read_file(path),
      [&](std::string_view, Record record) { lines.records.push_back(std::move(record)); },
      [&](BadLine line) { lines.bad.push_back(std::move(line)); });
  return lines;
}

}  // namespace allmodes::records
