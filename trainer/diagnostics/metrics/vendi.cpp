#include "diagnostics/metrics/vendi.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diagnostics/metrics/symmetric_matrix.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kVendiBlock = 512;  // rows

// Writes the row, less the centre, at length 1; false for a row of length 0, which stays zeros.
bool direction(std::span<const float> row, std::span<const double> centre, double* out) {
  double square = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    out[i] = static_cast<double>(row[i]) - (centre.empty() ? 0.0 : centre[i]);
    square += out[i] * out[i];
  }
  if (square == 0) return false;
  const double length = std::sqrt(square);
  for (size_t i = 0; i < row.size(); ++i) out[i] /= length;
  return true;
}

double entropy_term(double share) {
  return share > 0 ? -share * std::log(share) : 0.0;
}

}  // namespace

DirectionSums direction_sums(const Features& features, std::span<const double> centre,
                             RowRange range) {
  check_features(features, "samples");
  check_range(range, features.rows());
  const int64_t width = features.width;
  ALLMODES_CHECK(centre.empty() || static_cast<int64_t>(centre.size()) == width,
                 "a centre of {} numbers, rows of {}", centre.size(), width);
  const at::NoGradGuard no_grad;
  DirectionSums sums{.count = range.count(),
                     .products = std::vector<double>(static_cast<size_t>(width * width), 0)};
  at::Tensor products = at::from_blob(sums.products.data(), {width, width}, at::kDouble);
  at::Tensor storage = at::empty({kVendiBlock, width}, at::kDouble);
  for (int64_t first = range.first; first < range.last; first += kVendiBlock) {
    const int64_t count = std::min(kVendiBlock, range.last - first);
    double* out = storage.data_ptr<double>();
    for (int64_t row = first; row < first + count; ++row, out += width)
      sums.zeros += direction(features.row(row), centre, out) ? 0 : 1;
    const at::Tensor block = storage.narrow(0, 0, count);
    products.addmm_(block.t(), block);
  }
  return sums;
}

double vendi_score(const DirectionSums& sums) {
  ALLMODES_CHECK(sums.count >= 1, "the Vendi score of no sample");
  const auto count = static_cast<double>(sums.count);
  const auto width = static_cast<int64_t>(std::llround(std::sqrt(sums.products.size())));
  double entropy = entropy_term(static_cast<double>(sums.zeros) / count);
  for (const double value : eigenvalues(sums.products, width))
    entropy += entropy_term(value / count);
  return std::exp(entropy);
}

}  // namespace allmodes::diagnostics
