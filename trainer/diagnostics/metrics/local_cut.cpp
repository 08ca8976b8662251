#include "diagnostics/metrics/local_cut.h"

#include <algorithm>
#include <cmath>

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kLocal = 30;    // nearest rows that are looked at, of equal numbers
constexpr double kEmptied = 0.3;  // of their part of the nearest rows

}  // namespace

LocalCut::LocalCut(const PooledRows& pool, const std::vector<uint8_t>& is_real)
    : emptied(is_real.size(), 0), crowded(is_real.size(), 0) {
  const auto real_rows = std::ranges::count(is_real, 1);
  const auto reals = static_cast<double>(real_rows);
  const double fakes = static_cast<double>(is_real.size()) - reals;
  const int64_t local =
      std::min(pool.listed, of_unequal(kLocal, real_rows, std::ssize(is_real) - real_rows));
  const double expected = static_cast<double>(local) * fakes / (reals + fakes);
  // Of how many of the nearest rows are fakes.
  const double variance =
      static_cast<double>(local) * (reals / (reals + fakes)) * (fakes / (reals + fakes));
  double fourth_powers = 0;
  for (size_t row = 0; row < is_real.size(); ++row) {
    const auto nearest = pool.lists.begin() + static_cast<std::ptrdiff_t>(row) * pool.listed;
    int64_t near_reals = 0;
    for (int64_t i = 0; i < local; ++i) near_reals += is_real[static_cast<size_t>(nearest[i])];
    const double of_reals = static_cast<double>(near_reals) / reals;
    const double of_fakes = static_cast<double>(local - near_reals) / fakes;
    const double lacking = expected - static_cast<double>(local - near_reals);
    if (lacking > 0) fourth_powers += std::pow(lacking * lacking / variance, 2);
    emptied[row] = of_fakes < kEmptied * of_reals ? 1 : 0;
    crowded[row] = of_reals < kEmptied * of_fakes ? 1 : 0;
  }
  const auto share = [&](const std::vector<uint8_t>& flags, uint8_t of) {
    int64_t marked = 0;
    for (size_t i = 0; i < flags.size(); ++i) marked += is_real[i] == of && flags[i] != 0 ? 1 : 0;
    return static_cast<double>(marked) / (of != 0 ? reals : fakes);
  };
  figures_ = {share(emptied, 1) - share(emptied, 0), share(crowded, 0) - share(crowded, 1),
              std::sqrt(fourth_powers)};
}

}  // namespace allmodes::diagnostics
