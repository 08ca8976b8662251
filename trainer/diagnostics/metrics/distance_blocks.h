#pragma once

// Squared distances, or products, of all rows with all columns, block after block: what is
// quadratic in time and would be in memory. A block is a few hundred rows by a few hundred columns,
// so memory is that of the features and a megabyte or two, whatever their number.
//
// Blocks are matrix products (at::mm): ten times as fast as a plain loop. Their last bits depend on
// the processor, the number of threads and the cut into blocks. So a distance is only an estimate,
// in single precision, with a proven bound on how far it is off; what the bound does not decide is
// for squared_distance() to decide. Where single precision would leave too much open (a tight
// cluster away from the rest), the block is a product in double precision.

#include <cstdint>
#include <functional>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"

namespace allmodes::diagnostics {

struct DistanceBlock {
  RowRange rows;
  RowRange columns;
  const float* values = nullptr;  // [rows.count()][columns.count()]
  // |values[i][j] - squared_distance(row i, column j)| < error[i], also after a number that is
  // compared with the value was rounded to single precision. From the bound gamma_n = n u / (1 - n
  // u) on a sum of n products in any order (Higham, "Accuracy and stability of numerical
  // algorithms", 2002, section 3.1), u = 2^-24 or 2^-53. > 0.
  std::vector<double> error;  // [rows.count()]

  const float* row(int64_t index) const { return values + (index - rows.first) * columns.count(); }
  double error_of(int64_t index) const { return error[static_cast<size_t>(index - rows.first)]; }
};

struct ProductBlock {
  RowRange rows;
  RowRange columns;
  const double* values = nullptr;  // [rows.count()][columns.count()]

  const double* row(int64_t index) const { return values + (index - rows.first) * columns.count(); }
};

// |x_i - y_j|^2 of rows i in `range` of x with all rows j of y. For each row the columns come in
// order; some thousand rows are through all columns before others begin. Both must have one width.
void for_each_distance_block(const Features& x, RowRange range, const Features& y,
                             const std::function<void(const DistanceBlock& block)>& visit);

// x_i . y_j in the same way, in double precision.
void for_each_product_block(const Features& x, RowRange range, const Features& y,
                            const std::function<void(const ProductBlock& block)>& visit);

}  // namespace allmodes::diagnostics
