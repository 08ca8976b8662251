#include "diagnostics/modes/mode_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "diagnostics/statistics/distributions.h"
#include "diagnostics/statistics/shuffled.h"

namespace allmodes::diagnostics {
namespace {

constexpr uint64_t kImbalanceDraws = 200;

double size_of(const ModeHistogram& histogram) {
  return static_cast<double>(histogram.samples);
}

double possible_modes(const ModeHistogram& histogram) {
  return static_cast<double>(
      std::ranges::count_if(histogram.expected_share, [](double share) { return share > 0; }));
}

bool is_counted(const ModeHistogram& histogram) {
  return !histogram.real_counts.empty();
}

double reals_of(const ModeHistogram& histogram) {
  int64_t sum = 0;
  for (const int64_t count : histogram.real_counts) sum += count;
  return static_cast<double>(sum);
}

// log10 of the probability of so few samples of a mode, or fewer.
double fewness(const ModeHistogram& histogram, size_t mode) {
  const int64_t count = histogram.observed[mode];
  if (!is_counted(histogram))
    return binomial_lower_log10(count, histogram.samples,
                                std::min(1.0, histogram.expected_share[mode]));
  const auto all = histogram.samples + static_cast<int64_t>(reals_of(histogram));
  return hypergeometric_lower_log10(count, histogram.samples, count + histogram.real_counts[mode],
                                    all);
}

// log10 of the probability of so many samples of a mode, or more.
double muchness(const ModeHistogram& histogram, size_t mode) {
  const int64_t count = histogram.observed[mode];
  if (!is_counted(histogram))
    return binomial_lower_log10(histogram.samples - count, histogram.samples,
                                1 - std::min(1.0, histogram.expected_share[mode]));
  // Of what both together have of the mode so few are reals.
  const auto reals = static_cast<int64_t>(reals_of(histogram));
  return hypergeometric_lower_log10(histogram.real_counts[mode], reals,
                                    count + histogram.real_counts[mode], histogram.samples + reals);
}

}  // namespace

void check_histogram(const ModeHistogram& histogram) {
  const size_t modes = histogram.observed.size();
  ALLMODES_CHECK(modes > 0, "a mode histogram without modes");
  ALLMODES_CHECK(histogram.names.size() == modes && histogram.expected_share.size() == modes,
                 "mode histogram of {} counts, {} names, {} shares", modes, histogram.names.size(),
                 histogram.expected_share.size());
  int64_t total = 0;
  double share = 0;
  for (size_t k = 0; k < modes; ++k) {
    ALLMODES_CHECK(histogram.observed[k] >= 0, "mode {} has count {}", k, histogram.observed[k]);
    ALLMODES_CHECK(histogram.expected_share[k] >= 0, "mode {} has expected share {}", k,
                   histogram.expected_share[k]);
    total += histogram.observed[k];
    share += histogram.expected_share[k];
  }
  ALLMODES_CHECK(total == histogram.samples && total > 0, "counts sum to {}, of {} samples", total,
                 histogram.samples);
  ALLMODES_CHECK(histogram.real_counts.empty() || histogram.real_counts.size() == modes,
                 "mode histogram of {} counts, {} of reals", modes, histogram.real_counts.size());
  ALLMODES_CHECK(std::abs(share - 1) < 1e-6, "expected shares sum to {}", share);
}

double kl_reverse(const ModeHistogram& histogram) {
  check_histogram(histogram);
  double sum = 0;
  for (size_t k = 0; k < histogram.observed.size(); ++k) {
    if (histogram.observed[k] == 0) continue;
    const double share = histogram.expected_share[k];
    if (share == 0) return std::numeric_limits<double>::infinity();
    const double seen = static_cast<double>(histogram.observed[k]) / size_of(histogram);
    sum += seen * std::log(seen / share);
  }
  return std::max(0.0, sum);
}

double kl_forward(const ModeHistogram& histogram) {
  check_histogram(histogram);
  const double total = size_of(histogram) + 0.5 * static_cast<double>(histogram.observed.size());
  double sum = 0;
  for (size_t k = 0; k < histogram.observed.size(); ++k) {
    const double share = histogram.expected_share[k];
    if (share == 0) continue;
    sum += share * std::log(share * total / (static_cast<double>(histogram.observed[k]) + 0.5));
  }
  return std::max(0.0, sum);
}

double sampling_floor(const ModeHistogram& histogram) {
  check_histogram(histogram);
  return (possible_modes(histogram) - 1) / (2 * size_of(histogram)) *
         (is_counted(histogram) ? 1 + size_of(histogram) / reals_of(histogram) : 1);
}

Null imbalance_null(const ModeHistogram& histogram) {
  check_histogram(histogram);
  ALLMODES_CHECK(is_counted(histogram), "a two-sample null of exact shares");
  std::vector<size_t> pool;
  for (size_t k = 0; k < histogram.observed.size(); ++k)
    pool.insert(pool.end(), static_cast<size_t>(histogram.observed[k] + histogram.real_counts[k]),
                k);
  const auto modes = static_cast<double>(histogram.observed.size());
  const double total = reals_of(histogram) + 0.5 * modes;
  std::vector<double> draws;
  for (uint64_t draw = 0; draw < kImbalanceDraws; ++draw) {
    Random random({.seed = 1, .purpose = Purpose("imbalance null"), .step = draw});
    ModeHistogram cut = histogram;
    std::ranges::fill(cut.observed, 0);
    const auto samples = static_cast<size_t>(histogram.samples);
    shuffle_front(pool, samples, random);
    for (size_t i = 0; i < samples; ++i) ++cut.observed[pool[i]];
    for (size_t k = 0; k < cut.observed.size(); ++k) {
      const int64_t both = histogram.observed[k] + histogram.real_counts[k];
      cut.expected_share[k] = (static_cast<double>(both - cut.observed[k]) + 0.5) / total;
    }
    draws.push_back(kl_reverse(cut));
  }
  return {std::move(draws), Worse::high};
}

double sampling_ceiling(const ModeHistogram& histogram, double significance) {
  check_histogram(histogram);
  const double modes = possible_modes(histogram);
  if (modes < 2) return 0;
  return chi_square_quantile(significance, modes - 1) / (2 * size_of(histogram));
}

int64_t modes_covered(const ModeHistogram& histogram, int64_t at_least) {
  check_histogram(histogram);
  ALLMODES_CHECK(at_least >= 1, "a mode is covered by {} samples", at_least);
  return std::ranges::count_if(histogram.observed,
                               [&](int64_t count) { return count >= at_least; });
}

std::vector<MissingMode> missing_modes(const ModeHistogram& histogram, double dropped_share,
                                       double significance) {
  check_histogram(histogram);
  ALLMODES_CHECK(dropped_share > 0 && dropped_share < 1 && significance > 0 && significance < 1,
                 "missing modes below share {} at significance {}", dropped_share, significance);
  const double limit = std::log10(significance / possible_modes(histogram));
  std::vector<MissingMode> missing;
  for (size_t k = 0; k < histogram.observed.size(); ++k) {
    const double expected = histogram.expected_share[k] * size_of(histogram);
    const int64_t count = histogram.observed[k];
    const double made = histogram.made_ratio.empty() ? static_cast<double>(count)
                                                     : histogram.made_ratio[k] * expected;
    if (made >= dropped_share * expected) continue;
    const double tail = fewness(histogram, k);
    if (tail > limit) continue;
    missing.push_back({.mode = static_cast<int64_t>(k),
                       .name = histogram.names[k],
                       .expected = expected,
                       .observed = count,
                       .made = made,
                       .log10_tail = tail});
  }
  return missing;
}

std::vector<CrowdedMode> crowded_modes(const ModeHistogram& histogram, double times, double surplus,
                                       double significance) {
  check_histogram(histogram);
  ALLMODES_CHECK(times > 1 && surplus > 0 && surplus < 1 && significance > 0 && significance < 1,
                 "crowded modes from {} times and {} of the samples on at significance {}", times,
                 surplus, significance);
  const double limit = std::log10(significance / possible_modes(histogram));
  std::vector<CrowdedMode> crowded;
  for (size_t k = 0; k < histogram.observed.size(); ++k) {
    const double expected = histogram.expected_share[k] * size_of(histogram);
    const auto count = static_cast<double>(histogram.observed[k]);
    const double made =
        histogram.made_ratio.empty() ? count : std::min(count, histogram.made_ratio[k] * expected);
    if (made < times * expected || made - expected < surplus * size_of(histogram)) continue;
    const double tail = muchness(histogram, k);
    if (tail > limit) continue;
    crowded.push_back({.mode = static_cast<int64_t>(k),
                       .name = histogram.names[k],
                       .expected = expected,
                       .observed = histogram.observed[k],
                       .log10_tail = tail});
  }
  return crowded;
}

std::vector<int64_t> rare_modes(const ModeHistogram& histogram) {
  check_histogram(histogram);
  std::vector<int64_t> rare;
  for (size_t k = 0; k < histogram.expected_share.size(); ++k) {
    const double share = histogram.expected_share[k];
    if (share > 0 && share < 0.5 / static_cast<double>(histogram.expected_share.size()))
      rare.push_back(static_cast<int64_t>(k));
  }
  return rare;
}

double recall_of_modes(const ModeHistogram& histogram, const std::vector<int64_t>& modes) {
  check_histogram(histogram);
  double wanted = 0;
  double made = 0;
  for (const int64_t mode : modes) {
    const auto k = static_cast<size_t>(mode);
    const double expected = histogram.expected_share.at(k) * size_of(histogram);
    wanted += expected;
    made += std::min(expected, static_cast<double>(histogram.observed[k]));
  }
  ALLMODES_CHECK(wanted > 0, "the recall of modes that the data does not have");
  return made / wanted;
}

Unseen unseen_modes(const ModeHistogram& histogram) {
  check_histogram(histogram);
  Unseen unseen{.observed = 0, .expected = 0, .log10_tail = 0, .lost_mass = 0};
  const auto all = histogram.samples + static_cast<int64_t>(reals_of(histogram));
  for (size_t k = 0; k < histogram.observed.size(); ++k) {
    const double share = histogram.expected_share[k];
    if (share == 0) continue;
    double chance = std::exp(size_of(histogram) * std::log1p(-std::min(1.0, share)));
    if (is_counted(histogram)) {
      const int64_t both = histogram.observed[k] + histogram.real_counts[k];
      if (both == 0) continue;
      chance = std::pow(10.0, hypergeometric_lower_log10(0, histogram.samples, both, all));
    }
    unseen.observed += histogram.observed[k] == 0 ? 1 : 0;
    unseen.expected += chance;
    unseen.lost_mass += share * ((histogram.observed[k] == 0 ? 1.0 : 0.0) - chance);
  }
  unseen.log10_tail =
      poisson_binomial_upper_log10(static_cast<double>(unseen.observed), unseen.expected);
  return unseen;
}

}  // namespace allmodes::diagnostics
