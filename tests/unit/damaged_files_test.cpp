// Damaged files of every format: truncated at every byte, each bit of the head turned over, runs of
// bytes repeated or taken out. They are read or refused; nothing else happens.

#include <gtest/gtest.h>

#include <string_view>

#include "base/random.h"
#include "fuzz/good_files.h"
#include "fuzz/targets.h"

namespace allmodes::data {
namespace {

using fuzz::good_file;

class DamagedFiles : public ::testing::Test {
 protected:
  void expect_contained(const fuzz::Target& target, const std::string& bytes) {
    try {
      refused_ += target.read(scratch_, bytes) == fuzz::Outcome::kRefused ? 1 : 0;
      ++tried_;
    } catch (const std::exception& error) {
      ADD_FAILURE() << target.name << " with " << bytes.size() << " bytes: " << error.what();
    }
  }

  fuzz::Scratch scratch_;
  int refused_ = 0;
  int tried_ = 0;
};

TEST_F(DamagedFiles, GoodOnesAreRead) {
  for (const auto& target : fuzz::kTargets)
    for (const std::string& file : fuzz::good_files(target.name))
      EXPECT_EQ(target.read(scratch_, file), fuzz::Outcome::kRead) << target.name;
}

TEST_F(DamagedFiles, EveryTruncationIsReadOrRefused) {
  for (const auto& target : fuzz::kTargets) {
    const std::string whole = good_file(target.name);
    refused_ = tried_ = 0;
    for (size_t n = 0; n < whole.size(); n += n < 300 ? 1 : 97)
      expect_contained(target, whole.substr(0, n));
    // A text may end between two fields, a table in a number, a CIFAR-10 file between two records.
    const std::string_view name = target.name;
    EXPECT_GE(refused_, tried_ * (name == "csv"             ? 0.3
                                  : name == "configuration" ? 0.8
                                                            : 0.95))
        << name;
  }
}

TEST_F(DamagedFiles, EveryBitOfTheHeadTurnedOverIsReadOrRefused) {
  for (const auto& target : fuzz::kTargets) {
    const std::string whole = good_file(target.name);
    refused_ = 0;
    for (size_t bit = 0; bit < 8 * std::min<size_t>(whole.size(), 160); ++bit) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      expect_contained(target, damaged);
    }
    EXPECT_GT(refused_, 2) << target.name;
  }
}

TEST_F(DamagedFiles, BytesThatAreRepeatedTakenOutOrMadeUpAreReadOrRefused) {
  Random random({.seed = 1, .purpose = Purpose("test/damaged")});
  for (const auto& target : fuzz::kTargets) {
    const std::string whole = good_file(target.name);
    refused_ = 0;
    for (int i = 0; i < 200; ++i) {
      std::string damaged = whole;
      const size_t at = random.below(damaged.size());
      const size_t n = 1 + random.below(std::min<size_t>(damaged.size() - at, 40));
      switch (random.below(3)) {
        case 0:
          damaged.insert(at, damaged.substr(at, n));
          break;
        case 1:
          damaged.erase(at, n);
          break;
        default:
          for (size_t j = at; j < at + n; ++j) damaged[j] = static_cast<char>(random.below(256));
      }
      expect_contained(target, damaged);
    }
    EXPECT_GT(refused_, 20) << target.name;
  }
}

}  // namespace
}  // namespace allmodes::data
