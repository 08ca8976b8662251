#include "run/reporter.h"

#include <ATen/core/grad_mode.h>
#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/seconds_since.h"
#include "records/coloured.h"
#include "records/log.h"
#include "records/terminal.h"
#include "run/missing_picture.h"
#include "run/pictures.h"
#include "run/run_outputs.h"
#include "run/verdict_file.h"
#include "run/verdict_words.h"
#include "training/average_buffers.h"

namespace allmodes::run {
namespace {

// Characters of a line of the log before its text: "12:34:56 warning ".
constexpr size_t kLogPrefix = 17;

}  // namespace

Reporter::Reporter(const CheckedRun& run, training::Model& model, world::Communicator& control,
                   const diagnostics::CollectorSetup& setup, records::RunFolder folder,
                   const checkpoints::State* resumed, Speech speech)
    : run_(run),
      model_(model),
      control_(control),
      device_(setup.device),
      folder_(std::move(folder)),
      root_(control.rank() == 0),
      verbose_(speech == Speech::verbose),
      quiet_(speech == Speech::quiet),
      collectors_(diagnostics::make_collectors(setup)),
      held_out_(diagnostics::held_out_for(*run.objective, run.config())) {
  if (resumed != nullptr) {
    verdicts_ = resumed->verdicts;
    rollbacks_ = resumed->rollbacks;
    for (const auto& past : resumed->evaluations) history_.push_back({past.step, past.values});
    seconds_before_ = resumed->trained_seconds;
    logged_step_ = evaluated_step_ = resumed->step;
    logged_samples_ = resumed->samples;
    if (const auto& since = resumed->since_evaluation) {
      evaluated_step_ = since->evaluated_step;
      margins_ = {.count = since->margin_count,
                  .sum = since->margin_sum,
                  .sum_squares = since->margin_sum_squares};
      skipped_by_earlier_ = since->skipped_steps;
      skipped_evaluated_ = since->skipped_steps_evaluated;
    }
  }
  if (root_) {
    records_ = open_records(folder_, run, resumed);
    sink_ = open_outputs(records_, folder_, run, resumed, control.size(), optional_);
    progress_ = std::make_unique<records::Progress>(speech != Speech::quiet,
                                                    records::on_terminal(STDERR_FILENO), stderr,
                                                    run.config().steps, 10.0);
  }
  start_ = logged_at_ = std::chrono::steady_clock::now();
}

double Reporter::trained_seconds() const {
  return seconds_before_ + seconds_since(start_);
}

records::Record Reporter::start_record(const std::string& kind,
                                       const training::Position& position) const {
  records::Record record;
  record.kind = kind;
  record.step = position.step;
  record.samples = position.samples;
  record.time_s = trained_seconds();
  return record;
}

void Reporter::say(const std::string& line, bool warning) {
  if (!root_) return;
  progress_->clear();
  std::string text = line;
  while (text.ends_with("\n")) text.pop_back();
  if (warning) {
    spdlog::warn("{}", text);
  } else {
    spdlog::info("{}", text);
  }
}

void Reporter::began_with(const std::string& checkpoint, const FirstWeights& weights) {
  if (!root_) return;
  records::Record record = start_record("from", {});
  record.set("checkpoint", checkpoint);
  record.set("taken", weights.taken);
  record.set("kept", weights.kept);
  record.set("unused", weights.unused);
  sink_->write(record);
  say(fmt::format("{} tensors of weights from {}", weights.taken, checkpoint), false);
  if (!weights.all()) say(to_text(weights), true);
}

void Reporter::audited(const diagnostics::DataAudit& audit) {
  if (!root_) return;
  records::Record record = start_record("data", {});
  diagnostics::fill(audit, record);
  sink_->write(record);
  for (const auto& fault : diagnostics::data_faults(audit)) say("the data: " + fault, true);
}

std::optional<checkpoints::State::Verdict> Reporter::evaluate(const training::Position& position) {
  const at::NoGradGuard no_grad;
  const auto begin = std::chrono::steady_clock::now();
  if (root_) progress_->doing("evaluating");
  const auto& config = run_.config();
  const auto forward =
      training::averaged_forward(model_, *run_.objective, *run_.dataset, config.seed);
  const diagnostics::Evaluation evaluation{
      *run_.objective, forward,     *run_.dataset, control_,
      device_,         config.seed, position.step, config.diagnostics.samples,
      held_out_.get()};
  const auto generated = diagnostics::generate_chunks(evaluation);
  records::Record record = start_record("evaluation", position);
  record.set("evaluated_samples", evaluation.made());
  diagnostics::Evidence evidence{.step = position.step};
  diagnostics::collect_all(collectors_, evaluation, generated, record, evidence);
  if (margins_.count > 0) evidence.discriminator_margin = diagnostics::mean(margins_);
  margins_ = {};
  if (evidence.modes) {
    config::Verdict levels = config.verdict;
    levels.significance = diagnostics::test_level(evidence, config.verdict);
    diagnostics::record_histogram(*evidence.modes, levels, record);
  }
  const int64_t skipped = skipped_steps();
  evidence.nonfinite_steps = skipped - skipped_evaluated_;
  evidence.steps = static_cast<int64_t>(position.step - evaluated_step_);
  skipped_evaluated_ = skipped;
  evaluated_step_ = position.step;
  record.set("evaluation_s", seconds_since(begin));
  if (root_ && optional_.failures() > 0) record.set("unwritten_files", optional_.failures());
  if (root_) sink_->write(record);

  std::optional<checkpoints::State::Verdict> judged;
  if (position.step > 0) {  // an untrained model is not judged
    const auto verdict = diagnostics::judge(evidence, history_, config.verdict);
    history_.push_back({position.step, diagnostics::summary(evidence, verdict)});
    write_verdict(position, verdict, evidence);
    if (const auto missing = missing_picture(evaluation, generated, evidence, verdict)) {
      optional_.attempt("the picture of what is missing",
                        [&] { write_missing_picture(folder_, position.step, *missing); });
    }
    if (root_) show_coverage(record, verdict.lost.size(), *progress_);
    judged = verdicts_.back();
  }
  // Evaluation is no part of a step's time.
  logged_at_ += std::chrono::steady_clock::now() - begin;
  return judged;
}

void Reporter::write_verdict(const training::Position& position,
                             const diagnostics::Verdict& verdict,
                             const diagnostics::Evidence& evidence) {
  verdicts_.push_back(
      {position.step, diagnostics::to_string(verdict.state), verdict.kind, verdict.reason});
  if (!root_) return;
  records::Record record = start_record("verdict", position);
  record.set("state", diagnostics::to_string(verdict.state));
  record.set("kind", verdict.kind);
  record.set("reason", verdict.reason);
  record.set("missing", verdict.lost);
  if (evidence.modes) record.set("modes_missing", std::ssize(verdict.missing));
  record.set("starved", verdict.starved);
  record.set("narrow", verdict.narrow);
  record.set("crowded", verdict.crowded);
  sink_->write(record);
  sink_->flush();

  report::VerdictText words = words_of(verdict);
  words.place = fmt::format("verdict at step {}", position.step);
  words.since = since_when();
  if (verdict.state != diagnostics::State::healthy)
    words.help = report::suggestions(verdict.kind, run_.config());
  words.see = folder_.report().string();
  if (verbose_) words.whole.clear();
  optional_.attempt("verdict.json", [&] {
    write_file_atomically(folder_.verdict(),
                          verdict_json(record, run_, rollbacks_, verdict, evidence, words));
  });
  if (evidence.modes && evidence.modes->samples > 0) {
    optional_.attempt("the picture of the modes", [&] {
      write_histogram_picture(folder_, position.step, *evidence.modes, verdict);
    });
  }
  say_verdict(position, verdict, std::move(words));
}

std::optional<uint64_t> Reporter::since_when() const {
  size_t first = verdicts_.size() - 1;
  while (first > 0 && verdicts_[first - 1].state == verdicts_.back().state) --first;
  if (first + 1 == verdicts_.size()) return std::nullopt;
  return verdicts_[first].step;
}

// A change of state or kind is told in full, with the table and what to try; of a kind that names
// modes, other modes than before in a line of their own; what was said before as briefly as can be.
// The last verdict has its table at the end of the run.
void Reporter::say_verdict(const training::Position& position, const diagnostics::Verdict& verdict,
                           report::VerdictText words) {
  const auto columns = static_cast<size_t>(records::terminal_columns(STDERR_FILENO));
  const bool same = said_ && said_->state == words.state && said_->kind == words.kind;
  const bool last = position.step >= static_cast<uint64_t>(run_.config().steps);
  const bool warning = verdict.state != diagnostics::State::healthy;
  said_in_full_ = !same && !last && (warning || !quiet_);
  if (last && records::one_output())  // it follows in full, on standard output
    records::log_to_file(report::headline(words, columns, kLogPrefix), warning);
  else if (same && warning &&
           (verdict.lost == said_lost_ || verdict.witnesses.front().modes.empty()))
    say(report::repetition(words, columns, kLogPrefix), warning);
  else if (same || last)
    say(report::headline(words, columns, kLogPrefix), warning);
  else
    say(report::in_full(words, columns, kLogPrefix), warning);
  if (verbose_ && warning) say(diagnostics::to_line(verdict, position.step), warning);
  said_ = std::move(words);
  said_lost_ = verdict.lost;
}

void Reporter::images(const training::Position& position) {
  const auto begin = std::chrono::steady_clock::now();
  if (root_) {
    progress_->doing("drawing samples");
    optional_.attempt("the picture of samples", [&] {
      const auto forward =
          training::averaged_forward(model_, *run_.objective, *run_.dataset, run_.config().seed);
      write_sample_pictures(folder_, position.step, run_, forward, device_);
    });
  }
  logged_at_ += std::chrono::steady_clock::now() - begin;
}

void Reporter::fill(checkpoints::State& state) const {
  state.verdicts = verdicts_;
  for (const auto& past : history_) state.evaluations.push_back({past.step, past.values});
  state.trained_seconds = trained_seconds();
  state.rollbacks = rollbacks_;
  state.since_evaluation = {.evaluated_step = evaluated_step_,
                            .margin_count = margins_.count,
                            .margin_sum = margins_.sum,
                            .margin_sum_squares = margins_.sum_squares,
                            .skipped_steps = skipped_steps(),
                            .skipped_steps_evaluated = skipped_evaluated_};
}

void Reporter::went_back(const training::Position& position,
                         const std::vector<std::string>& adjustments) {
  if (!root_) return;
  const auto& rollback = rollbacks_.back();
  records::Record record = start_record("rollback", position);
  record.set("from_step", static_cast<int64_t>(rollback.from_step));
  record.set("number", static_cast<int64_t>(rollbacks_.size()));
  record.set("limit", run_.config().verdict.rollback.limit);
  record.set("kind", rollback.kind);
  record.set("reason", rollback.reason);
  record.set("adjustments", adjustments);
  sink_->write(record);
  sink_->flush();
  say(fmt::format("rollback {} of {}: from step {} to step {} because of {}; {}", rollbacks_.size(),
                  run_.config().verdict.rollback.limit, rollback.from_step, rollback.to_step,
                  rollback.kind, fmt::join(adjustments, ", ")),
      true);
}

checkpoints::State::Verdict Reporter::last_verdict() const {
  if (!verdicts_.empty()) return verdicts_.back();
  return {.step = 0,
          .state = diagnostics::to_string(diagnostics::State::healthy),
          .kind = "none",
          .reason = ""};
}

void Reporter::finish() {
  if (!root_) return;
  progress_->finish();
  sink_->flush();
  spdlog::info("run folder: {}", folder_.root.string());
  if (verdicts_.empty()) return;
  if (said_in_full_ && records::one_output()) return;  // it stands a few lines above
  report::VerdictText words = said_.value_or(words_of(verdicts_.back(), run_.config()));
  words.since = since_when();
  words.see = folder_.report().string();
  spdlog::default_logger()->flush();
  const std::string text =
      report::in_full(words, static_cast<size_t>(records::terminal_columns(STDOUT_FILENO)));
  fmt::print("{}", records::coloured_for(STDOUT_FILENO, text));
  std::fflush(stdout);
}

}  // namespace allmodes::run
