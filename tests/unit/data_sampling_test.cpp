// Mixtures, the order of samples, shares and the prefetcher.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "base/error.h"
#include "data/array_dataset.h"
#include "data/dataset.h"
#include "data/mixture.h"
#include "data/prefetcher.h"
#include "data/sampler.h"

namespace allmodes::data {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

std::vector<int64_t> order(const Sampler& sampler, uint64_t first, int64_t n) {
  std::vector<int64_t> out(static_cast<size_t>(n));
  sampler.indices(first, n, out.data());
  return out;
}

TEST(Sampler, EveryEpochHoldsEverySampleExactlyOnce) {
  for (const int64_t size : {1, 2, 3, 4, 5, 7, 8, 9, 100, 127, 128, 129, 1000, 65'537, 100'000}) {
    const Sampler sampler(size, 7);
    for (uint64_t epoch = 0; epoch < 3; ++epoch) {
      auto indices = order(sampler, epoch * static_cast<uint64_t>(size), size);
      std::sort(indices.begin(), indices.end());
      for (int64_t i = 0; i < size; ++i) ASSERT_EQ(indices[static_cast<size_t>(i)], i) << size;
    }
  }
}

TEST(Sampler, AnyCutOfThePositionsGivesTheSameOrder) {
  const Sampler sampler(37, 3);
  const auto whole = order(sampler, 0, 200);
  for (uint64_t first = 0; first < 200; first += 13)
    for (const int64_t n : {0, 1, 5, 37, 80}) {
      if (first + static_cast<uint64_t>(n) > 200) continue;
      const auto begin = whole.begin() + static_cast<int64_t>(first);
      EXPECT_EQ(order(sampler, first, n), std::vector<int64_t>(begin, begin + n));
    }
}

TEST(Sampler, SeedsAndEpochsDifferAndLookShuffled) {
  constexpr int64_t kSize = 10'000;
  const auto a = order(Sampler(kSize, 1), 0, 2 * kSize);
  const auto b = order(Sampler(kSize, 2), 0, kSize);
  int fixed_epoch = 0;
  int fixed_seed = 0;
  int neighbours = 0;
  double sum = 0;
  for (size_t i = 0; i < kSize; ++i) {
    fixed_epoch += a[i] == a[i + kSize];
    fixed_seed += a[i] == b[i];
    neighbours += i > 0 && a[i] == a[i - 1] + 1;
    sum += static_cast<double>(a[i]) * static_cast<double>(i);
  }
  // Each count is Poisson of mean 1; the correlation of slot and index has deviation 0.01.
  EXPECT_LT(fixed_epoch, 9);
  EXPECT_LT(fixed_seed, 9);
  EXPECT_LT(neighbours, 9);
  const double mean = (kSize - 1) / 2.0;
  const double variance = (1.0 * kSize * kSize - 1) / 12.0;
  EXPECT_LT(std::abs((sum / kSize - mean * mean) / variance), 0.05);
}

TEST(Sampler, EveryOrderOfFourSamplesIsAboutAsFrequent) {
  std::map<std::vector<int64_t>, int> seen;
  const Sampler sampler(4, 11);
  for (uint64_t epoch = 0; epoch < 24'000; ++epoch) ++seen[order(sampler, 4 * epoch, 4)];
  EXPECT_EQ(seen.size(), 24U);
  double chi2 = 0;
  for (const auto& [key, count] : seen) chi2 += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi2, 60);  // 23 degrees of freedom: p = 4e-5
}

TEST(Sampler, FarPositionsStayInRange) {
  const Sampler sampler(60'000, 5);
  for (const int64_t index : order(sampler, uint64_t{1} << 60, 1000)) {
    EXPECT_GE(index, 0);
    EXPECT_LT(index, 60'000);
  }
  EXPECT_THROW(Sampler(0, 1), Error);
}

TEST(Share, SharesCoverTheBatchInRankOrder) {
  for (const int64_t batch : {0, 1, 7, 64, 100})
    for (const int ranks : {1, 2, 3, 4, 8}) {
      int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Share part = share(batch, rank, ranks);
        EXPECT_EQ(part.first, next);
        EXPECT_LE(std::abs(part.count * ranks - batch), ranks);
        next += part.count;
      }
      EXPECT_EQ(next, batch);
    }
  EXPECT_THROW(share(8, 2, 2), Error);
}

std::unique_ptr<Dataset> counting_dataset(int64_t size) {
  std::vector<float> values;
  Labels labels;
  for (int64_t i = 0; i < size; ++i) {
    values.push_back(static_cast<float>(i));
    values.push_back(static_cast<float>(-i));
    labels.values.push_back(static_cast<int32_t>(i % 3));
  }
  labels.names = {"a", "b", "c"};
  return make_array_dataset("count", SampleShape{.channels = 2}, std::move(values),
                            std::move(labels));
}

TEST(Prefetcher, BytesAreHandedOutWhereTheDataSetHoldsThem) {
  std::vector<uint8_t> pixels(60 * 4);
  std::iota(pixels.begin(), pixels.end(), uint8_t{0});
  const auto images = make_array_dataset(
      "grey", {.channels = 1, .height = 2, .width = 2, .image = true}, std::move(pixels), {});
  const Sampler sampler(60, 9);
  Prefetcher floats(*images, sampler, 0, 7, share(7, 0, 1), 1);
  Prefetcher bytes(*images, sampler, 0, 7, share(7, 0, 1), 1, Form::bytes);
  for (int k = 0; k < 10; ++k) {
    const Batch expected = floats.next();
    const Batch found = bytes.next();
    EXPECT_EQ(found.indices, expected.indices);
    EXPECT_TRUE(found.samples.empty());
    ASSERT_EQ(found.bytes.size(), expected.samples.size());
    for (size_t i = 0; i < found.bytes.size(); ++i)
      ASSERT_EQ((static_cast<float>(found.bytes[i]) - kByteCentre) * kByteScale,
                expected.samples[i]);
  }
  const auto points = counting_dataset(50);
  EXPECT_FALSE(points->holds_bytes());
  EXPECT_THROW(Prefetcher(*points, Sampler(50, 9), 0, 7, share(7, 0, 1), 1, Form::bytes), Error);
}

TEST(Prefetcher, RanksTogetherSeeTheGlobalOrderForAnyRankCount) {
  const auto dataset = counting_dataset(50);
  const Sampler sampler(50, 9);
  constexpr int64_t kBatch = 12;
  constexpr uint64_t kFirst = 36;
  const auto expected = order(sampler, kFirst, kBatch * 10);
  for (const int ranks : {1, 2, 4}) {
    std::vector<int64_t> seen(expected.size(), -1);
    for (int rank = 0; rank < ranks; ++rank) {
      Prefetcher prefetcher(*dataset, sampler, kFirst, kBatch, share(kBatch, rank, ranks), 2);
      for (int step = 0; step < 10; ++step) {
        Batch batch = prefetcher.next();
        ASSERT_EQ(batch.count, kBatch / ranks);
        for (int64_t i = 0; i < batch.count; ++i) {
          const auto at = static_cast<size_t>(i);
          const int64_t index = batch.indices[at];
          seen[batch.first - kFirst + at] = index;
          EXPECT_EQ(batch.samples[2 * at], static_cast<float>(index));
          EXPECT_EQ(batch.samples[2 * at + 1], static_cast<float>(-index));
          EXPECT_EQ(batch.labels[at], index % 3);
        }
        prefetcher.recycle(std::move(batch));
      }
      EXPECT_GE(prefetcher.stall_seconds(), 0.0);
    }
    EXPECT_EQ(seen, expected) << ranks << " ranks";
  }
}

TEST(Prefetcher, RecycledMemoryIsUsedAgain) {
  const auto dataset = counting_dataset(50);
  Prefetcher prefetcher(*dataset, Sampler(50, 9), 0, 10, share(10, 0, 1), 2);
  std::set<const float*> places;
  for (int step = 0; step < 100; ++step) {
    Batch batch = prefetcher.next();
    places.insert(batch.samples.data());
    prefetcher.recycle(std::move(batch));
  }
  EXPECT_LE(places.size(), 5U);
}

// After `calls` good copies each one fails, or takes its time.
class Troubled : public Dataset {
 public:
  Troubled(int64_t calls, bool slow) : calls_(calls), slow_(slow) {}
  std::string description() const override { return "troubled"; }
  int64_t size() const override { return 1000; }
  SampleShape shape() const override { return {.channels = 1}; }
  int64_t classes() const override { return 0; }
  std::vector<std::string> class_names() const override { return {}; }
  uint64_t fingerprint() const override { return 0; }
  void copy(std::span<const int64_t>, float*, int64_t*) const override {
    if (calls_-- > 0) return;
    if (!slow_) throw std::runtime_error("the disk is gone");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }

 private:
  mutable std::atomic<int64_t> calls_;
  bool slow_;
};

TEST(Prefetcher, AFailureOfTheThreadIsThrownByNextAfterTheBatchesBefore) {
  const Troubled dataset(3, false);
  Prefetcher prefetcher(dataset, Sampler(1000, 1), 0, 10, share(10, 0, 1), 2);
  for (int i = 0; i < 3; ++i) EXPECT_NO_THROW(prefetcher.next());
  for (int i = 0; i < 2; ++i) {
    try {
      prefetcher.next();
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "the disk is gone");
    }
  }
}

TEST(Prefetcher, EndsAtOnceInTheMiddleOfALargeBatch) {
  const Troubled dataset(0, true);
  const auto start = std::chrono::steady_clock::now();
  {
    const Prefetcher prefetcher(dataset, Sampler(1000, 1), 0, 1'000'000, share(1'000'000, 0, 1), 4);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(Prefetcher, TimeSpentWaitingIsCounted) {
  const Troubled dataset(0, true);
  Prefetcher prefetcher(dataset, Sampler(1000, 1), 0, 10, share(10, 0, 1), 1);
  prefetcher.next();
  EXPECT_GT(prefetcher.stall_seconds(), 0.03);
}

TEST(Mixture, RingAndGridHaveTheModesOfTheirDefinition) {
  const Mixture ring = ring_mixture(8, 2.0, 0.01);
  EXPECT_EQ(ring.modes(), 8);
  for (const auto& mean : ring.means) EXPECT_NEAR(std::hypot(mean[0], mean[1]), 2.0, 1e-12);
  EXPECT_EQ(ring.name(1), "mode 1 (1.41, 1.41)");
  EXPECT_EQ(ring.name(2), "mode 2 (0.00, 2.00)");
  const Mixture grid = grid_mixture(25, 2.0, 0.05);
  for (const auto& mean : grid.means)
    for (const double x : mean) EXPECT_THAT((std::vector<double>{-4, -2, 0, 2, 4}), Contains(x));
  EXPECT_EQ((std::set<std::array<double, 2>>(grid.means.begin(), grid.means.end()).size()), 25U);
  EXPECT_EQ(grid.name(12), "mode 12 (0.00, 0.00)");
}

TEST(Mixture, ImpossibleMixturesAreRefusedByField) {
  const auto message = [](auto make) -> std::string {
    try {
      make();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kConfiguration);
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(message([] { grid_mixture(24, 2, 0.1); }), HasSubstr("nearest are 16 and 25"));
  EXPECT_THAT(message([] { ring_mixture(0, 1, 0.1); }), HasSubstr("data.modes"));
  EXPECT_THAT(message([] { ring_mixture(8, 1, -0.1); }), HasSubstr("data.std"));
  EXPECT_THAT(message([] { ring_mixture(8, std::nan(""), 0.1); }), HasSubstr("data.radius"));
  EXPECT_THAT(message([] { custom_mixture({}); }), HasSubstr("data.mode"));
  EXPECT_THAT(message([] { custom_mixture({config::Mode{.mean = {1}}}); }),
              HasSubstr("data.mode[0].mean"));
  EXPECT_THAT(message([] {
                custom_mixture({config::Mode{.mean = {1, 2}, .weight = 0}});
              }),
              HasSubstr("data.mode[0].weight"));
}

TEST(Mixture, SamplesFollowWeightsMeansAndDeviations) {
  const Mixture mixture = custom_mixture(
      {{.mean = {1, -2}, .std = 0.5, .weight = 1}, {.mean = {-3, 0}, .std = 0.1, .weight = 3}});
  constexpr int64_t kSamples = 200'000;
  std::vector<float> xy(2 * kSamples);
  std::vector<int64_t> modes(kSamples);
  sample_mixture(mixture, 5, 0, kSamples, xy.data(), modes.data());
  std::array<double, 2> count{};
  std::array<std::array<double, 2>, 2> sum{};
  std::array<double, 2> square{};
  for (size_t i = 0; i < kSamples; ++i) {
    const auto k = static_cast<size_t>(modes[i]);
    ++count[k];
    for (size_t j = 0; j < 2; ++j) {
      const double d = xy[2 * i + j] - mixture.means[k][j];
      sum[k][j] += d;
      square[k] += d * d;
    }
  }
  EXPECT_NEAR(count[1] / kSamples, 0.75, 0.005);
  for (size_t k = 0; k < 2; ++k) {
    const double std = mixture.stds[k];
    for (size_t j = 0; j < 2; ++j)
      EXPECT_NEAR(sum[k][j] / count[k], 0, 5 * std / std::sqrt(count[k]));
    EXPECT_NEAR(square[k] / (2 * count[k]) / (std * std), 1, 0.02);
  }
}

TEST(Mixture, TheShareOfHighQualityIsThatOfTheTruth) {
  constexpr int64_t kSamples = 100'000;
  const Mixture mixture = grid_mixture(25, 2.0, 0.05);
  std::vector<float> xy(2 * kSamples);
  std::vector<int64_t> modes(kSamples);
  sample_mixture(mixture, 1, 0, kSamples, xy.data(), modes.data());
  int64_t good = 0;
  for (size_t i = 0; i < kSamples; ++i) {
    const auto& mean = mixture.means[static_cast<size_t>(modes[i])];
    good += std::hypot(xy[2 * i] - mean[0], xy[2 * i + 1] - mean[1]) < 3 * 0.05;
  }
  EXPECT_NEAR(static_cast<double>(good) / kSamples, 1 - std::exp(-4.5), 0.0015);
}

TEST(Mixture, APointDependsOnItsIndexAlone) {
  const Mixture mixture = ring_mixture(8, 1.0, 0.05);
  std::vector<float> whole(2 * 9000);
  sample_mixture(mixture, 3, 100, 9000, whole.data());
  for (const int64_t skip : {1, 4095, 4096, 7777}) {
    std::vector<float> part(20);
    sample_mixture(mixture, 3, 100 + static_cast<uint64_t>(skip), 10, part.data());
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 2 * skip));
  }
}

TEST(Registry, EveryMixtureIsAFixedLabelledSet) {
  config::Data data;
  data.dataset = "ring";
  data.samples = 5000;
  const auto one = make_dataset(data, 1);
  EXPECT_EQ(one->fingerprint(), make_dataset(data, 1)->fingerprint());
  EXPECT_NE(one->fingerprint(), make_dataset(data, 2)->fingerprint());
  EXPECT_EQ(one->size(), 5000);
  EXPECT_EQ(one->classes(), 8);
  EXPECT_EQ(one->shape(), (SampleShape{.channels = 2}));
  EXPECT_EQ(one->description(), "ring: 5000 points in 2 dimensions, 8 modes");
  ASSERT_NE(one->mixture(), nullptr);
  EXPECT_EQ(one->class_names()[3], one->mixture()->name(3));
  EXPECT_EQ(make_held_out_dataset(data, 1), nullptr);
  std::vector<float> direct(2 * 5000);
  sample_mixture(*one->mixture(), 1, 0, 5000, direct.data());
  const int64_t last = 4999;
  float xy[2];
  one->copy(std::span(&last, 1), xy, nullptr);
  EXPECT_EQ(xy[0], direct[9998]);
  EXPECT_EQ(xy[1], direct[9999]);
  const int64_t outside = 5000;
  EXPECT_THROW(one->copy(std::span(&outside, 1), xy, nullptr), Error);
}

TEST(Registry, FieldsReadAreListedForEachName) {
  for (const auto& name : dataset_names()) {
    EXPECT_THAT(dataset_fields(name), Contains("dataset")) << name;
    EXPECT_FALSE(dataset_summary(name).empty());
  }
  EXPECT_THAT(dataset_fields("ring"), Contains("radius"));
  EXPECT_THAT(dataset_fields("ring"), ::testing::Not(Contains("path")));
  const auto names = dataset_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_THROW(dataset_fields("rings"), Error);
}

}  // namespace
}  // namespace allmodes::data
