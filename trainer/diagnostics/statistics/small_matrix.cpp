#include "diagnostics/statistics/small_matrix.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

double outside_diagonal(const std::vector<double>& a, size_t n) {
  double sum = 0;
  for (size_t p = 0; p < n; ++p)
    for (size_t q = p + 1; q < n; ++q) sum += 2 * a[p * n + q] * a[p * n + q];
  return sum;
}

// Makes a[p][q] zero (Golub and Van Loan, "Matrix computations", section 8.5); the rows of `v` turn
// along.
void rotate(std::vector<double>& a, std::vector<double>& v, size_t n, size_t p, size_t q) {
  const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  const double t = std::copysign(1.0, theta) / (std::abs(theta) + std::hypot(theta, 1.0));
  const double c = 1 / std::hypot(t, 1.0);
  const double s = t * c;
  const auto turn = [&](double& x, double& y) {
    const double before = x;
    x = c * before - s * y;
    y = s * before + c * y;
  };
  for (size_t k = 0; k < n; ++k) turn(a[k * n + p], a[k * n + q]);
  for (size_t k = 0; k < n; ++k) turn(a[p * n + k], a[q * n + k]);
  for (size_t k = 0; k < n; ++k) turn(v[p * n + k], v[q * n + k]);
}

}  // namespace

Eigen eigen(std::vector<double> a, int64_t size) {
  const auto n = static_cast<size_t>(size);
  ALLMODES_CHECK(n >= 1 && a.size() == n * n, "{} values of a matrix of {} rows", a.size(), size);
  std::vector<double> v(n * n, 0.0);
  for (size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  double square = 0;
  for (const double value : a) square += value * value;
  for (int sweep = 0; sweep < 60 && outside_diagonal(a, n) > 1e-24 * square; ++sweep)
    for (size_t p = 0; p < n; ++p)
      for (size_t q = p + 1; q < n; ++q)
        if (a[p * n + q] != 0) rotate(a, v, n, p, q);
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t x, size_t y) { return a[x * n + x] > a[y * n + y]; });
  Eigen found;
  for (const size_t i : order) {
    found.values.push_back(a[i * n + i]);
    found.vectors.insert(found.vectors.end(), v.begin() + static_cast<std::ptrdiff_t>(i * n),
                         v.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
  }
  return found;
}

std::vector<double> whitening(std::span<const double> c, int64_t size, int64_t rows) {
  const auto n = static_cast<size_t>(size);
  const Eigen found = eigen({c.begin(), c.end()}, size);
  const double mean =
      std::accumulate(found.values.begin(), found.values.end(), 0.0) / static_cast<double>(n);
  std::vector<double> w;
  for (size_t i = 0; i < std::min(n, static_cast<size_t>(rows)); ++i) {
    if (!(found.values[i] > 1e-9 * mean)) break;
    const double scale = 1 / std::sqrt(found.values[i]);
    for (size_t j = 0; j < n; ++j) w.push_back(scale * found.vectors[i * n + j]);
  }
  return w;
}

std::vector<double> congruence(std::span<const double> w, std::span<const double> a, int64_t size) {
  const auto n = static_cast<size_t>(size);
  ALLMODES_CHECK(n >= 1 && w.size() % n == 0 && a.size() == n * n,
                 "matrices of {} and {} values, {} columns", w.size(), a.size(), size);
  const size_t rows = w.size() / n;
  std::vector<double> left(rows * n, 0.0);
  std::vector<double> both(rows * rows, 0.0);
  for (size_t i = 0; i < rows; ++i)
    for (size_t k = 0; k < n; ++k)
      for (size_t j = 0; j < n; ++j) left[i * n + j] += w[i * n + k] * a[k * n + j];
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < rows; ++j)
      for (size_t k = 0; k < n; ++k) both[i * rows + j] += left[i * n + k] * w[j * n + k];
  return both;
}

}  // namespace allmodes::diagnostics
