#include "run/attempt.h"

#include "config/adjustment.h"
#include "run/rollback.h"

namespace allmodes::run {

Attempt::Attempt(const SetUp& set_up, OpenedRun& opened, std::string config,
                 world::Runtime& runtime, const world::StopRequest& signals, EarlyStop& early)
    : set_up_(set_up),
      run_(set_up.run),
      opened_(opened),
      runtime_(runtime),
      control_(runtime.control()),
      early_(early),
      saver_(opened, set_up.run, std::move(config), runtime),
      requests_(signals, runtime.control(), run_.config().checkpoints.every_s),
      skipped_(run_.config().consistency.nonfinite_limit, runtime.world().rank == 0) {}

Attempt::~Attempt() = default;

void Attempt::prepare() {
  model_.emplace(*run_.objective, run_.config(), set_up_.device, *set_up_.exchange);
  {
    Feed first(run_, runtime_.world(), set_up_.device, 0);
    training::adopt_ready_order(*run_.objective, *model_, first.next(),
                                training::step_settings(run_.config(), control_.size()), control_);
  }
  if (opened_.state) {
    position_ = {opened_.state->step, opened_.state->samples};
    restore(*model_, opened_, runtime_.world(), control_);
  } else if (!opened_.from.empty()) {
    begin_with_weights(*model_, opened_, runtime_.world(), control_);
  }
  // Also finds ranks that read other checkpoints.
  compare_replicas(*model_, run_, position_, control_);
}

training::StopReason Attempt::run(const config::RunConfig& original, Speech speech,
                                  bool went_back) {
  const diagnostics::CollectorSetup setup{run_.config(), *run_.objective,   *run_.dataset,
                                          control_,      *set_up_.exchange, set_up_.device};
  reporter_.emplace(run_, *model_, control_, setup, opened_.folder,
                    opened_.state ? &*opened_.state : nullptr, speech);
  begin(original, went_back);
  const world::ScopedStage in_training(control_.flight_log(), "training",
                                       world::Stage::Kind::training);
  feed_.emplace(run_, runtime_.world(), set_up_.device, position_.samples);
  begun_at_ = position_.step;
  const auto reason =
      training::run_loop(run_.config(), *run_.objective, *model_, position_, hooks(original));
  early_.disarm();
  saver_.finish();
  reporter_->settle();
  if (reason != training::StopReason::kRollback) reporter_->finish();
  return reason;
}

void Attempt::begin(const config::RunConfig& original, bool went_back) {
  const int64_t rollbacks = std::ssize(opened_.rollbacks());
  if (!opened_.state && !opened_.from.empty())
    reporter_->began_with(opened_.from.string(), opened_.first_weights);
  if (position_.step == 0 && rollbacks == 0)
    reporter_->audited(diagnostics::audit_data(*run_.dataset, control_, run_.config().batch));
  if (!went_back) return;
  reporter_->went_back(position_, config::adjustments(original, rollbacks));
  // From here on the checkpoint says that the run went back to it.
  saver_.save_anew(*model_, *reporter_, position_);
}

training::LoopHooks Attempt::hooks(const config::RunConfig& original) {
  const bool rolls_back = original.verdict.on_collapse == "rollback";
  return {
      .next =
          [this] {
            const auto waiting = stage("waiting for data");
            return feed_->next();
          },
      .log =
          [this](const auto& position, const auto& report) {
            const auto logging = stage("log", world::Stage::Kind::training);
            reporter_->log(position, report);
          },
      .evaluate =
          [this, &original, rolls_back](const auto& position) {
            const auto evaluating = stage("evaluation");
            const auto verdict = reporter_->evaluate(position);
            if (!verdict) {
              // There is always something to go back to, if only the beginning.
              if (rolls_back) saver_.save(*model_, *reporter_, position);
              return training::Reaction::none;
            }
            return reaction_to(*verdict, original.verdict, std::ssize(opened_.rollbacks()));
          },
      .checkpoint =
          [this](const auto& position) {
            saver_.save(*model_, *reporter_, position);
            requests_.saved();
          },
      .images =
          [this](const auto& position) {
            const auto drawing = stage("pictures");
            reporter_->images(position);
          },
      .tick = [this](const auto& position, const auto& report) { tick(position, report); },
      .requested = [this](const auto& position) { return requested(position); },
      .skipped =
          [this](const auto& position, const auto& updates) {
            return skipped_.note(position, updates, model_->skipped_updates());
          },
  };
}

training::Request Attempt::requested(const training::Position& position) {
  const auto request = requests_.ask(position);
  // From its first step on the run has something to save.
  if (request == training::Request::stop || position.step > begun_at_) early_.disarm();
  return request;
}

void Attempt::tick(const training::Position& position, const training::StepReport& report) {
  if (auto* log = control_.flight_log()) log->step_done(position.step);
  reporter_->tick(position, report);
  saver_.check();
  const int64_t every = run_.config().consistency.replicas_every;
  if (every > 0 && position.step % static_cast<uint64_t>(every) == 0)
    compare_replicas(*model_, run_, position, control_);
}

world::ScopedStage Attempt::stage(const char* name, world::Stage::Kind kind) const {
  return {control_.flight_log(), name, kind};
}

}  // namespace allmodes::run
