#pragma once

// How many samples are nearer to what a model was trained on than data of the same kind is that the
// model never saw: learnt by heart. Torch-free.

#include <cstdint>
#include <vector>

namespace allmodes::diagnostics {

// A sample's ratio is its distance to the nearest training row over that to the nearest held-out
// row. Where it is not learnt by heart the two are alike, wherever it lies and however wide the
// samples are, and its ratio is as that of a held-out row beside the other ones.
struct TrainingCopies {
  // Below a limit, which is itself the ratio of a held-out row.
  struct Near {
    int64_t samples = 0;
    int64_t held_out = 0;
  };
  int64_t samples = 0;
  int64_t held_out = 0;
  int64_t training = 0;
  int64_t copied = 0;           // samples that equal a training row to the last bit
  int64_t different = 0;        // training rows that they equal
  std::vector<Near> near = {};  // one for each limit
  // Samples crowd around the training rows more than around held-out ones: that of several radii at
  // which it shows most surely.
  struct Crowding {
    double share = 0;  // of the samples, at least so many are beside "their" row, [0, 1]
    double low = 0;    // 99 % interval, normal
    double high = 1;
    double of_training = 0;  // samples about a training row, on average
    double of_held_out = 0;
    double log10_tail = 0;  // rank sum, over all radii
  };
  Crowding crowding = {};
};

// log10 of the probability that so many or more samples come before the held-out row whose ratio is
// the limit, where samples are drawn as held-out rows are: that of the rows up to there so few are
// held-out ones (hypergeometric). At the worst of the limits (Bonferroni over them); at most 0.
double training_copies_log10_tail(const TrainingCopies& figures);

// The share that is learnt by heart, at the limit of the smallest tail: what is near beyond what
// held-out rows have. [0, 1]; with a 99 % interval of Clopper-Pearson bounds on both counts.
struct LearntShare {
  double share = 0;
  double low = 0;
  double high = 1;
  TrainingCopies::Near near = {};  // the counts that it rests on
};
LearntShare learnt_share(const TrainingCopies& figures);

}  // namespace allmodes::diagnostics
