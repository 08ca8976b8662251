// What neighbours say of parts, of equal sets and of a class made of few things.

#include "diagnostics/modes/thin_part.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "diagnostics/metrics/pooled_null.h"
#include "diagnostics/modes/emptied_region.h"
#include "diagnostics/modes/parts.h"
#include "ranks/thread_ranks.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kWide = 6;

// Eight groups of unequal width, far apart.
std::vector<float> eight_groups(int64_t rows, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(rows * kWide));
  fill_normal({seed, Purpose("groups in six dimensions")}, 0, rows, kWide, values.data());
  for (int64_t row = 0; row < rows; ++row) {
    const auto group = row % 8;
    for (int64_t j = 0; j < kWide; ++j) {
      float& value = values[static_cast<size_t>(row * kWide + j)];
      value *= 0.5F + 0.1F * static_cast<float>(group);
      if (j < 3) value += (group >> j) % 2 == 0 ? -4.0F : 4.0F;
    }
  }
  return values;
}

NeighbourHints hints_of(const std::vector<float>& reals, const std::vector<float>& fakes,
                        int ranks = 1) {
  NeighbourHints hints;
  testing::run_ranks(ranks, [&](world::Communicator& communicator) {
    auto found = measure_pooled(communicator, {reals, kWide}, {fakes, kWide}, {}, 20, 1);
    if (communicator.rank() == 0) hints = std::move(found.neighbours);
  });
  return hints;
}

// Of the groups of two equal sets, of equal and of unequal numbers.
TEST(ThinPart, OfEqualSetsAsManyRealsAreReachedAsShouldBe) {
  for (const int64_t fakes : {400, 200, 800}) {
    double reached = 0, greatest = 0, squares = 0;
    int64_t parts = 0;
    for (uint64_t turn = 0; turn < 12; ++turn) {
      const NeighbourHints hints =
          hints_of(eight_groups(400, 2 * turn + 1), eight_groups(fakes, 2 * turn + 2));
      for (int64_t group = 0; group < 8; ++group) {
        const auto rows_of = [&](int64_t rows) {
          std::vector<uint8_t> held(static_cast<size_t>(rows));
          for (int64_t row = 0; row < rows; ++row)
            held[static_cast<size_t>(row)] = row % 8 == group ? 1 : 0;
          return held;
        };
        const PartNeighbours part = neighbours_of(hints, rows_of(400), rows_of(fakes));
        const double samples = static_cast<double>(part.samples);
        const double chance = (samples - 1) / (samples - 1 + static_cast<double>(part.reals));
        const double z = (static_cast<double>(part.own_neighbours) - 2 * samples * chance) /
                         std::sqrt(2 * samples * chance * (1 - chance));
        greatest = std::max(greatest, z);
        squares += z * z;
        reached += reached_share(part, {});
        ++parts;
      }
    }
    EXPECT_NEAR(reached / double(parts), 1, 0.05) << fakes;
    EXPECT_LT(std::sqrt(squares / double(parts)), 1.6) << fakes << ": what is_thin() allows for";
    EXPECT_LT(greatest, 1.6 * 3.7) << fakes << ": one in 10,000";
  }
}

TEST(ThinPart, AGroupOfFewThingsIsNarrowOnAnyNumberOfRanks) {
  const auto reals = eight_groups(640, 1);
  auto fakes = eight_groups(640, 2);
  std::vector<float> noise(fakes.size());
  fill_normal({3, Purpose("groups in six dimensions")}, 0, 640, kWide, noise.data());
  // The 80 rows of one group are twenty of them, four times each.
  for (int64_t row = 3 + 160; row < 640; row += 8)
    for (int64_t j = 0; j < kWide; ++j)
      fakes[static_cast<size_t>(row * kWide + j)] =
          fakes[static_cast<size_t>((row % 160) * kWide + j)] +
          0.15F * noise[static_cast<size_t>(row * kWide + j)];
  const auto reference = make_part_reference({reals, kWide});
  const auto narrow_of = [&](const std::vector<float>& samples, int ranks) {
    return find_parts(reference, {samples, kWide}, 1e-4,
                      {.neighbours = hints_of(reals, samples, ranks)})
        .narrow;
  };
  for (const int ranks : {1, 3}) {
    const auto narrow = narrow_of(fakes, ranks);
    ASSERT_EQ(narrow.size(), 1U);
    EXPECT_NEAR(narrow[0].share, 0.125, 0.05);
    EXPECT_LT(narrow[0].reached, 0.65);
    EXPECT_TRUE(std::ranges::all_of(narrow[0].reals, [](int64_t row) { return row % 8 == 3; }));
  }
  EXPECT_TRUE(narrow_of(eight_groups(640, 2), 1).empty());
  // Places in that group lie amid few things, those in another one do not.
  const auto narrow = narrow_of(fakes, 1);
  for (const int64_t group : {3, 5}) {
    std::vector<uint8_t> in(640, 0);
    for (size_t row = static_cast<size_t>(group); row < 640; row += 8) in[row] = 1;
    const auto region = emptied_region(reference, {fakes, kWide}, in, in, {}, narrow);
    EXPECT_NEAR(region.in_thin, group == 3 ? 1 : 0, 0.05);
  }
}

}  // namespace
}  // namespace allmodes::diagnostics
