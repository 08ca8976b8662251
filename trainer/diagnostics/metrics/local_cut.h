#pragma once

// One cut of pooled rows into reals and fakes: where there are hardly any of either among the
// nearest rows of both (pooled_null.h has what each figure is).

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "diagnostics/metrics/pooled_rows.h"

namespace allmodes::diagnostics {

inline constexpr size_t kLocalFigures = 3;

class LocalCut {
 public:
  // `is_real` [pool]: marks of this cut.
  LocalCut(const PooledRows& pool, const std::vector<uint8_t>& is_real);

  // local_loss, local_excess, loss_score.
  const std::array<double, kLocalFigures>& figures() const { return figures_; }

  std::vector<uint8_t> emptied;  // [pool], of either: hardly any fakes around
  std::vector<uint8_t> crowded;  // [pool], of either: hardly any reals around

 private:
  std::array<double, kLocalFigures> figures_ = {};
};

}  // namespace allmodes::diagnostics
