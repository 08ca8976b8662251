#include "run/run_outputs.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/field_list.h"
#include "config/load.h"
#include "records/status_file.h"
#include "records/tensorboard_sink.h"
#include "report/report_sink.h"
#include "run/figures.h"

namespace allmodes::run {
namespace {

std::string name_of_host() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

records::Status first_status(const CheckedRun& run, const checkpoints::State* resumed, int ranks) {
  const std::string host = name_of_host();
  records::Status status{.run = run.config().name,
                         .stage = {},
                         .steps = static_cast<uint64_t>(run.config().steps),
                         .state = {},
                         .kind = {},
                         .ranks = ranks,
                         .hosts = {host},
                         .host = host,
                         .pid = ::getpid()};
  if (resumed == nullptr) return status;
  status.step = resumed->step;
  status.samples = resumed->samples;
  if (!resumed->verdicts.empty()) {
    status.state = resumed->verdicts.back().state;
    status.kind = resumed->verdicts.back().kind;
    status.verdict_step = resumed->verdicts.back().step;
  }
  return status;
}

// A checkpoint is committed after the records before it, so that what is missing was lost since.
void warn_of_lost_records(const checkpoints::State& resumed,
                          const records::JsonLinesSink& records) {
  const auto every = config::parse(resumed.config, "the checkpoint").config.diagnostics.log_every;
  const uint64_t logged = resumed.step - resumed.step % static_cast<uint64_t>(every);
  if (records.last_step() < logged)
    spdlog::warn(
        "records.jsonl ends at step {}, before the checkpoint's step {}: the file was cut short, "
        "removed, or put back from a copy. The model is not concerned; the figures of these steps "
        "are lost",
        records.last_step(), resumed.step);
}

// What tells this run from others: the fields of its family, and others not at their default.
std::vector<records::EventSetting> settings_of(const config::RunConfig& config) {
  std::set<std::string> values;
  for (const auto& field : config::values_of(config)) values.insert(field.path);
  std::vector<records::EventSetting> settings;
  for (const auto& difference : config::differences(config::RunConfig(), config))
    if (values.contains(difference.path) && !difference.after.empty())
      settings.push_back({difference.path, difference.after});
  return settings;
}

}  // namespace

SpaceShortage space_shortage(const config::RunConfig& config) {
  // Whoever waits is at no work that the watchdog could see.
  const double watched = config.watchdog.stage_limit_s / 2;
  const double limit = config.checkpoints.wait_for_space_s;
  return {watched > 0 ? std::min(limit, watched) : limit,
          [](const std::string& line) { spdlog::warn("{}", line); }};
}

std::shared_ptr<records::JsonLinesSink> open_records(const records::RunFolder& folder,
                                                     const CheckedRun& run,
                                                     const checkpoints::State* resumed) {
  std::optional<records::Continuation> continued;
  if (resumed != nullptr)
    continued =
        records::Continuation{.step = resumed->step, .rollbacks = std::ssize(resumed->rollbacks)};
  std::shared_ptr<records::JsonLinesSink> records;
  auto shortage = space_shortage(run.config());
  until_there_is_space(shortage, [&] {
    records = std::make_shared<records::JsonLinesSink>(folder.records(), continued,
                                                       space_shortage(run.config()));
  });
  if (resumed != nullptr) warn_of_lost_records(*resumed, *records);
  return records;
}

std::unique_ptr<records::Sink> open_outputs(std::shared_ptr<records::JsonLinesSink> records,
                                            const records::RunFolder& folder, const CheckedRun& run,
                                            const checkpoints::State* resumed, int ranks,
                                            records::OptionalWork& work) {
  auto outputs = std::make_unique<records::FanOut>(std::move(records), work);
  outputs->add("status.json", [&] {
    return std::make_unique<records::StatusSink>(folder.status(),
                                                 first_status(run, resumed, ranks));
  });
  if (run.config().records.tensorboard) {
    outputs->add("TensorBoard's event file", [&] {
      return std::make_unique<records::TensorBoardSink>(
          folder, name_of_host(), config::print(run.config()), settings_of(run.config()),
          resumed != nullptr ? std::optional(resumed->step) : std::nullopt);
    });
  }
  outputs->add("report.html",
               [&] { return std::make_unique<report::ReportSink>(folder.root, figure_tables()); });
  return outputs;
}

void show_coverage(const records::Record& evaluation, size_t missing, records::Progress& progress) {
  if (const auto all = evaluation.number("modes_total"))
    progress.evaluated("modes", std::max(0.0, *all - static_cast<double>(missing)), *all);
  else if (const auto coverage = evaluation.number("coverage"))
    progress.evaluated("coverage", *coverage, 1);
}

}  // namespace allmodes::run
