#pragma once

// How much samples differ within their class: sums that add over ranks. Torch-free.

#include <cstdint>
#include <span>
#include <vector>

namespace allmodes::diagnostics {

struct ClassSums {
  int64_t width = 0;
  std::vector<int64_t> counts;  // [classes]
  std::vector<double> sums;     // [classes][width]
  std::vector<double> squares;  // [classes], of all numbers
};

// Throws ExitCode::kSoftware unless both are at least 1.
ClassSums make_class_sums(int64_t classes, int64_t width);

// Adds samples [n][width] of the classes labels [n], each in [0, classes); else throws kSoftware.
void add(ClassSums& sums, std::span<const float> samples, std::span<const int64_t> labels);

// The total variance within each class: the trace of its unbiased covariance, sum_i |x_i - mean|^2
// / (n - 1), >= 0; it is half the mean squared distance of two samples of the class. NaN below two
// samples.
std::vector<double> class_variances(const ClassSums& sums);

// variance of samples / of reals, class by class: 1 when equally wide, 0 for one image a class. NaN
// where either is not known or the reals' is 0.
std::vector<double> spread_of_classes(std::span<const double> samples,
                                      std::span<const double> reals);

}  // namespace allmodes::diagnostics
