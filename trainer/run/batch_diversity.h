#pragma once

// How far apart the samples of one training batch are, beside the real ones of the same batch: a
// look at every log step that costs next to nothing.

#include <cstdint>
#include <optional>

#include "config/run_config.h"
#include "run/rank_sums.h"
#include "training/step.h"

namespace allmodes::run {

// Adds the distances within this rank's last generated batch and within its real one, between
// diagnostics.diversity_pairs random pairs of each.
void add_batch_diversity(const training::StepReport& report, const config::RunConfig& config,
                         uint64_t step, RankSums& sums);
// Of the sums over all ranks: mean distance of fakes over that of reals, >= 0; nothing where either
// is not known.
std::optional<double> batch_diversity(const RankSums& sums);

}  // namespace allmodes::run
