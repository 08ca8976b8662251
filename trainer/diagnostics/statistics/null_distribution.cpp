#include "diagnostics/statistics/null_distribution.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr size_t kFewest = 20;
constexpr size_t kPeaksOf = 10;  // a tenth of the draws
// A figure that hardly varies (a share that is 1 in every draw) still has a width.
constexpr double kLeastWidth = 1e-3;

}  // namespace

Null::Null(std::vector<double> draws, Worse worse) : draws_(std::move(draws)), worse_(worse) {
  const bool finite = std::ranges::all_of(draws_, [](double x) { return std::isfinite(x); });
  ALLMODES_CHECK(draws_.size() >= kFewest && finite, "a null of {} draws", draws_.size());
  std::ranges::sort(draws_);
  for (const double draw : draws_) sorted_.push_back(oriented(draw));
  std::ranges::sort(sorted_);
  peaks_ = std::max<size_t>(5, sorted_.size() / kPeaksOf);
  start_ = sorted_[sorted_.size() - peaks_ - 1];
  excess_ = 0;
  for (size_t i = sorted_.size() - peaks_; i < sorted_.size(); ++i) excess_ += sorted_[i] - start_;
  const double least = kLeastWidth * std::max(1e-9, std::abs(median()));
  excess_ = std::max(excess_, least * static_cast<double>(peaks_));
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
  const auto peaks = static_cast<double>(peaks_);
  return std::log10(peaks / all) - peaks * std::log10(1 + (x - start_) / excess_);
}

}  // namespace allmodes::diagnostics
