// Damaged files of every format: truncated at every byte, each bit of the head turned over, runs of
// bytes repeated or taken out. They are read or refused; nothing else happens.

#include <gtest/gtest.h>

#include <cstring>

#include "base/random.h"
#include "fuzz/targets.h"
#include "unit/data_fixture.h"
#include "unit/picture_files.h"
#include "unit/pillow_pictures.h"

namespace allmodes::data {
namespace {

class DamagedFiles : public ::testing::Test {
 protected:
  // A good file of each target.
  static std::string good(std::string_view target) {
    if (target.starts_with("idx")) return idx({3, 5, 4}, std::string(60, 'p'));
    if (target == "npz")
      return zip({{"a.npy", npy("<f4", "(3, 2)", raw<float>({1, 2, 3, 4, 5, 6}))}});
    if (target == "jpeg") return from_base64(pillow_pictures()[0].base64);
    if (target == "png") {
      std::vector<uint8_t> noise(300);
      for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<uint8_t>(i * i * 31 >> 3);
      return png(10, 10, noise, PNG_FORMAT_RGB);
    }
    if (target == "webp") return from_base64(pillow_pictures()[5].base64);
    if (target == "bmp") return bmp(4, 4, 'b');
    if (target == "pnm") return pgm(5, 5, 'p');
    if (target == "zip") return zip({{"a.pgm", pgm(4, 4, 1)}, {"b.pgm", pgm(4, 4, 2)}}, true);
    if (target == "tar")
      return tar({{"a.pgm", pgm(20, 20, 1, 512)}, {"b.pgm", pgm(20, 20, 2, 512)}});
    if (target == "mds") {
      std::string samples;
      std::string offsets;
      for (const char* label : {"\1", "\0"}) {
        offsets += little(18 + samples.size(), 4);
        const std::string picture = pgm(4, 4, 3);
        samples +=
            little(picture.size(), 4) + picture + std::string(label, 1) + std::string(7, '\0');
      }
      return little(2, 4) + offsets + little(18 + samples.size(), 4) + "{}" + samples;
    }
    if (target.starts_with("npy")) return npy("<f4", "(3, 2)", raw<float>({1, 2, 3, 4, 5, 6}));
    if (target.starts_with("cifar10")) {
      std::string record(3073, 'c');
      record[0] = 7;
      return record + record;
    }
    if (target == "labels") return npy("<i4", "(3,)", raw<int32_t>({0, 2, 1}));
    if (target == "safetensors") {
      const std::vector<float> values = {1, 2, 3, 4};
      const checkpoints::TensorView view{
          .name = "w", .shape = {2, 2}, .data = values.data(), .bytes = 16};
      std::string bytes;
      checkpoints::encode_safetensors(
          std::span(&view, 1), {{"made", "here"}},
          [&](const void* data, size_t n) { bytes.append(static_cast<const char*>(data), n); });
      return bytes;
    }
    return "name: \"x\"\nbatch: 8\nsteps: 5\ndata { dataset: \"ring\" modes: 8 }\ngan {\n"
           "  latent { dimension: 4 }\n  generator { width: 8 }\n"
           "  penalty { kind: \"r1\" weight: 0.5 }\n}\n";
  }

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
    EXPECT_EQ(target.read(scratch_, good(target.name)), fuzz::Outcome::kRead) << target.name;
}

TEST_F(DamagedFiles, EveryTruncationIsReadOrRefused) {
  for (const auto& target : fuzz::kTargets) {
    const std::string whole = good(target.name);
    refused_ = tried_ = 0;
    for (size_t n = 0; n < whole.size(); n += n < 300 ? 1 : 97)
      expect_contained(target, whole.substr(0, n));
    // A text may end between two fields, a CIFAR-10 file between two records.
    EXPECT_GE(refused_, tried_ * (std::strcmp(target.name, "configuration") == 0 ? 0.8 : 0.95))
        << target.name;
  }
}

TEST_F(DamagedFiles, EveryBitOfTheHeadTurnedOverIsReadOrRefused) {
  for (const auto& target : fuzz::kTargets) {
    const std::string whole = good(target.name);
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
    const std::string whole = good(target.name);
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
