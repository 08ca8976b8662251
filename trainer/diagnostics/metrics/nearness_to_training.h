#pragma once

// Samples beside the data that a model was trained on and beside data of the same kind that it was
// not (training_copies.h). In the manner of Meehan, Chaudhuri, Dasgupta, "A non-parametric test to
// detect data-copying in generative models", 2020, arXiv 2004.05675, but for the distance to
// held-out rows by which that to training rows is divided: samples that are narrower than the data,
// or means of it, are near to both.

#include <cstdint>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"
#include "diagnostics/statistics/training_copies.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

// Copies with noise that is as wide as the data's own spacing are nearer to no training row than
// held-out data are. They still crowd: around each row, training or held-out, the samples are
// counted within its distance to its k-th nearest other row of both, for several k. Where samples
// know nothing of the training rows these are exchangeable with held-out ones, and so are the
// counts, whatever the samples are.

// Collective; every rank has all rows and measures a part. One width; at least one training row and
// sample and two held-out rows. The limits are the least ratio of a held-out row, and those that
// one and ten in a hundred of them are below, but at most half of the usual one. Samples that are
// not `counted` (empty: all are) are near to nothing, but crowd. Time is that of (samples +
// held-out) x (training + held-out) distances.
TrainingCopies nearness_to_training(world::Communicator& control, const Features& training,
                                    const Features& held_out, const Features& samples,
                                    const std::vector<uint8_t>& counted = {});

}  // namespace allmodes::diagnostics
