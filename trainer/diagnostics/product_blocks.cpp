#include "diagnostics/product_blocks.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

// A block of products then has a megabyte: it stays in the cache until it was looked at.
constexpr int64_t kBlockRows = 256;
constexpr int64_t kBlockColumns = 512;
constexpr double kSmallest = std::numeric_limits<double>::min();

// Rows in double precision. For distances with two more columns, so that the product is
// (x, |x|^2, 1) . (-2 y, 1, |y|^2) = |x - y|^2.
class Side {
 public:
  enum class Form { kPlain, kLeft, kRight };

  Side(const Features& features, Form form, int64_t capacity)
      : features_(features),
        form_(form),
        width_(features.width + (form == Form::kPlain ? 0 : 2)),
        storage_(at::empty({capacity, width_}, at::kDouble)) {}

  void load(RowRange rows) {
    norms_.resize(static_cast<size_t>(rows.count()));
    double* out = storage_.data_ptr<double>();
    for (int64_t row = rows.first; row < rows.last; ++row, out += width_) {
      const auto values = features_.row(row);
      const double scale = form_ == Form::kRight ? -2.0 : 1.0;
      double norm = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        const auto value = static_cast<double>(values[i]);
        norm += value * value;
        out[i] = scale * value;
      }
      norms_[static_cast<size_t>(row - rows.first)] = norm;
      if (form_ == Form::kPlain) continue;
      out[width_ - 2] = form_ == Form::kLeft ? norm : 1.0;
      out[width_ - 1] = form_ == Form::kLeft ? 1.0 : norm;
    }
    loaded_ = storage_.narrow(0, 0, rows.count());
  }

  const at::Tensor& loaded() const { return loaded_; }
  const std::vector<double>& norms() const { return norms_; }

 private:
  Features features_;
  Form form_;
  int64_t width_;
  at::Tensor storage_;
  at::Tensor loaded_;
  std::vector<double> norms_;
};

// The terms of a distance add up to at most 2 (|x|^2 + |y|^2) in magnitude, over width + 2
// products; the norms among them, and squared_distance(), are themselves sums of `width` rounded
// terms. The factor 8 covers them with a margin. Never 0, so that a comparison may be strict.
std::vector<double> error_bounds(const Side& rows, const Side& columns, int64_t width) {
  const double largest = *std::max_element(columns.norms().begin(), columns.norms().end());
  const double unit = 8.0 * static_cast<double>(width + 8) * 0x1p-53;
  std::vector<double> errors;
  for (const double norm : rows.norms()) errors.push_back(unit * (norm + largest) + kSmallest);
  return errors;
}

void for_each_block(const Features& x, RowRange range, const Features& y, bool distances,
                    const BlockVisitor& visit) {
  check_range(range, x.rows());
  ALLMODES_CHECK(x.width == y.width && y.rows() > 0, "rows of {} and of {} numbers", x.width,
                 y.width);
  const at::NoGradGuard no_grad;
  Side left(x, distances ? Side::Form::kLeft : Side::Form::kPlain, kBlockRows);
  Side right(y, distances ? Side::Form::kRight : Side::Form::kPlain, kBlockColumns);
  const at::Tensor storage = at::empty({kBlockRows * kBlockColumns}, at::kDouble);
  ProductBlock block;
  for (int64_t column = 0; column < y.rows(); column += kBlockColumns) {
    block.columns = {column, std::min(y.rows(), column + kBlockColumns)};
    right.load(block.columns);
    for (int64_t row = range.first; row < range.last; row += kBlockRows) {
      block.rows = {row, std::min(range.last, row + kBlockRows)};
      left.load(block.rows);
      at::Tensor out = storage.narrow(0, 0, block.rows.count() * block.columns.count())
                           .view({block.rows.count(), block.columns.count()});
      at::mm_out(out, left.loaded(), right.loaded().t());
      block.values = out.data_ptr<double>();
      if (distances) block.error = error_bounds(left, right, x.width);
      visit(block);
    }
  }
}

}  // namespace

void for_each_distance_block(const Features& x, RowRange range, const Features& y,
                             const BlockVisitor& visit) {
  for_each_block(x, range, y, true, visit);
}

void for_each_product_block(const Features& x, RowRange range, const Features& y,
                            const BlockVisitor& visit) {
  for_each_block(x, range, y, false, visit);
}

}  // namespace allmodes::diagnostics
