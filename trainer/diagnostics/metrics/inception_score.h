#pragma once

// The Inception Score (Salimans et al. 2016, arXiv 1606.03498, section 4): exp of the mean KL of a
// sample's classes from the classes of all, by Inception's 1008 logits without their bias. It sees
// neither the data nor variety within a class.

#include <cstdint>
#include <span>

namespace allmodes::diagnostics {

struct InceptionScore {
  double mean = 1;       // over the splits, in [1, classes]
  double deviation = 0;  // of the splits, divided by their number
};

// Logits [n][classes], in order cut into `splits` parts that are scored by themselves: 10 in
// published figures. At least `splits` rows, else throws ExitCode::kSoftware.
InceptionScore inception_score(std::span<const float> logits, int64_t classes, int64_t splits = 10);

}  // namespace allmodes::diagnostics
