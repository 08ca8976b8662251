// Ranks that share the reading of one set of pictures have what one rank reads alone.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "data/files.h"
#include "ranks/thread_ranks.h"
#include "unit/picture_files.h"

namespace allmodes::data {
namespace {

class SharedReadings : public ::testing::TestWithParam<int> {
 protected:
  SharedReadings()
      : folder_(std::filesystem::temp_directory_path() /
                ("allmodes-shared-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_ / "a");
    std::filesystem::create_directories(folder_ / "b");
    for (int i = 0; i < 700; ++i) {
      const std::string picture = pgm(5 + i % 3, 4, static_cast<uint8_t>(i % 256));
      const bool damaged = i == 3 || i == 350 || i == 699;
      std::ofstream(folder_ / (i < 300 ? "a" : "b") / (std::to_string(1000 + i) + ".pgm"),
                    std::ios::binary)
          << (damaged ? picture.substr(0, picture.size() - 2) : picture);
    }
    data_.path = folder_.string();
    data_.image_size = 4;
    data_.threads = 1;
    data_.on_damage = "skip";
  }
  ~SharedReadings() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  config::Data data_;
};

std::vector<float> all_samples(const Dataset& dataset, std::vector<int64_t>& labels) {
  std::vector<int64_t> indices(static_cast<size_t>(dataset.size()));
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
  std::vector<float> samples(indices.size() * static_cast<size_t>(dataset.shape().values()));
  labels.resize(indices.size());
  dataset.copy(indices, samples.data(), labels.data());
  return samples;
}

TEST_P(SharedReadings, AreTheSetThatOneRankReadsAlone) {
  for (const char* cache : {"memory", "none"}) {
    data_.cache = cache;
    const auto alone = read_files(data_, Split::kTraining);
    ASSERT_EQ(alone->size(), 697);
    std::vector<int64_t> labels;
    const std::vector<float> samples = all_samples(*alone, labels);
    testing::run_ranks(GetParam(), [&](world::Communicator& ranks) {
      const SharedReading reading{.rank = ranks.rank(),
                                  .ranks = ranks.size(),
                                  .gather = [&](auto mine) { return ranks.all_gather_v(mine); }};
      const auto shared = read_files(data_, Split::kTraining, reading);
      EXPECT_EQ(shared->fingerprint(), alone->fingerprint());
      EXPECT_EQ(shared->remarks(), alone->remarks());
      EXPECT_EQ(shared->class_names(), alone->class_names());
      std::vector<int64_t> shared_labels;
      EXPECT_EQ(all_samples(*shared, shared_labels), samples);
      EXPECT_EQ(shared_labels, labels);
    });
  }
}

TEST_P(SharedReadings, NameAllDamageOnEveryRank) {
  data_.on_damage = "refuse";
  testing::run_ranks(GetParam(), [&](world::Communicator& ranks) {
    const SharedReading reading{.rank = ranks.rank(),
                                .ranks = ranks.size(),
                                .gather = [&](auto mine) { return ranks.all_gather_v(mine); }};
    try {
      read_files(data_, Split::kTraining, reading);
      ADD_FAILURE() << "damaged pictures were read";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(),
                  ::testing::AllOf(::testing::HasSubstr("3 of 700"), ::testing::HasSubstr("1003"),
                                   ::testing::HasSubstr("1350"), ::testing::HasSubstr("1699")));
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, SharedReadings, ::testing::Values(1, 2, 4));

}  // namespace
}  // namespace allmodes::data
