#include "diagnostics/metrics/distance_blocks.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

// A block of distances, in single precision, then has a megabyte: it stays in the cache until it
// was looked at. It is wide, so that a row's nearest columns are sought among many at a time.
constexpr int64_t kBlockRows = 64;
constexpr int64_t kBlockColumns = 4096;
// Rows whose distances to all columns come before those of the next ones.
constexpr int64_t kGroupRows = 16 * kBlockRows;
constexpr int64_t kProductRows = 128;  // of products, in double precision
constexpr int64_t kProductColumns = 256;
constexpr double kSmallest = std::numeric_limits<float>::min();
// Single precision is for blocks whose bound is below this share of their mean distance.
constexpr double kSharpEnough = 1e-3;
constexpr int64_t kLookedAtOfBlock = 1000;  // distances that the mean is taken of

enum class Form { kPlain, kLeft, kRight };

// Rows, less a centre, as one side of a matrix product; for distances with two more columns, so
// that the product is (x, |x|^2, 1) . (-2 y, 1, |y|^2) = |x - y|^2.
template <class T>
class Side {
 public:
  Side(const Features& features, Form form, int64_t capacity, std::vector<double> centre = {})
      : features_(features),
        form_(form),
        centre_(std::move(centre)),
        width_(features.width + (form == Form::kPlain ? 0 : 2)),
        storage_(at::empty({capacity, width_}, c10::CppTypeToScalarType<T>::value)) {}

  void load(RowRange rows) {
    norms_.resize(static_cast<size_t>(rows.count()));
    T* out = storage_.template data_ptr<T>();
    for (int64_t row = rows.first; row < rows.last; ++row, out += width_) {
      const auto values = features_.row(row);
      const double scale = form_ == Form::kRight ? -2.0 : 1.0;
      double norm = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        const double value = static_cast<double>(values[i]) - (centre_.empty() ? 0.0 : centre_[i]);
        norm += value * value;
        out[i] = static_cast<T>(scale * value);
      }
      norms_[static_cast<size_t>(row - rows.first)] = norm;
      if (form_ == Form::kPlain) continue;
      out[width_ - 2] = static_cast<T>(form_ == Form::kLeft ? norm : 1.0);
      out[width_ - 1] = static_cast<T>(form_ == Form::kLeft ? 1.0 : norm);
    }
    loaded_ = storage_.narrow(0, 0, rows.count());
  }

  const at::Tensor& loaded() const { return loaded_; }
  const std::vector<double>& norms() const { return norms_; }

 private:
  Features features_;
  Form form_;
  std::vector<double> centre_;
  int64_t width_;
  at::Tensor storage_;
  at::Tensor loaded_;
  std::vector<double> norms_;
};

std::vector<double> mean_of_rows(const Features& features) {
  std::vector<double> mean(static_cast<size_t>(features.width), 0);
  for (int64_t row = 0; row < features.rows(); ++row) {
    const auto values = features.row(row);
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += static_cast<double>(values[i]);
  }
  for (double& value : mean) value /= static_cast<double>(features.rows());
  return mean;
}

// In units u (|x|^2 + |y|^2) a distance of rows of d numbers is off by less than 2 d + 4 for the
// product, whose terms add up to at most 2 (|x|^2 + |y|^2) in magnitude, 5 for the centred numbers
// and norms, which are rounded, and 4 for what it is compared with. 8 (d + 8) covers them with a
// margin.
template <class T>
std::vector<double> error_bounds(const Side<T>& rows, const Side<T>& columns, int64_t width) {
  const double largest = *std::max_element(columns.norms().begin(), columns.norms().end());
  const double unit = 8.0 * static_cast<double>(width + 8) * std::numeric_limits<T>::epsilon() / 2;
  std::vector<double> errors;
  for (const double norm : rows.norms()) errors.push_back(unit * (norm + largest) + kSmallest);
  return errors;
}

bool sharp(const DistanceBlock& block) {
  const int64_t count = block.rows.count() * block.columns.count();
  const int64_t step = count / kLookedAtOfBlock + 1;
  double sum = 0;
  for (int64_t i = 0; i < count; i += step) sum += static_cast<double>(block.values[i]);
  const double mean = sum / static_cast<double>((count + step - 1) / step);
  return *std::max_element(block.error.begin(), block.error.end()) <= kSharpEnough * mean;
}

template <class T>
at::Tensor multiply(const at::Tensor& storage, const Side<T>& left, const Side<T>& right) {
  const int64_t rows = left.loaded().size(0);
  const int64_t columns = right.loaded().size(0);
  at::Tensor out = storage.narrow(0, 0, rows * columns).view({rows, columns});
  return at::mm_out(out, left.loaded(), right.loaded().t());
}

class DistanceBlocks {
 public:
  DistanceBlocks(const Features& x, const Features& y)
      : x_(x),
        y_(y),
        left_(x, Form::kLeft, kBlockRows, mean_of_rows(y)),
        right_(y, Form::kRight, kBlockColumns, mean_of_rows(y)),
        storage_(at::empty({kBlockRows * kBlockColumns}, at::kFloat)) {}

  void run(RowRange range, const std::function<void(const DistanceBlock&)>& visit) {
    for (int64_t row = range.first; row < range.last; row += kGroupRows)
      run_group({row, std::min(range.last, row + kGroupRows)}, visit);
  }

 private:
  void run_group(RowRange group, const std::function<void(const DistanceBlock&)>& visit) {
    DistanceBlock block;
    for (int64_t column = 0; column < y_.rows(); column += kBlockColumns) {
      block.columns = {column, std::min(y_.rows(), column + kBlockColumns)};
      right_.load(block.columns);
      for (int64_t row = group.first; row < group.last; row += kBlockRows) {
        block.rows = {row, std::min(group.last, row + kBlockRows)};
        left_.load(block.rows);
        multiply(storage_, left_, right_);
        block.values = storage_.data_ptr<float>();
        block.error = error_bounds(left_, right_, x_.width);
        if (!sharp(block)) sharpen(block);
        visit(block);
      }
    }
  }

  // The same block from a product in double precision, rounded at its end.
  void sharpen(DistanceBlock& block) {
    const std::vector<double> centre = mean_of_rows(y_.part(block.columns.first, 1));
    Side<double> left(x_, Form::kLeft, block.rows.count(), centre);
    Side<double> right(y_, Form::kRight, block.columns.count(), centre);
    left.load(block.rows);
    right.load(block.columns);
    const int64_t columns = block.columns.count();
    const at::Tensor exact = at::mm(left.loaded(), right.loaded().t());
    const double* from = exact.data_ptr<double>();
    float* to = storage_.data_ptr<float>();
    block.error = error_bounds(left, right, x_.width);
    for (double& error : block.error) {
      double largest = 0;
      for (int64_t i = 0; i < columns; ++i, ++from, ++to) {
        largest = std::max(largest, std::abs(*from));
        *to = static_cast<float>(*from);
      }
      // Rounding of the value, and of what it is compared with.
      error += 4 * largest * std::numeric_limits<float>::epsilon();
    }
  }

  Features x_;
  Features y_;
  Side<float> left_;
  Side<float> right_;
  at::Tensor storage_;
};

void check_sides(const Features& x, RowRange range, const Features& y) {
  check_range(range, x.rows());
  ALLMODES_CHECK(x.width == y.width && y.rows() > 0, "rows of {} and of {} numbers", x.width,
                 y.width);
}

}  // namespace

void for_each_distance_block(const Features& x, RowRange range, const Features& y,
                             const std::function<void(const DistanceBlock& block)>& visit) {
  check_sides(x, range, y);
  const at::NoGradGuard no_grad;
  DistanceBlocks(x, y).run(range, visit);
}

void for_each_product_block(const Features& x, RowRange range, const Features& y,
                            const std::function<void(const ProductBlock& block)>& visit) {
  check_sides(x, range, y);
  const at::NoGradGuard no_grad;
  Side<double> left(x, Form::kPlain, kProductRows);
  Side<double> right(y, Form::kPlain, kProductColumns);
  const at::Tensor storage = at::empty({kProductRows * kProductColumns}, at::kDouble);
  ProductBlock block;
  for (int64_t column = 0; column < y.rows(); column += kProductColumns) {
    block.columns = {column, std::min(y.rows(), column + kProductColumns)};
    right.load(block.columns);
    for (int64_t row = range.first; row < range.last; row += kProductRows) {
      block.rows = {row, std::min(range.last, row + kProductRows)};
      left.load(block.rows);
      multiply(storage, left, right);
      block.values = storage.data_ptr<double>();
      visit(block);
    }
  }
}

}  // namespace allmodes::diagnostics
