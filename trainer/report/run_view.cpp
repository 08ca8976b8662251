#include "report/run_view.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"
#include "records/json_lines.h"
#include "records/run_folder.h"

namespace allmodes::report {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostTrainRecords = 4000;

std::string text_in(const records::Record& record, const char* name) {
  const auto* value = record.find(name);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? "" : *text;
}

template <typename T>
T part_of(const nlohmann::json& json, const char* name, T otherwise) {
  const auto found = json.find(name);
  if (found == json.end()) return otherwise;
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception&) {
    return otherwise;
  }
}

// The modes of the last evaluation, and those that the verdict misses.
void read_verdict(RunView& view, const fs::path& path) {
  const auto json = nlohmann::json::parse(read_file(path), nullptr, false);
  if (!json.is_object()) return;
  view.modes.clear();
  view.help = part_of(json, "try", std::vector<std::string>());
  view.findings = findings_from(part_of(json, "findings", nlohmann::json::array()));
  std::map<std::string, std::pair<double, double>> missing;  // observed and expected
  const auto list = part_of(json, "missing_modes", nlohmann::json::array());
  for (const auto& mode : list)
    missing[part_of<std::string>(mode, "name", "")] = {part_of(mode, "observed", 0.0),
                                                       part_of(mode, "expected", 0.0)};
  const auto modes = part_of(json, "modes", list);
  for (const auto& mode : modes) {
    const auto name = part_of<std::string>(mode, "name", "");
    ModeShare share{.name = name,
                    .expected = part_of(mode, "expected", 0.0),
                    .observed = part_of(mode, "observed", 0.0)};
    if (const auto found = missing.find(name); found != missing.end()) {
      share.missing = true;
      // Of samples that lie beside the modes the nearest mode has more than lie on it.
      const auto [observed, expected] = found->second;
      if (observed != share.observed)
        share.note = fmt::format("{:.0f} lie on it, of {:.0f} expected there", observed, expected);
    }
    view.modes.push_back(std::move(share));
  }
}

void thin_out(std::vector<records::Record>& records) {
  size_t kept = 0;
  for (size_t i = 0; i < records.size(); i += 2) std::swap(records[kept++], records[i]);
  records.resize(kept);
}

// The lines with which the log's last start begins, without their times.
std::string environment_of(const fs::path& log) {
  constexpr size_t kMessage = 32;  // "2026-11-27 17:45:12.353 info    "
  std::istringstream lines(read_file(log, 1 << 24));
  std::string found;
  bool within = false;
  for (std::string line; std::getline(lines, line);) {
    const std::string message = line.size() > kMessage ? line.substr(kMessage) : "";
    const bool begins =
        message.starts_with("allmodes ") && message.find(", LibTorch ") != std::string::npos;
    if (begins) found.clear();
    within = begins || (within && message.starts_with("  "));
    if (within) found += message + "\n";
  }
  return found;
}

}  // namespace

void add_record(RunView& view, const records::Record& record) {
  if (record.kind == "train") {
    view.train.push_back(record);
    if (view.train.size() > kMostTrainRecords) thin_out(view.train);
  } else if (record.kind == "evaluation") {
    view.evaluations.push_back(record);
  } else if (record.kind == "rollback") {
    view.rollbacks.push_back(record);
  } else if (record.kind == "verdict") {
    const bool back =
        !view.rollbacks.empty() && view.rollbacks.back().step < record.step &&
        (view.verdicts.empty() || view.verdicts.back().step <= view.rollbacks.back().step);
    view.verdicts.push_back({.step = record.step,
                             .state = text_in(record, "state"),
                             .kind = text_in(record, "kind"),
                             .reason = text_in(record, "reason"),
                             .modes_missing = record.number("modes_missing"),
                             .after_rollback = back});
  }
}

void refresh(RunView& view) {
  const records::RunFolder folder{view.folder};
  try {
    view.configuration = read_file(folder.config(), 1 << 22);
  } catch (const Error&) {
  }
  try {
    view.status = records::read_status(folder.status());
  } catch (const Error&) {
  }
  try {
    read_verdict(view, folder.verdict());
  } catch (const Error&) {
  }
}

RunView read_run(const fs::path& folder) {
  const records::RunFolder files{folder};
  std::error_code unknown;
  if (!fs::exists(files.records(), unknown) && !fs::exists(files.config(), unknown)) {
    ALLMODES_FAIL(ExitCode::kNoInput,
                  "'{}' is no run folder: it has neither records.jsonl nor config.txtpb; name one "
                  "as runs/00000-NAME",
                  folder.string());
  }
  RunView view;
  view.folder = folder;
  view.name = fs::absolute(folder / "").parent_path().filename().string();
  if (fs::exists(files.records(), unknown)) {
    const auto lines = records::read_records(files.records());
    view.bad_lines = std::ssize(lines.bad);
    for (const auto& record : lines.records) add_record(view, record);
  }
  refresh(view);
  try {
    view.environment = environment_of(files.log());
  } catch (const Error&) {
  }
  return view;
}

std::vector<Picture> pictures_of(const RunView& view, const std::string& name) {
  std::vector<Picture> pictures;
  std::error_code error;
  const auto images = records::RunFolder{view.folder}.images();
  for (fs::directory_iterator entry(images, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string stem = entry->path().stem().string();
    if (entry->path().extension() != ".png" || !stem.starts_with(name + "-")) continue;
    uint64_t step = 0;
    const char* last = stem.data() + stem.size();
    const auto parsed = std::from_chars(stem.data() + name.size() + 1, last, step);
    if (parsed.ec == std::errc() && parsed.ptr == last)
      pictures.push_back({.name = name, .step = step, .path = entry->path()});
  }
  std::ranges::sort(pictures, {}, &Picture::step);
  return pictures;
}

Curve curve_of(const std::vector<records::Record>& of, const std::string& name) {
  Curve curve;
  for (const auto& record : of) {
    const auto value = record.number(name);
    if (value && std::isfinite(*value))
      curve.emplace_back(static_cast<double>(record.step), *value);
  }
  return curve;
}

std::optional<uint64_t> since(const RunView& view) {
  if (view.verdicts.empty()) return std::nullopt;
  auto first = view.verdicts.rbegin();
  for (auto at = first; at != view.verdicts.rend() && at->state == view.verdicts.back().state; ++at)
    first = at;
  return first->step;
}

Curve curve_of_modes_missing(const RunView& view) {
  Curve curve;
  for (const VerdictAt& verdict : view.verdicts)
    if (verdict.modes_missing)
      curve.emplace_back(static_cast<double>(verdict.step), *verdict.modes_missing);
  return curve;
}

VerdictText verdict_words(const RunView& view) {
  VerdictText words;
  if (view.verdicts.empty()) return words;
  const VerdictAt& last = view.verdicts.back();
  words = {.place = "verdict at step " + std::to_string(last.step),
           .state = last.state,
           .kind = last.kind,
           .brief = last.state == "healthy" ? last.reason : brief_of(last.reason),
           .since = {},
           .findings = view.findings,
           .help = {},
           .see = {},
           .whole = "report.html lists them"};
  if (const auto first = since(view); first && *first != last.step) words.since = first;
  for (const std::string& help : view.help) {
    const size_t end = std::min(help.find("  # "), help.size());
    words.help.push_back({help.substr(0, end), help.substr(std::min(end + 4, help.size()))});
  }
  return words;
}

std::string state_in_words(const std::string& state, const std::string& kind) {
  std::string words = state.empty() ? "no verdict yet" : state == "at_risk" ? "at risk" : state;
  if (!kind.empty() && kind != "none") words += ": " + kind;
  std::ranges::replace(words, '_', ' ');
  return words;
}

}  // namespace allmodes::report
