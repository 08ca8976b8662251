#pragma once

// Products of all rows with all columns, block after block: what is quadratic in time and would be
// in memory. A block is a few hundred rows by a few hundred columns, so memory is that of the
// features and a megabyte or two, whatever their number.
//
// Blocks are matrix products in double precision (at::mm): one core does some ten thousand million
// multiplications a second that way, ten times what a plain loop does. Their last bits depend on
// the processor, the number of threads and the cut into blocks. Where that would matter, a block
// also says how far it can be off, and squared_distance() decides.

#include <cstdint>
#include <functional>
#include <vector>

#include "diagnostics/features.h"

namespace allmodes::diagnostics {

struct ProductBlock {
  RowRange rows;
  RowRange columns;
  const double* values = nullptr;  // [rows.count()][columns.count()]
  // Of squared distances: |values[i][j] - squared_distance(row i, column j)| <= error[i]. From the
  // bound gamma_n = n u / (1 - n u) on a sum of n products in any order (Higham, "Accuracy and
  // stability of numerical algorithms", 2002, section 3.1), u = 2^-53.
  std::vector<double> error;  // [rows.count()]

  const double* row(int64_t index) const { return values + (index - rows.first) * columns.count(); }
  double error_of(int64_t index) const { return error[static_cast<size_t>(index - rows.first)]; }
};

using BlockVisitor = std::function<void(const ProductBlock& block)>;

// |x_i - y_j|^2 of rows i in `range` of x with all rows j of y. For each row the columns come in
// order. Both must have one width.
void for_each_distance_block(const Features& x, RowRange range, const Features& y,
                             const BlockVisitor& visit);

// x_i . y_j in the same way; `error` stays empty.
void for_each_product_block(const Features& x, RowRange range, const Features& y,
                            const BlockVisitor& visit);

}  // namespace allmodes::diagnostics
