#pragma once

// Cuts of pooled rows into reals and fakes: where there are hardly any of either among the nearest
// rows of both (pooled_null.h has what each figure is).

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "diagnostics/metrics/pooled_rows.h"

namespace allmodes::diagnostics {

// local_loss, local_excess, loss_score.
using LocalFigures = std::array<double, 3>;

struct LocalCut {
  // `is_real` [pool]: marks of this cut.
  LocalCut(const PooledRows& pool, const std::vector<uint8_t>& is_real);

  std::vector<uint8_t> emptied;  // [pool], of either: hardly any fakes around
  std::vector<uint8_t> crowded;  // [pool], of either: hardly any reals around
  LocalFigures figures;
};

// Those of each cut, to the last bit, at a fraction of the cost: all have as many reals as the
// pool.
std::vector<LocalFigures> local_figures(const PooledRows& pool,
                                        std::span<const std::vector<uint8_t>> cuts);

}  // namespace allmodes::diagnostics
