// What classes say of equal samples, where most classes have hardly a real.

#include "diagnosis/class_evidence.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "diagnostics/modes/mode_histogram.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnosis {
namespace {

constexpr int64_t kWide = 8;

// Groups of which the k-th (from 1) is made in proportion to 1 / k.
struct Groups {
  std::vector<float> values;
  std::vector<int64_t> labels;
};
Groups rare_groups(int64_t groups, int64_t rows, uint64_t seed) {
  std::vector<double> upto;
  for (int64_t k = 1; k <= groups; ++k)
    upto.push_back((upto.empty() ? 0 : upto.back()) + 1 / static_cast<double>(k));
  Groups made{.values = std::vector<float>(static_cast<size_t>(rows * kWide)), .labels = {}};
  Random random({seed, Purpose("rare groups")});
  for (int64_t row = 0; row < rows; ++row) {
    const auto group = std::ranges::lower_bound(upto, upto.back() * random.uniform());
    made.labels.push_back(std::min(group - upto.begin(), groups - 1));
    Random centre({static_cast<uint64_t>(made.labels.back()), Purpose("a group's centre")});
    for (int64_t j = 0; j < kWide; ++j)
      made.values[static_cast<size_t>(row * kWide + j)] =
          static_cast<float>(1.5 * centre.normal() + 0.4 * random.normal());
  }
  return made;
}

// How far the imbalance lies above its null's mean, in standard deviations of it.
double excess(world::Communicator& communicator, const Groups& of_reals, const Groups& of_fakes,
              int64_t groups) {
  DiagnosedSamples reals{.values = of_reals.values, .labels = of_reals.labels};
  reals.count = std::ssize(of_reals.labels);
  for (int64_t k = 0; k < groups; ++k) reals.class_names.push_back(std::to_string(k));
  const ClassEye eye =
      class_eye(communicator, reals, {of_reals.values, kWide}, {of_fakes.values, kWide}, {});
  const auto histogram = class_histogram(reals, eye);
  // No row is counted that the classifier was fitted on.
  EXPECT_LE(eye.seen.rows.size(), of_reals.labels.size() / 2 + 1);
  EXPECT_EQ(histogram.samples, std::ssize(of_fakes.labels));
  const auto null = diagnostics::imbalance_null(histogram);
  double mean = 0, square = 0;
  for (const double draw : null.draws()) mean += draw / static_cast<double>(null.draws().size());
  for (const double draw : null.draws())
    square += (draw - mean) * (draw - mean) / static_cast<double>(null.draws().size());
  return (diagnostics::kl_reverse(histogram) - mean) / std::sqrt(square);
}

// Five machines that know each other's only rows of a class were 0.7 to 1.2 above on average.
TEST(ClassEvidence, OfManyRareClassesVariesByChanceAlone) {
  constexpr int64_t kGroups = 100;
  for (const int64_t rows : {150, 400}) {
    constexpr uint64_t kSets = 60;
    double mean = 0;
    testing::run_ranks(1, [&](world::Communicator& communicator) {
      for (uint64_t set = 0; set < kSets; ++set)
        mean += excess(communicator, rare_groups(kGroups, rows, 2 * set),
                       rare_groups(kGroups, rows, 2 * set + 1), kGroups) /
                static_cast<double>(kSets);
    });
    EXPECT_LT(std::abs(mean), 0.5) << rows;
  }
}

TEST(ClassEvidence, OfManyRareClassesSeesThatAFifthOfTheMassIsGone) {
  constexpr int64_t kGroups = 100;
  const auto reals = rare_groups(kGroups, 1000, 1);
  auto fakes = rare_groups(kGroups, 1000, 2);
  // The commonest class is made as the second.
  const auto other = rare_groups(kGroups, 1000, 3);
  for (size_t row = 0, from = 0; row < fakes.labels.size(); ++row) {
    if (fakes.labels[row] != 0) continue;
    while (other.labels[from] == 0) ++from;
    std::copy_n(other.values.begin() + static_cast<std::ptrdiff_t>(from) * kWide, kWide,
                fakes.values.begin() + static_cast<std::ptrdiff_t>(row) * kWide);
    ++from;
  }
  testing::run_ranks(1, [&](world::Communicator& communicator) {
    EXPECT_GT(excess(communicator, reals, fakes, kGroups), 5);
  });
}

// Four groups of 0.4, 0.24, 0.2, 0.16 of the rows, drawn together about the mean of all.
TEST(ClassEvidence, OfSamplesDrawnTogetherIsThatOfTheirClassesOnceTheyAreMoved) {
  constexpr int64_t kGroups = 4;
  const auto found = rare_groups(kGroups, 600, 1);
  auto made = rare_groups(kGroups, 600, 2);
  DiagnosedSamples reals{.values = found.values, .labels = found.labels};
  reals.count = 600;
  reals.class_names = {"0", "1", "2", "3"};
  for (float& value : made.values) value = 0.15F * value + 0.3F;
  config::Verdict levels;
  testing::run_ranks(1, [&](world::Communicator& communicator) {
    const diagnostics::Features real_rows{found.values, kWide};
    const diagnostics::Features fake_rows{made.values, kWide};
    const auto as_made = class_histogram(
        reals, class_eye(communicator, reals, real_rows, fake_rows,
                         diagnostics::measure_samples(communicator, real_rows, fake_rows, {})));
    EXPECT_FALSE(missing_modes(as_made, levels.dropped_share, 0.01).empty());
    const auto moved =
        histogram_when_moved(communicator, reals, real_rows, fake_rows, as_made, levels);
    ASSERT_TRUE(moved);
    EXPECT_TRUE(missing_modes(*moved, levels.dropped_share, 0.01).empty());
    EXPECT_LT(diagnostics::kl_reverse(*moved), 0.05);
    // Nothing is asked where no class seems to be lost.
    EXPECT_FALSE(histogram_when_moved(communicator, reals, real_rows, fake_rows, *moved, levels));
  });
}

}  // namespace
}  // namespace allmodes::diagnosis
