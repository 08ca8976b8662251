#include "diagnostics/latents/aggregate_posterior.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kDeadShare = 0.01;  // of the prior's variance

size_t rows_of(std::span<const float> values, int64_t dimensions) {
  ALLMODES_CHECK(dimensions >= 1 && values.size() % static_cast<size_t>(dimensions) == 0,
                 "{} values of {} dimensions", values.size(), dimensions);
  return values.size() / static_cast<size_t>(dimensions);
}

// Columns one after another, so that the loops below run over neighbours in memory.
std::vector<float> transposed(std::span<const float> values, size_t rows, size_t width) {
  std::vector<float> columns(values.size());
  for (size_t i = 0; i < rows; ++i)
    for (size_t k = 0; k < width; ++k) columns[k * rows + i] = values[i * width + k];
  return columns;
}

// k(x, y_j) of the rows j in [begin, rows) of y.
class KernelRow {
 public:
  KernelRow(std::span<const float> y, size_t rows, size_t width, std::span<const double> widths)
      : columns_(transposed(y, rows, width)), rows_(rows), width_(width), values_(rows) {
    for (const double value : widths) widths_.push_back(static_cast<float>(value));
  }

  // Valid until the next call.
  std::span<const float> operator()(const float* x, size_t begin) {
    std::fill(values_.begin(), values_.end(), 0.0F);
    for (size_t k = 0; k < width_; ++k) {
      const float* column = &columns_[k * rows_];
      const float own = x[k];
      for (size_t j = begin; j < rows_; ++j) values_[j] += (own - column[j]) * (own - column[j]);
    }
    for (size_t j = begin; j < rows_; ++j) {
      float kernel = 0;
      for (const float width : widths_) kernel += width / (width + values_[j]);
      values_[j] = kernel;
    }
    return std::span<const float>(values_).subspan(begin);
  }

 private:
  std::vector<float> columns_;
  size_t rows_, width_;
  std::vector<float> widths_;
  std::vector<float> values_;
};

template <typename Value>
double total(std::span<const Value> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// 1 for one half of the rows, -1 for the other, in random order.
std::vector<double> random_signs(size_t rows, const NoiseKey& key, uint64_t draw) {
  std::vector<double> signs(rows, -1);
  std::fill_n(signs.begin(), rows / 2, 1.0);
  Random random(key, draw);
  for (size_t i = rows; i > 1; --i) std::swap(signs[i - 1], signs[random.below(i)]);
  return signs;
}

std::vector<double> covariance_of(std::span<const float> codes, size_t rows, size_t width) {
  std::vector<double> mean(width), covariance(width * width);
  const auto n = static_cast<double>(rows);
  for (size_t i = 0; i < codes.size(); ++i) mean[i % width] += static_cast<double>(codes[i]) / n;
  std::vector<double> centred(width);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t k = 0; k < width; ++k)
      centred[k] = static_cast<double>(codes[i * width + k]) - mean[k];
    for (size_t k = 0; k < width; ++k)
      for (size_t l = 0; l < width; ++l) covariance[k * width + l] += centred[k] * centred[l] / n;
  }
  return covariance;
}

// Directions until every diagonal entry of what is left is at most `tolerance`.
int64_t rank_of(std::vector<double> matrix, size_t width, double tolerance) {
  for (size_t rank = 0; rank < width; ++rank) {
    size_t pivot = 0;
    for (size_t k = 1; k < width; ++k)
      if (matrix[k * width + k] > matrix[pivot * width + pivot]) pivot = k;
    const double largest = matrix[pivot * width + pivot];
    if (!(largest > tolerance)) return static_cast<int64_t>(rank);
    std::vector<double> direction(width);
    for (size_t k = 0; k < width; ++k) direction[k] = matrix[k * width + pivot];
    for (size_t k = 0; k < width; ++k)
      for (size_t l = 0; l < width; ++l)
        matrix[k * width + l] -= direction[k] * direction[l] / largest;
  }
  return static_cast<int64_t>(width);
}

}  // namespace

std::vector<double> kernel_row_sums(std::span<const float> x, std::span<const float> y,
                                    int64_t dimensions, std::span<const double> widths,
                                    RowPart part) {
  const auto width = static_cast<size_t>(dimensions);
  std::vector<double> sums(rows_of(x, dimensions));
  KernelRow row(y, rows_of(y, dimensions), width, widths);
  for (auto i = static_cast<size_t>(part.first); i < sums.size();
       i += static_cast<size_t>(part.stride))
    sums[i] = total(row(&x[i * width], 0));
  return sums;
}

std::vector<double> kernel_row_sums(std::span<const float> x, int64_t dimensions,
                                    std::span<const double> widths, RowPart part) {
  const auto width = static_cast<size_t>(dimensions);
  std::vector<double> sums(rows_of(x, dimensions));
  KernelRow row(x, sums.size(), width, widths);
  for (auto i = static_cast<size_t>(part.first); i < sums.size();
       i += static_cast<size_t>(part.stride))
    sums[i] = total(row(&x[i * width], i + 1));
  return sums;
}

KernelMeans kernel_means(std::span<const double> of_codes, std::span<const double> of_prior,
                         std::span<const double> across) {
  ALLMODES_CHECK(of_codes.size() >= 2 && of_codes.size() == of_prior.size() &&
                     of_codes.size() == across.size(),
                 "{} codes, {} prior samples", of_codes.size(), of_prior.size());
  const auto n = static_cast<double>(of_codes.size());
  const double pairs = n * (n - 1) / 2;
  return {total(of_codes) / pairs, total(of_prior) / pairs, total(across) / (n * n)};
}

KernelMeans kernel_means(std::span<const float> codes, std::span<const float> prior,
                         int64_t dimensions, std::span<const double> widths) {
  return kernel_means(kernel_row_sums(codes, dimensions, widths),
                      kernel_row_sums(prior, dimensions, widths),
                      kernel_row_sums(codes, prior, dimensions, widths));
}

double squared_mmd(const KernelMeans& means) {
  return means.of_codes + means.of_prior - 2 * means.across;
}

std::vector<double> null_of_halves(std::span<const float> pool, int64_t dimensions,
                                   std::span<const double> widths, int64_t draws,
                                   const NoiseKey& key) {
  const size_t rows = rows_of(pool, dimensions);
  ALLMODES_CHECK(rows >= 4 && rows % 2 == 0, "halves of {} samples", rows);
  std::vector<std::vector<double>> signs;
  for (int64_t draw = 0; draw < draws; ++draw)
    signs.push_back(random_signs(rows, key, static_cast<uint64_t>(draw)));
  // The sums over pairs of all kernels, and of each draw with the sign of the two samples' halves:
  // within the halves less across them.
  double all = 0;
  std::vector<double> signed_sums(signs.size());
  KernelRow row(pool, rows, static_cast<size_t>(dimensions), widths);
  for (size_t i = 0; i < rows; ++i) {
    const auto kernels = row(&pool[i * static_cast<size_t>(dimensions)], i + 1);
    all += total(kernels);
    for (size_t draw = 0; draw < signs.size(); ++draw) {
      const double* others = signs[draw].data() + i + 1;
      double sum = 0;
      for (size_t j = 0; j < kernels.size(); ++j)
        sum += static_cast<double>(kernels[j]) * others[j];
      signed_sums[draw] += signs[draw][i] * sum;
    }
  }
  const double m = static_cast<double>(rows) / 2;
  for (double& value : signed_sums) value = (all + value) / (m * (m - 1)) - (all - value) / (m * m);
  return signed_sums;
}

double discrepancy(const KernelMeans& means) {
  return squared_mmd(means) / (means.of_codes + means.of_prior);
}

double quantile(std::vector<double> values, double q) {
  ALLMODES_CHECK(!values.empty() && q > 0 && q <= 1, "quantile {} of {} values", q, values.size());
  const double position = std::ceil(q * static_cast<double>(values.size()));
  std::ranges::sort(values);
  return values[static_cast<size_t>(position) - 1];
}

CodeSpread code_spread(std::span<const float> codes, int64_t dimensions, double prior_variance) {
  const size_t rows = rows_of(codes, dimensions);
  ALLMODES_CHECK(rows >= 1, "the spread of no code");
  const auto width = static_cast<size_t>(dimensions);
  const std::vector<double> covariance = covariance_of(codes, rows, width);
  CodeSpread spread;
  double trace = 0, square = 0;
  for (size_t k = 0; k < width; ++k) {
    spread.variance.push_back(covariance[k * width + k]);
    trace += spread.variance.back();
    spread.dead_dimensions += spread.variance.back() > kDeadShare * prior_variance ? 0 : 1;
  }
  for (const double value : covariance) square += value * value;
  spread.effective_dimensions = trace == 0 ? 0 : trace * trace / square;
  spread.rank = rank_of(covariance, width, kDeadShare * prior_variance);
  return spread;
}

}  // namespace allmodes::diagnostics
