#include "run/rollback.h"

#include <iterator>
#include <utility>

namespace allmodes::run {

bool is_vouched_for(const checkpoints::State& state) {
  if (state.step == 0) return true;
  return !state.verdicts.empty() && state.verdicts.back().step == state.step &&
         state.verdicts.back().state == "healthy";
}

training::Reaction reaction_to(const checkpoints::State::Verdict& verdict,
                               const config::Verdict& settings, int64_t rollbacks) {
  using training::Reaction;
  const bool rolls_back = settings.on_collapse == "rollback";
  if (verdict.state == "healthy") return rolls_back ? Reaction::keep : Reaction::none;
  if (verdict.state != "collapsed" || settings.on_collapse == "warn") return Reaction::none;
  return rolls_back && rollbacks < settings.rollback.limit ? Reaction::rollback : Reaction::stop;
}

checkpoints::State after_rollback(checkpoints::State checkpoint,
                                  std::vector<checkpoints::State::Rollback> rollbacks,
                                  const checkpoints::State::Verdict& verdict) {
  rollbacks.push_back({.from_step = verdict.step,
                       .to_step = checkpoint.step,
                       .kind = verdict.kind,
                       .reason = verdict.reason});
  checkpoint.rollbacks = std::move(rollbacks);
  return checkpoint;
}

}  // namespace allmodes::run
