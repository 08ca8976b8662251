#include "diagnosis/whole_evidence.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "diagnostics/metrics/whole_shape.h"
#include "diagnostics/statistics/null_distribution.h"

namespace allmodes::diagnosis {
namespace {

constexpr int64_t kFewestWhole = 100;
constexpr int64_t kMostWhole = 200;
constexpr int64_t kDrawnNumbers = 500'000'000;  // of all draws

}  // namespace

// Rank 0's, on every rank: bits of sums may differ between processors.
void add_whole(world::Communicator& control, const ComparedSets& sets, uint64_t seed,
               diagnostics::Evidence& evidence, PooledFindings& findings) {
  std::vector<double> numbers(10, 0.0);
  if (control.rank() == 0) {
    const int64_t numbers_drawn =
        std::min(sets.real_rows.rows(), sets.fake_rows.rows()) * sets.real_rows.width;
    const auto shape = diagnostics::whole_shape(
        sets.real_rows, sets.fake_rows,
        std::clamp(kDrawnNumbers / numbers_drawn, kFewestWhole, kMostWhole), seed);
    const auto away_from_one = [](double ratio) { return std::abs(std::log(ratio)); };
    std::vector<double> away;
    for (const double ratio : shape.ratio_draws) away.push_back(away_from_one(ratio));
    const diagnostics::Null shift(shape.shift_draws, diagnostics::Worse::high);
    const diagnostics::Null ratio(std::move(away), diagnostics::Worse::high);
    const auto of_shift = diagnostics::interval_of_draws(shape.mean_shift, shape.shift_draws, "");
    const auto of_ratio = diagnostics::interval_of_draws(shape.spread_ratio, shape.ratio_draws, "");
    numbers = {shape.mean_shift,
               shift.median(),
               shift.log10_tail(shape.mean_shift),
               std::max(0.0, of_shift.low),
               of_shift.high,
               shape.spread_ratio,
               1,
               ratio.log10_tail(away_from_one(shape.spread_ratio)),
               std::max(0.0, of_ratio.low),
               of_ratio.high};
  }
  world::broadcast_host(control, std::span<double>(numbers), 0);
  size_t at = 0;
  for (const char* name : {"mean_shift", "spread_ratio"}) {
    evidence.calibrated.push_back({name, numbers[at], numbers[at + 1], numbers[at + 2]});
    findings.intervals[name] = {numbers[at + 3], numbers[at + 4], "spread when equal"};
    at += 5;
  }
}

}  // namespace allmodes::diagnosis
