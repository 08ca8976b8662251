// Stacked digits: how a sample and its label are put together, and what they are a function of.

#include "data/stacked.h"

#include <cmath>
#include <numeric>
#include <set>

#include "data/prefetcher.h"
#include "data/sampler.h"
#include "unit/data_fixture.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kSide = 4;

class StackedDigits : public DataFiles {
 protected:
  StackedDigits() {
    write_digits("train", 50, 0);
    write_digits("t10k", 20, 100);
  }

  // Digit i is of class i % 10; its first pixel tells it from all others.
  void write_digits(const std::string& part, int count, int first) {
    std::string pixels;
    std::string labels;
    for (int i = 0; i < count; ++i) {
      std::string digit(kSide * kSide, static_cast<char>(7 * i));
      digit[0] = static_cast<char>(first + i);
      pixels += digit;
      labels += static_cast<char>(i % 10);
    }
    const auto n = static_cast<uint32_t>(count);
    write("d/" + part + "-images-idx3-ubyte", idx({n, kSide, kSide}, pixels));
    write("d/" + part + "-labels-idx1-ubyte", idx({n}, labels));
  }

  config::Data data(int64_t samples = 1000, int64_t image_size = 0) const {
    config::Data data = data_of("stacked_mnist", path("d"), "", image_size);
    data.samples = samples;
    return data;
  }
};

// The digits of one sample, found by their pixels.
std::vector<int64_t> digits_of(const Dataset& stacked, int64_t index) {
  const Dataset& base = *stacked.channel_base();
  const auto values = static_cast<size_t>(base.shape().values());
  const auto pixels = sample(stacked, index);
  std::vector<int64_t> digits;
  for (size_t c = 0; c < 3; ++c) {
    const std::vector<float> channel(pixels.begin() + static_cast<int64_t>(c * values),
                                     pixels.begin() + static_cast<int64_t>((c + 1) * values));
    for (int64_t i = 0; i < base.size(); ++i)
      if (sample(base, i) == channel) digits.push_back(i);
  }
  return digits;
}

TEST_F(StackedDigits, EveryChannelIsADigitOfTheBaseAndTheLabelIsTheirNumber) {
  const auto stacked = make_dataset(data(300), 1);
  EXPECT_EQ(stacked->size(), 300);
  expect_bytes_are_samples(*stacked);
  EXPECT_EQ(stacked->classes(), 1000);
  EXPECT_EQ(stacked->shape(),
            (SampleShape{.channels = 3, .height = kSide, .width = kSide, .image = true}));
  ASSERT_NE(stacked->channel_base(), nullptr);
  EXPECT_EQ(stacked->channel_base()->size(), 50);
  for (int64_t i = 0; i < stacked->size(); ++i) {
    const auto digits = digits_of(*stacked, i);
    ASSERT_EQ(digits.size(), 3U) << i;
    int64_t number = 0;
    for (const int64_t digit : digits)
      number = 10 * number + label_of(*stacked->channel_base(), digit);
    EXPECT_EQ(label_of(*stacked, i), number) << i;
  }
  const auto names = stacked->class_names();
  EXPECT_EQ(names.size(), 1000U);
  EXPECT_EQ(names[37], "037");
  EXPECT_EQ(names[999], "999");
  EXPECT_THAT(stacked->description(), AllOf(HasSubstr("300 images 3 x 4 x 4"), HasSubstr("1000")));
}

TEST_F(StackedDigits, TriplesAreUniformAndTheirChannelsIndependent) {
  constexpr int64_t kSamples = 100'000;
  const auto stacked = make_dataset(data(kSamples), 3);
  std::vector<int64_t> all(kSamples);
  std::iota(all.begin(), all.end(), 0);
  std::vector<float> pixels(static_cast<size_t>(kSamples * stacked->shape().values()));
  std::vector<int64_t> labels(kSamples);
  stacked->copy(all, pixels.data(), labels.data());
  std::vector<double> counts(1000, 0);
  for (const int64_t label : labels) ++counts[static_cast<size_t>(label)];
  double chi_square = 0;  // 999 degrees of freedom: mean 999, deviation 44.7
  for (const double count : counts) chi_square += (count - 100) * (count - 100) / 100;
  EXPECT_NEAR(chi_square, 999, 4 * 44.7);
}

TEST_F(StackedDigits, ASampleIsAFunctionOfSeedAndIndexAlone) {
  const auto few = make_dataset(data(100), 5);
  const auto many = make_dataset(data(100'000), 5);
  const auto other = make_dataset(data(100), 6);
  int different = 0;
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(sample(*few, i), sample(*many, i)) << i;
    different += sample(*few, i) != sample(*other, i) ? 1 : 0;
  }
  EXPECT_GT(different, 95);

  const std::vector<int64_t> indices = {99, 3, 3, 50};
  std::vector<float> batch(indices.size() * static_cast<size_t>(few->shape().values()));
  std::vector<int64_t> labels(indices.size());
  few->copy(indices, batch.data(), labels.data());
  std::vector<float> one_by_one;
  for (size_t i = 0; i < indices.size(); ++i) {
    const auto each = sample(*few, indices[i]);
    one_by_one.insert(one_by_one.end(), each.begin(), each.end());
    EXPECT_EQ(labels[i], label_of(*few, indices[i]));
  }
  EXPECT_EQ(batch, one_by_one);
}

TEST_F(StackedDigits, EveryEpochShowsEveryTripleOnceInAnotherOrder) {
  const auto stacked = make_dataset(data(256), 7);
  std::vector<float> epochs[2];
  std::multiset<std::vector<float>> shown[2];
  Prefetcher feed(*stacked, Sampler(stacked->size(), 7), 0, 256, {.first = 0, .count = 256}, 1);
  const auto values = static_cast<size_t>(stacked->shape().values());
  for (size_t epoch = 0; epoch < 2; ++epoch) {
    epochs[epoch] = feed.next().samples;
    for (size_t i = 0; i < 256; ++i)
      shown[epoch].emplace(epochs[epoch].begin() + static_cast<int64_t>(i * values),
                           epochs[epoch].begin() + static_cast<int64_t>((i + 1) * values));
  }
  std::multiset<std::vector<float>> all;
  for (int64_t i = 0; i < 256; ++i) all.insert(sample(*stacked, i));
  EXPECT_EQ(shown[0], all);
  EXPECT_EQ(shown[1], all);
  EXPECT_NE(epochs[0], epochs[1]);
}

TEST_F(StackedDigits, FingerprintsTellContentSeedNumberAndShape) {
  const auto fingerprint = [&](const config::Data& of, uint64_t seed) {
    return make_dataset(of, seed)->fingerprint();
  };
  const uint64_t first = fingerprint(data(), 1);
  EXPECT_EQ(fingerprint(data(), 1), first);
  EXPECT_NE(fingerprint(data(), 2), first);
  EXPECT_NE(fingerprint(data(999), 1), first);
  EXPECT_NE(fingerprint(data(1000, 8), 1), first);
  EXPECT_NE(make_held_out_dataset(data(), 1)->fingerprint(), first);
  for (const char* name : {"d/train-images-idx3-ubyte", "d/train-labels-idx1-ubyte"}) {
    const std::string bytes = read(name);
    fs::remove(path(name));
    write_gz(std::string(name) + ".gz", bytes);
  }
  EXPECT_EQ(fingerprint(data(), 1), first) << "of the same files as gzip";
  write_digits("train", 50, 1);
  EXPECT_NE(fingerprint(data(), 1), first);
}

TEST_F(StackedDigits, TheHeldOutPartIsMadeOfTheTestFiles) {
  const auto held_out = make_held_out_dataset(data(), 1);
  ASSERT_NE(held_out, nullptr);
  EXPECT_EQ(held_out->size(), 26'000);
  ASSERT_NE(held_out->channel_base(), nullptr);
  EXPECT_EQ(held_out->channel_base()->size(), 20);
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(digits_of(*held_out, i).size(), 3U) << i;
}

TEST_F(StackedDigits, ImageSizePadsEveryChannel) {
  const auto plain = make_dataset(data(20), 1);
  const auto padded = make_dataset(data(20, 8), 1);
  EXPECT_EQ(padded->shape(), (SampleShape{.channels = 3, .height = 8, .width = 8, .image = true}));
  for (int64_t i = 0; i < 20; ++i) {
    const auto small = sample(*plain, i);
    const auto large = sample(*padded, i);
    EXPECT_EQ(label_of(*plain, i), label_of(*padded, i));
    for (size_t c = 0; c < 3; ++c)
      for (size_t y = 0; y < 8; ++y)
        for (size_t x = 0; x < 8; ++x) {
          const bool inside = y >= 2 && y < 6 && x >= 2 && x < 6;
          EXPECT_EQ(large[64 * c + 8 * y + x],
                    inside ? small[16 * c + 4 * (y - 2) + x - 2] : -1.0f);
        }
  }
}

TEST_F(StackedDigits, TheNumberOfSamplesCostsNothing) {
  const int64_t most = (int64_t{1} << 48) - 1;
  const auto stacked = make_dataset(data(most), 1);
  EXPECT_EQ(stacked->size(), most);
  EXPECT_EQ(digits_of(*stacked, most - 1).size(), 3U);
  EXPECT_THROW(sample(*stacked, most), Error);
  EXPECT_THROW(sample(*stacked, -1), Error);
}

TEST_F(StackedDigits, FilesThatAreNoDigitsAreRefused) {
  EXPECT_REFUSED(data_of("stacked_mnist", ""), ExitCode::kConfiguration, HasSubstr("data.path"));
  EXPECT_REFUSED(data_of("stacked_mnist", path("nowhere")), ExitCode::kNoInput,
                 HasSubstr("four idx files"));
  write("d/train-labels-idx1-ubyte", idx({50}, std::string(50, '\x0a')));
  EXPECT_REFUSED(data(), ExitCode::kDataError, HasSubstr("label 10 of sample 0; 0 to 9"));
  write("d/train-labels-idx1-ubyte", idx({50}, std::string(50, '\x01')));
  write("d/train-images-idx3-ubyte", idx({50, 2, 2, 3}, std::string(600, 'x')));
  EXPECT_REFUSED(data(), ExitCode::kDataError, HasSubstr("grey images"));
}

}  // namespace
}  // namespace allmodes::data
