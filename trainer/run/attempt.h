#pragma once

// A run from a checkpoint, or from its beginning, to its end or to a rollback.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "run/agreement.h"
#include "run/early_stop.h"
#include "run/feed.h"
#include "run/opened_run.h"
#include "run/reporter.h"
#include "run/saver.h"
#include "run/set_up.h"
#include "run/skipped_updates.h"
#include "training/loop.h"

namespace allmodes::run {

class Attempt {
 public:
  // Everything outlives the attempt. `config`: as printed into checkpoints.
  // `early` answers signals until the first step.
  Attempt(const SetUp& set_up, OpenedRun& opened, std::string config, world::Runtime& runtime,
          const world::StopRequest& signals, EarlyStop& early);
  ~Attempt();

  // Collective. Makes the model and puts the opened checkpoint, if any, into it. Writes nothing.
  void prepare();
  // Collective, once. Trains. `original`: the configuration without adjustments.
  training::StopReason run(const config::RunConfig& original, Speech speech, bool went_back);

  checkpoints::State::Verdict last_verdict() const { return reporter_->last_verdict(); }

 private:
  void begin(const config::RunConfig& original, bool went_back);
  training::LoopHooks hooks(const config::RunConfig& original);
  training::Request requested(const training::Position& position);
  void tick(const training::Position& position, const training::StepReport& report);
  world::ScopedStage stage(const char* name,
                           world::Stage::Kind kind = world::Stage::Kind::unbounded) const;

  const SetUp& set_up_;
  const CheckedRun& run_;
  OpenedRun& opened_;
  world::Runtime& runtime_;
  world::Communicator& control_;
  EarlyStop& early_;
  training::Position position_;
  uint64_t begun_at_ = 0;  // the step at which the loop begins
  // All of these may wait when they are destroyed.
  std::optional<training::Model> model_;
  std::optional<Feed> feed_;
  std::optional<Reporter> reporter_;
  Saver saver_;
  RequestAgreement requests_;
  SkippedUpdates skipped_;
};

}  // namespace allmodes::run
