#include "diagnostics/statistics/null_distribution.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr size_t kFewest = 20;
constexpr size_t kPeaksOf = 10;  // a tenth of the draws
constexpr double kPriorPeaks = 5;
constexpr double kPriorSteps = 3;  // the mean of such a peak
// A figure that hardly varies (a share that is 1 in every draw) still has a width.
constexpr double kLeastWidth = 1e-3;

}  // namespace

Null::Null(std::vector<double> draws, Worse worse, double step)
    : draws_(std::move(draws)), worse_(worse) {
  const bool finite = std::ranges::all_of(draws_, [](double x) { return std::isfinite(x); });
  ALLMODES_CHECK(draws_.size() >= kFewest && finite, "a null of {} draws", draws_.size());
  std::ranges::sort(draws_);
  for (const double draw : draws_) sorted_.push_back(oriented(draw));
  std::ranges::sort(sorted_);
  const size_t outermost = std::max<size_t>(5, sorted_.size() / kPeaksOf);
  start_ = sorted_[sorted_.size() - outermost - 1];
  const auto first = std::ranges::upper_bound(sorted_, start_);
  excess_ = 0;
  for (auto draw = first; draw != sorted_.end(); ++draw) excess_ += *draw - start_;
  const auto beyond = static_cast<size_t>(sorted_.end() - first);
  const bool tied = beyond < outermost;
  const double least = kLeastWidth * std::max(1e-9, std::abs(median()));
  peaks_ = static_cast<double>(beyond) + (tied ? kPriorPeaks : 0);
  share_ = static_cast<double>(tied ? beyond + 1 : beyond) / static_cast<double>(draws_.size() + 1);
  excess_ = tied ? excess_ + kPriorPeaks * std::max(kPriorSteps * step, least)
                 : std::max(excess_, least * peaks_);
}

double Null::median() const {
  const size_t half = draws_.size() / 2;
  return draws_.size() % 2 == 1 ? draws_[half] : 0.5 * (draws_[half - 1] + draws_[half]);
}

double Null::log10_tail(double value) const {
  if (std::isnan(value)) return 0;
  const double x = oriented(value);
  const auto all = static_cast<double>(sorted_.size() + 1);
  const double beyond =
      static_cast<double>(sorted_.end() - std::lower_bound(sorted_.begin(), sorted_.end(), x));
  if (x <= start_) return std::log10(std::min(1.0, (beyond + 1) / all));
  return std::log10(share_) - peaks_ * std::log10(1 + (x - start_) / excess_);
}

}  // namespace allmodes::diagnostics
