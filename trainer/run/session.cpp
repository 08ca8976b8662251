#include "run/session.h"

#include <unistd.h>

#include <optional>

#include "base/durable_file.h"
#include "base/error.h"
#include "config/adjustment.h"
#include "records/log.h"
#include "run/agreement.h"
#include "run/announcements.h"
#include "run/attempt.h"
#include "run/early_stop.h"
#include "run/failure.h"
#include "run/opened_run.h"
#include "run/rollback.h"
#include "run/run_outputs.h"
#include "run/work_watch.h"

namespace allmodes::run {
namespace {

// Whatever a destructor of it may wait for is a member: see or_end_the_job().
class Session {
 public:
  Session(const TrainOptions& options, world::Runtime& runtime, const world::StopRequest& signals)
      : options_(options), runtime_(runtime), signals_(signals), early_(signals, runtime) {}

  int run(world::Watchdog& watchdog) {
    if (const auto code = set_up(options_, runtime_, watchdog, set_up_)) return *code;
    original_ = set_up_.run.config();
    opened_ = open_run(options_, set_up_.run, runtime_);
    for (bool first = true;; first = false) {
      adjust();
      attempt_.emplace(set_up_, opened_, config::print(original_), runtime_, signals_, early_);
      attempt_->prepare();
      // Only now, so that a configuration which does not fit the checkpoint leaves the run as it
      // was.
      if (first) begin_folder(options_, set_up_.run, original_, opened_, runtime_.world());
      const auto reason = attempt_->run(original_, speech(), /*went_back=*/!first);
      if (reason != training::StopReason::kRollback) return end(reason);
      go_back(attempt_->last_verdict());
    }
  }

 private:
  Speech speech() const {
    if (options_.quiet) return Speech::quiet;
    return options_.verbose ? Speech::verbose : Speech::usual;
  }

  // Sets configuration and family to what the rollbacks so far have made of them.
  void adjust() {
    const auto count = std::ssize(opened_.rollbacks());
    if (count == 0) return;
    auto& run = set_up_.run;
    run.loaded.config = config::adjusted(original_, count);
    std::vector<objectives::ConfigurationError> errors;
    run.objective = objectives::make_objective(run.config(), run.facts, errors);
    if (!errors.empty()) {
      ALLMODES_FAIL(ExitCode::kConfiguration, "after {} rollbacks: {}: {}", count,
                    errors.front().path, errors.front().message);
    }
  }

  // What came after the last healthy checkpoint is put aside, and the next attempt starts there. A
  // crash on the way leaves a run that collapses again and comes here again.
  void go_back(const checkpoints::State::Verdict& verdict) {
    const world::ScopedStage going_back(runtime_.control().flight_log(), "rollback");
    auto before = opened_.rollbacks();
    attempt_.reset();
    std::optional<checkpoints::Opened> healthy;
    if (runtime_.world().rank == 0) {
      healthy = newest_vouched_for(opened_.folder);
      if (!healthy)
        ALLMODES_FAIL(ExitCode::kCollapsed,
                      "{}: no healthy checkpoint to go back to; the collapsed model is not kept",
                      opened_.folder.checkpoints().string());
      const auto aside = fmt::format("records-before-rollback-{}.jsonl", before.size() + 1);
      auto shortage = space_shortage(original_);
      until_there_is_space(shortage, [&] {
        write_file_atomically(opened_.folder.root / aside, read_file(opened_.folder.records()));
      });
      checkpoints::remove_after(opened_.folder.checkpoints(), healthy->state.step);
      healthy->state = after_rollback(std::move(healthy->state), std::move(before), verdict);
    }
    go_on_from(opened_, std::move(healthy), runtime_);
  }

  int end(training::StopReason reason) const {
    switch (reason) {
      case training::StopReason::kCollapsed:
      case training::StopReason::kNotFinite:
        return static_cast<int>(ExitCode::kCollapsed);
      case training::StopReason::kSignal:
        if (runtime_.world().rank == 0)
          say_how_to_continue(options_, opened_, runtime_.world().size);
        return static_cast<int>(ExitCode::kTemporaryFailure);
      default:
        return static_cast<int>(ExitCode::kOk);
    }
  }

  const TrainOptions& options_;
  world::Runtime& runtime_;
  const world::StopRequest& signals_;
  SetUp set_up_;
  config::RunConfig original_;  // as written, without adjustments
  OpenedRun opened_;
  std::optional<Attempt> attempt_;
  EarlyStop early_;
};

}  // namespace

int train(const TrainOptions& options, world::Runtime& runtime, const world::StopRequest& signals) {
  const auto world = runtime.world();
  records::setup_log(world.rank, world.host, std::nullopt, options.quiet,
                     records::may_color(STDERR_FILENO));
  world::refuse_singletons(world);
  world::Watchdog watchdog(runtime, limits_of(config::Watchdog{}));
  // Nobody waits for a rank that is alone: it may take its time, as long as it works.
  const WorkWatch works(world.size == 1 ? runtime.control().flight_log() : nullptr);
  Session session(options, runtime, signals);
  return or_end_the_job(runtime, [&] {
    const int code = session.run(watchdog);
    // Not before the last has come is a rank's silence no sign of anything.
    runtime.control().barrier("end of the job");
    return code;
  });
}

}  // namespace allmodes::run
