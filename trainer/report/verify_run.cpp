#include "report/verify_run.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <tuple>

#include "base/durable_file.h"
#include "base/error.h"
#include "checkpoints/checkpoint.h"
#include "records/json_lines.h"
#include "records/run_folder.h"

namespace allmodes::report {
namespace {

namespace fs = std::filesystem;

std::string megabytes(uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

uint64_t bytes_in(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unknown;
    const auto size = entry->file_size(unknown);
    if (!unknown) bytes += size;
  }
  return bytes;
}

Checked checked_checkpoint(const fs::path& run, uint64_t step, const fs::path& folder) {
  Checked checked{.what = folder.lexically_relative(run).string(), .text = {}};
  try {
    const auto opened = checkpoints::verify(folder);
    checked.good = opened.state.step == step;
    checked.text = checked.good ? fmt::format("whole: {} files, {}", opened.stems.size() + 1,
                                              megabytes(bytes_in(folder)))
                                : fmt::format("holds step {}: it was renamed", opened.state.step);
  } catch (const Error& error) {
    checked.good = false;
    checked.text = error.what();
  }
  return checked;
}

// The lines of one file of records, one for the whole and one for each that is wrong.
void check_records(const fs::path& run, const fs::path& file, std::vector<Checked>& all) {
  const std::string name = file.lexically_relative(run).string();
  const auto lines = records::read_records(file);
  std::vector<Checked> wrong;
  for (const auto& bad : lines.bad) {
    wrong.push_back({fmt::format("{}:{}", name, bad.number), false,
                     fmt::format("no record ({}); train --resume moves it to {}", bad.why,
                                 records::bad_lines_file(file).filename().string())});
  }
  std::set<std::string> seen;
  uint64_t before = 0;
  for (const auto& record : lines.records) {
    const bool twice = !seen.insert(records::to_json(record)).second;
    if (twice)
      wrong.push_back(
          {name, false,
           fmt::format("the {} record of step {} stands twice", record.kind, record.step)});
    if (record.step < before)
      wrong.push_back({name, false,
                       fmt::format("the {} record of step {} follows one of step {}", record.kind,
                                   record.step, before)});
    before = record.step;
  }
  const std::string content = read_file(file);
  const bool cut = !content.empty() && content.back() != '\n';
  all.push_back({name, true,
                 fmt::format("{} records up to step {}{}", lines.records.size(), before,
                             cut ? "; half a line of a run that was killed or is writing" : "")});
  all.insert(all.end(), wrong.begin(), wrong.end());
}

// The files of records, in the order of their names.
std::vector<fs::path> record_files(const fs::path& run) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("records") && name.ends_with(".jsonl") && !name.ends_with(".bad.jsonl"))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void check_verdict(const fs::path& file, std::vector<Checked>& all) {
  std::error_code unknown;
  if (!fs::exists(file, unknown)) return;
  Checked checked{.what = file.filename().string(), .text = {}};
  const auto json = nlohmann::json::parse(read_file(file), nullptr, false);
  checked.good = json.is_object() && json.contains("state") && json.at("state").is_string();
  checked.text = checked.good ? "step " + json.value("step", nlohmann::json()).dump() + ", " +
                                    json.at("state").get<std::string>()
                              : "is no verdict; the next evaluation writes it anew";
  all.push_back(checked);
}

// Files and folders that a killed process has left half written.
void note_temporaries(const fs::path& run, std::vector<Checked>& all) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(run, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_temporary(entry->path())) continue;
    if (entry->is_directory()) entry.disable_recursion_pending();
    all.push_back({entry->path().lexically_relative(run).string(), true,
                   "half written by a process that ended or is writing; a resumed run removes it"});
  }
}

}  // namespace

std::vector<Checked> verify_run(const fs::path& run) {
  const records::RunFolder folder{run};
  std::error_code unknown;
  if (!fs::is_directory(folder.checkpoints(), unknown) && !fs::exists(folder.records(), unknown)) {
    ALLMODES_FAIL(ExitCode::kNoInput,
                  "'{}' is no run folder: it has neither checkpoints/ nor records.jsonl; name one "
                  "as runs/00000-NAME",
                  run.string());
  }
  std::vector<Checked> all;
  try {
    for (const auto& [step, path] : checkpoints::list_checkpoints(folder.checkpoints()))
      all.push_back(checked_checkpoint(run, step, path));
    for (const fs::path& file : record_files(run)) check_records(run, file, all);
    check_verdict(folder.verdict(), all);
    note_temporaries(run, all);
  } catch (const fs::filesystem_error& error) {
    ALLMODES_FAIL(ExitCode::kInputOutput, "'{}' cannot be read: {}", run.string(), error.what());
  }
  return all;
}

}  // namespace allmodes::report
