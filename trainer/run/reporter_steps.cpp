// What a reporter writes of steps between evaluations.

#include <algorithm>
#include <utility>

#include "base/seconds_since.h"
#include "optimizers/schedule.h"
#include "run/batch_diversity.h"
#include "run/reporter.h"

namespace allmodes::run {

void Reporter::tick(const training::Position& position, const training::StepReport& report) {
  for (const auto& exchange : report.exchanges)
    exchange_seconds_[exchange.name] += exchange.seconds;
  loading_seconds_ += report.loading_seconds;
  if (root_) progress_->update(static_cast<int64_t>(position.step), progress_text_);
}

int64_t Reporter::skipped_steps() const {
  int64_t skipped = 0;
  for (const auto& network : model_.networks()) skipped = std::max(skipped, network->skipped().all);
  return skipped_by_earlier_ + skipped;
}

RankSums Reporter::sums_of(const training::StepReport& report, const training::Position& position) {
  RankSums sums;
  for (const auto& [name, value] : report.scalars) sums.add(name, value.item<double>());
  add_batch_diversity(report, run_.config(), position.step, sums);
  sums.add("loading", std::exchange(loading_seconds_, 0));
  // A GPU times each step; this one stands for all since the last look, for looking makes the host
  // wait.
  const auto steps = static_cast<double>(position.step - logged_step_);
  for (const auto& exchange : report.exchanges)
    if (exchange.timer != nullptr)
      exchange_seconds_[exchange.name] += steps * exchange.timer->seconds();
  for (const auto& [name, seconds] : exchange_seconds_) sums.add("exchange " + name, seconds);
  sums.reduce(control_);
  return sums;
}

void Reporter::set_rates(const training::Position& position, records::Record& record) const {
  const auto& config = run_.config();
  const auto rate = [&](const config::Optimizer& optimizer) {
    return optimizers::learning_rate(optimizer, static_cast<int64_t>(position.step) - 1,
                                     {config.steps, config.batch});
  };
  for (const auto& spec : run_.objective->networks()) {
    record.set("learning_rate_" + spec.name, rate(spec.optimizer));
    for (const auto& other : spec.more_optimizers)
      record.set("learning_rate_" + spec.name + "_" + other.name, rate(other.settings));
  }
}

void Reporter::set_times(const training::Position& position, const RankSums& sums,
                         records::Record& record) {
  const double seconds = seconds_since(logged_at_);
  const auto steps = static_cast<double>(position.step - logged_step_);
  if (steps > 0 && !exchange_seconds_.empty()) {
    double all = 0;
    for (const auto& [name, ignored] : exchange_seconds_) all += sums.mean("exchange " + name);
    record.set("exchange_ms", 1e3 / steps * all);
    for (const auto& [name, ignored] : exchange_seconds_)
      record.set("exchange_ms_" + name, 1e3 / steps * sums.mean("exchange " + name));
  }
  exchange_seconds_.clear();
  if (steps <= 0 || seconds <= 0) return;
  record.set("step_ms", 1e3 * seconds / steps);
  record.set("loading_ms", 1e3 / steps * sums.mean("loading"));
  record.set("samples_per_s", static_cast<double>(position.samples - logged_samples_) / seconds);
}

void Reporter::log(const training::Position& position, const training::StepReport& report) {
  const RankSums sums = sums_of(report, position);
  records::Record record = start_record("train", position);
  progress_text_.clear();
  for (const auto& [name, ignored] : report.scalars) {
    record.set(name, sums.mean(name));
    if (name.starts_with("loss_"))
      progress_text_ += fmt::format("{}{} {:.4g}", progress_text_.empty() ? "" : "  ",
                                    name.substr(5), sums.mean(name));
  }
  for (const auto& network : model_.networks()) {
    const std::string name = "gradient_norm_" + network->flat.name;
    record.set(name, network->optimizer->gradient_norm());
    for (const auto& [other, optimizer] : network->more_optimizers)
      record.set(name + "_" + other, optimizer->gradient_norm());
  }
  set_rates(position, record);
  if (const auto diversity = batch_diversity(sums)) record.set("batch_diversity", *diversity);
  const auto real_score = record.number("d_real"), fake_score = record.number("d_fake");
  if (const auto apart = record.number("d_apart")) {
    diagnostics::add(margins_, *apart);
  } else if (real_score && fake_score) {
    diagnostics::add(margins_, *real_score - *fake_score);
  }
  record.set("skipped_steps", skipped_steps());
  set_times(position, sums, record);
  if (root_) {
    // A slow disk may take its time; what the training limit measures is the wait for the device.
    const world::ScopedStage writing(control_.flight_log(), "records");
    sink_->write(record);
    progress_->update(static_cast<int64_t>(position.step), progress_text_);
  }
  logged_at_ = std::chrono::steady_clock::now();
  logged_step_ = position.step;
  logged_samples_ = position.samples;
}

}  // namespace allmodes::run
