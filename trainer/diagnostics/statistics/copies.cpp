#include "diagnostics/statistics/copies.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kOwnRow = 5;  // equal rows of the data, as many as both sets have of it for a real
constexpr double kSurelyCopied = 1.5;
constexpr int64_t kMostDrawn = 100;  // of equal rows; of more both sets have some, to all purposes

// What a row says that is found `both` times, `reals` of them in the reals.
class EqualRows {
 public:
  EqualRows(int64_t reals, int64_t fakes)
      : fakes_per_real_(static_cast<double>(fakes) / static_cast<double>(reals)),
        many_(kOwnRow * (1 + fakes_per_real_)) {}

  int64_t copied(int64_t reals, int64_t both) const {
    return reals >= 1 && !is_own(reals, both) ? both - reals : 0;
  }
  int64_t repeated(int64_t reals, int64_t both) const {
    return reals >= 2 && !is_own(reals, both) ? reals : 0;
  }
  double excess(int64_t reals, int64_t both) const {
    return static_cast<double>(copied(reals, both)) -
           fakes_per_real_ * static_cast<double>(repeated(reals, both));
  }

 private:
  bool is_own(int64_t reals, int64_t both) const {
    const auto all = static_cast<double>(both);
    return all >= many_ && (reals >= 2 || all < kSurelyCopied * many_);
  }

  double fakes_per_real_;
  double many_;
};

// Mean and variance of the excess, and covariance with the number of reals, of a row that is found
// `both` times, each time in the reals with probability p.
struct ExcessMoments {
  double mean = 0;
  double square = 0;
  double with_reals = 0;

  double variance() const { return square - mean * mean; }
  double covariance(int64_t both, double p) const {
    return with_reals - mean * static_cast<double>(both) * p;
  }
};

ExcessMoments moments_of(const EqualRows& rows, int64_t both, double p) {
  ExcessMoments moments;
  double chance = std::pow(1 - p, static_cast<double>(both));  // of `reals` of them
  for (int64_t reals = 0; reals <= both; ++reals) {
    const double excess = rows.excess(reals, both);
    moments.mean += chance * excess;
    moments.square += chance * excess * excess;
    moments.with_reals += chance * excess * static_cast<double>(reals);
    chance *= static_cast<double>(both - reals) / static_cast<double>(reals + 1) * p / (1 - p);
  }
  return moments;
}

// visit(reals, both) of each different row.
template <class Visit>
void for_each_row(const std::vector<uint64_t>& reals, const std::vector<uint64_t>& fakes,
                  const Visit& visit) {
  auto real = reals.begin();
  auto fake = fakes.begin();
  while (real != reals.end() || fake != fakes.end()) {
    const uint64_t row = fake == fakes.end()   ? *real
                         : real == reals.end() ? *fake
                                               : std::min(*real, *fake);
    const auto next_real = std::find_if(real, reals.end(), [&](uint64_t x) { return x != row; });
    const auto next_fake = std::find_if(fake, fakes.end(), [&](uint64_t x) { return x != row; });
    visit(next_real - real, next_real - real + (next_fake - fake));
    real = next_real;
    fake = next_fake;
  }
}

}  // namespace

CopiedRows copied_rows(std::vector<uint64_t> reals, std::vector<uint64_t> fakes) {
  ALLMODES_CHECK(!reals.empty() && !fakes.empty(), "{} reals and {} fakes", reals.size(),
                 fakes.size());
  std::ranges::sort(reals);
  std::ranges::sort(fakes);
  const EqualRows rows(std::ssize(reals), std::ssize(fakes));
  CopiedRows found;
  double excess = 0;
  std::map<int64_t, int64_t> found_times;  // different rows by how often they are found
  for_each_row(reals, fakes, [&](int64_t of_reals, int64_t both) {
    found.copied += rows.copied(of_reals, both);
    found.different += rows.copied(of_reals, both) > 0 ? 1 : 0;
    found.repeated += rows.repeated(of_reals, both);
    excess += rows.excess(of_reals, both);
    ++found_times[both];
  });
  const auto all = std::ssize(reals) + std::ssize(fakes);
  const double p = static_cast<double>(reals.size()) / static_cast<double>(all);
  double variance = 0, covariance = 0;
  for (const auto& [both, different] : found_times) {
    if (both > kMostDrawn) continue;
    const ExcessMoments moments = moments_of(rows, both, p);
    const auto times = static_cast<double>(different);
    excess -= times * moments.mean;
    variance += times * moments.variance();
    covariance += times * moments.covariance(both, p);
  }
  // Of as many reals as there are: without what the excess has in common with their number.
  variance -= covariance * covariance / (static_cast<double>(all) * p * (1 - p));
  const double by_number = hypergeometric_lower_log10(found.repeated, std::ssize(reals),
                                                      found.copied + found.repeated, all);
  const double by_rows = variance > 0 ? normal_upper_log10(excess / std::sqrt(variance)) : 0;
  found.log10_tail = std::max(by_number, by_rows);
  return found;
}

std::vector<uint64_t> row_hashes(std::span<const float> values, int64_t width) {
  ALLMODES_CHECK(width >= 1 && values.size() % static_cast<size_t>(width) == 0,
                 "{} numbers in rows of {}", values.size(), width);
  const auto numbers = static_cast<size_t>(width);
  std::vector<float> row(numbers);
  std::vector<uint64_t> hashes;
  hashes.reserve(values.size() / numbers);
  for (size_t first = 0; first < values.size(); first += numbers) {
    // Adding 0 makes 0 of -0 and leaves all else as it is.
    std::transform(values.begin() + static_cast<std::ptrdiff_t>(first),
                   values.begin() + static_cast<std::ptrdiff_t>(first + numbers), row.begin(),
                   [](float value) { return value + 0.0F; });
    hashes.push_back(XXH3_64bits(row.data(), numbers * sizeof(float)));
  }
  return hashes;
}

Copies count_copies(std::vector<uint64_t> hashes) {
  std::ranges::sort(hashes);
  Copies found{.samples = std::ssize(hashes)};
  for (size_t first = 0; first < hashes.size();) {
    size_t end = first + 1;
    while (end < hashes.size() && hashes[end] == hashes[first]) ++end;
    const auto equal = static_cast<int64_t>(end - first);
    if (equal > 1) found.copies += equal;
    found.repeats += equal - 1;
    first = end;
  }
  return found;
}

int64_t times_in(const std::vector<uint64_t>& sorted, uint64_t hash) {
  return std::ssize(std::ranges::equal_range(sorted, hash));
}

SharedRows count_shared(std::vector<uint64_t> hashes, const std::vector<uint64_t>& sorted_others) {
  std::ranges::sort(hashes);
  SharedRows found;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (!std::ranges::binary_search(sorted_others, hashes[i])) continue;
    ++found.rows;
    if (i == 0 || hashes[i] != hashes[i - 1]) ++found.different;
  }
  return found;
}

double copies_excess(const CopyFigures& figures) {
  const auto share = [](const Copies& of) {
    ALLMODES_CHECK(of.samples >= 1, "copies among no samples");
    return static_cast<double>(of.copies) / static_cast<double>(of.samples);
  };
  return share(figures.of_samples) - share(figures.of_reals);
}

double copies_log10_tail(const CopyFigures& figures) {
  const auto n = static_cast<double>(figures.of_samples.samples);
  const auto m = static_cast<double>(figures.of_reals.samples);
  ALLMODES_CHECK(n >= 1 && m >= 1, "copies of {} samples beside {} reals", n, m);
  const double q = std::max(n / (n + m), n * n / (n * n + m * m));
  const int64_t a = figures.of_samples.repeats;
  const int64_t b = figures.of_reals.repeats;
  // P(X >= a) of a + b trials is P(Y <= b), Y counting the other outcome.
  return binomial_lower_log10(b, a + b, 1 - q);
}

}  // namespace allmodes::diagnostics
