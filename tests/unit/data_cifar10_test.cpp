// CIFAR-10's binary batches: what is read, and that damage is refused with file and byte.

#include "data/cifar10.h"

#include "base/random.h"
#include "unit/data_fixture.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kPixels = 3072;

// Records of random pixels; labels first, first + 1, ... modulo 10.
std::string records(int count, int first, uint64_t seed) {
  Random random({.seed = seed, .purpose = Purpose("test/cifar10")});
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += static_cast<char>((first + i) % 10);
    for (size_t j = 0; j < kPixels; ++j) bytes += static_cast<char>(random.below(256));
  }
  return bytes;
}

class Cifar10 : public DataFiles {
 protected:
  config::Data data(bool memory_map = false, int64_t image_size = 0) const {
    config::Data data = data_of("cifar10", path("c"), "", image_size);
    data.memory_map = memory_map;
    return data;
  }
};

TEST_F(Cifar10, RecordsAreALabelAndThreePlanesInOrderOfTheBatches) {
  std::string batches[3];
  for (int i = 0; i < 3; ++i) {
    batches[i] = records(4 + i, i, static_cast<uint64_t>(i));
    write("c/data_batch_" + std::to_string(i == 2 ? 5 : i + 1) + ".bin", batches[i]);
  }
  for (const bool memory_map : {false, true}) {
    const auto dataset = make_dataset(data(memory_map), 1);
    ASSERT_EQ(dataset->size(), 4 + 5 + 6);
    EXPECT_EQ(dataset->shape(),
              (SampleShape{.channels = 3, .height = 32, .width = 32, .image = true}));
    int64_t index = 0;
    for (const std::string& batch : batches)
      for (size_t at = 0; at < batch.size(); at += 1 + kPixels, ++index) {
        EXPECT_EQ(label_of(*dataset, index), batch[at]);
        const auto pixels = sample(*dataset, index);
        for (size_t j = 0; j < kPixels; ++j)
          ASSERT_NEAR(pixels[j], static_cast<uint8_t>(batch[at + 1 + j]) / 127.5f - 1.0f, 1e-6);
      }
  }
}

TEST_F(Cifar10, MappedAndInMemoryAreTheSameSet) {
  write("c/data_batch_1.bin", records(5, 0, 1));
  write("c/data_batch_2.bin", records(7, 3, 2));
  write("c/test_batch.bin", records(3, 0, 3));
  for (const int64_t image_size : {0, 16, 40}) {
    const auto memory = make_dataset(data(false, image_size), 1);
    const auto mapped = make_dataset(data(true, image_size), 1);
    EXPECT_EQ(memory->fingerprint(), mapped->fingerprint()) << image_size;
    EXPECT_EQ(memory->shape(), mapped->shape());
    for (int64_t i = 0; i < memory->size(); ++i) {
      EXPECT_EQ(sample(*memory, i), sample(*mapped, i)) << image_size << ", " << i;
      EXPECT_EQ(label_of(*memory, i), label_of(*mapped, i));
    }
  }
  EXPECT_EQ(make_held_out_dataset(data(), 1)->size(), 3);
  EXPECT_EQ(make_held_out_dataset(data(true), 1)->fingerprint(),
            make_held_out_dataset(data(), 1)->fingerprint());
  fs::remove(path("c/test_batch.bin"));
  EXPECT_EQ(make_held_out_dataset(data(), 1), nullptr);
}

TEST_F(Cifar10, NamesAreThoseOfTheFileOrTheStandardOnes) {
  write("c/data_batch_3.bin", records(1, 6, 1));
  EXPECT_THAT(make_dataset(data(), 1)->class_names(),
              ElementsAre("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse",
                          "ship", "truck"));
  write("c/batches.meta.txt", "a\nb\nc\r\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_THAT(make_dataset(data(), 1)->class_names(),
              ElementsAre("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"));
  write("c/batches.meta.txt", "a\nb\n");
  EXPECT_REFUSED(data(), ExitCode::kDataError,
                 AllOf(HasSubstr("batches.meta.txt, byte 4:"), HasSubstr("2 names")));
  write("c/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nkk\n");
  EXPECT_REFUSED(data(), ExitCode::kDataError,
                 AllOf(HasSubstr("batches.meta.txt, byte 20:"), HasSubstr("eleventh")));
}

TEST_F(Cifar10, DamageIsRefusedWithFileAndByte) {
  EXPECT_REFUSED(data(), ExitCode::kNoInput,
                 AllOf(HasSubstr("data_batch_1.bin"), HasSubstr("data.path")));
  const std::string good = records(3, 0, 1);
  for (const bool memory_map : {false, true}) {
    for (const size_t bytes : {size_t{1}, size_t{3072}, size_t{3074}, good.size() - 1}) {
      write("c/data_batch_1.bin", good.substr(0, bytes));
      EXPECT_REFUSED(
          data(memory_map), ExitCode::kDataError,
          AllOf(HasSubstr("data_batch_1.bin, byte " + std::to_string(bytes / 3073 * 3073) + ":"),
                HasSubstr("3073")));
    }
    write("c/data_batch_1.bin", "");
    EXPECT_REFUSED(data(memory_map), ExitCode::kDataError, HasSubstr("data_batch_1.bin, byte 0:"));
    std::string wrong = good;
    wrong[3073] = 10;
    write("c/data_batch_1.bin", wrong);
    EXPECT_REFUSED(data(memory_map), ExitCode::kDataError,
                   AllOf(HasSubstr("byte 3073:"), HasSubstr("label 10 of record 1")));
    fs::remove(path("c/data_batch_1.bin"));
    write_gz("c/data_batch_1.bin", good);
    EXPECT_REFUSED(data(memory_map), ExitCode::kDataError, HasSubstr("unpack it first"));
    fs::remove(path("c/data_batch_1.bin"));
  }
}

}  // namespace
}  // namespace allmodes::data
