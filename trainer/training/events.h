#pragma once

// What happens in a run, as plain values: where it is, why it stops, what is done
// about an evaluation.

#include <cstdint>

namespace allmodes::training {

// Where a run is: with the networks, the whole state that a checkpoint carries.
struct Position {
  uint64_t step = 0;     // steps done
  uint64_t samples = 0;  // real samples consumed globally: the sampler's state
};

enum class StopReason { kFinished, kSignal, kCollapsed, kNotFinite, kRollback };

// What is done about an evaluation; the same on every rank. `keep`: save a checkpoint now, because
// the model has just been judged healthy.
enum class Reaction { none, keep, stop, rollback };

// What is asked of a run between two steps, by a signal or by the clock; the same on every rank.
enum class Request { none, save, stop };

}  // namespace allmodes::training
