// idx, npy and PNG files: what is read, and that damage is refused with file and byte.

#include <cmath>
#include <numeric>

#include "base/random.h"
#include "environment.h"
#include "unit/data_fixture.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

float scaled(int byte) {
  return static_cast<float>(byte) / 127.5f - 1.0f;
}

TEST_F(DataFiles, IdxBytesBecomeMinusOneToOneExactlyAtTheEnds) {
  const auto p = write("a", idx({2, 2, 2}, {0, '\x7f', '\x80', '\xff', 1, 2, 3, 4}));
  const auto l = write("l", idx({2}, {3, 0}));
  const auto dataset = make_dataset(data_of("idx", p, l), 1);
  EXPECT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->shape(), (SampleShape{.channels = 1, .height = 2, .width = 2, .image = true}));
  const auto first = sample(*dataset, 0);
  EXPECT_EQ(first[0], -1.0f);
  EXPECT_EQ(first[3], 1.0f);
  EXPECT_NEAR(first[1], scaled(127), 1e-6);
  EXPECT_NEAR(first[2], scaled(128), 1e-6);
  EXPECT_EQ(dataset->classes(), 4);
  EXPECT_EQ(label_of(*dataset, 0), 3);
  EXPECT_EQ(label_of(*dataset, 1), 0);
  EXPECT_EQ(dataset->mixture(), nullptr);
}

TEST_F(DataFiles, EveryByteIsScaledAlikeWhereverItStands) {
  std::string values;
  for (int i = 0; i < 256 + 5; ++i) values += static_cast<char>(i);
  const auto dataset = make_dataset(data_of("idx", write("a", idx({1, 9, 29}, values))), 1);
  const auto got = sample(*dataset, 0);
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], scaled(static_cast<int>(i % 256)), 1e-6) << i;
}

TEST_F(DataFiles, GzipAndPlainIdxHaveOneFingerprint) {
  const std::string bytes = idx({3, 4, 4}, std::string(48, '\x21'));
  const auto plain = make_dataset(data_of("idx", write("a", bytes)), 1);
  const auto gz = make_dataset(data_of("idx", write_gz("a.gz", bytes)), 2);
  EXPECT_EQ(plain->fingerprint(), gz->fingerprint());
  const auto reshaped =
      make_dataset(data_of("idx", write("b", idx({3, 2, 8}, std::string(48, '\x21')))), 1);
  EXPECT_NE(plain->fingerprint(), reshaped->fingerprint());
  const auto labelled = make_dataset(data_of("idx", path("a"), write("l", idx({3}, {0, 1, 2}))), 1);
  EXPECT_NE(plain->fingerprint(), labelled->fingerprint());
}

TEST_F(DataFiles, ATruncatedFileIsRefusedAtTheByteWhereItEnds) {
  const std::string bytes = idx({3, 4, 4}, std::string(48, 'x'));
  EXPECT_REFUSED(
      data_of("idx", write("short", bytes.substr(0, 40))), ExitCode::kDataError,
      AllOf(HasSubstr(path("short") + ", byte 40:"), HasSubstr("48 x 1 bytes from byte 16")));
  EXPECT_REFUSED(data_of("idx", write_gz("short.gz", bytes.substr(0, 40))), ExitCode::kDataError,
                 AllOf(HasSubstr("byte 40 of the decompressed data"), HasSubstr("[3, 4, 4]")));
  EXPECT_REFUSED(data_of("idx", write("header", bytes.substr(0, 9))), ExitCode::kDataError,
                 AllOf(HasSubstr("byte 9:"), HasSubstr("dimension 1")));
  EXPECT_REFUSED(data_of("idx", write("long", bytes + "y")), ExitCode::kDataError,
                 AllOf(HasSubstr("byte 64:"), HasSubstr("goes on")));
}

TEST_F(DataFiles, EveryProperPrefixOfAGzipFileIsRefused) {
  write_gz("whole.gz", idx({3, 4, 4}, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL"));
  std::ifstream in(path("whole.gz"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NO_THROW(make_dataset(data_of("idx", path("whole.gz")), 1));
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_EQ(error_of(data_of("idx", write("part.gz", whole.substr(0, n)))).code(),
              ExitCode::kDataError)
        << n << " of " << whole.size();
}

TEST_F(DataFiles, AWrongChecksumIsRefused) {
  write_gz("whole.gz", idx({3, 4, 4}, std::string(48, 'x')));
  std::ifstream in(path("whole.gz"), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);
  EXPECT_REFUSED(data_of("idx", write("bad.gz", bytes)), ExitCode::kDataError,
                 HasSubstr("damaged"));
}

TEST_F(DataFiles, AnAbsurdHeaderIsRefusedBeforeAnythingIsAllocated) {
  EXPECT_REFUSED(data_of("idx", write("over", idx({~0U, ~0U, ~0U}, "x"))), ExitCode::kDataError,
                 AllOf(HasSubstr("byte 4:"), HasSubstr("overflow")));
  EXPECT_REFUSED(data_of("idx", write("big", idx({~0U, 1000, 1000}, "x"))), ExitCode::kDataError,
                 HasSubstr("byte 17:"));
  EXPECT_REFUSED(data_of("idx", write_gz("bomb.gz", idx({60'000, 1000, 1000}, "x"))),
                 ExitCode::kDataError, HasSubstr("gzip hold at most"));
  EXPECT_REFUSED(data_of("idx", write("zero", idx({0, 28, 28}, ""))), ExitCode::kDataError,
                 AllOf(HasSubstr("byte 4:"), HasSubstr("dimension 0 is 0")));
  EXPECT_REFUSED(data_of("idx", write("magic", "PNG...")), ExitCode::kDataError,
                 AllOf(HasSubstr("byte 0:"), HasSubstr("not an idx file")));
  EXPECT_REFUSED(data_of("idx", write("type", std::string("\0\0\x0D\1\0\0\0\1", 8))),
                 ExitCode::kDataError, AllOf(HasSubstr("byte 2:"), HasSubstr("0x0d")));
}

TEST_F(DataFiles, ABombIsReadNoFurtherThanItsHeaderSays) {
  write_gz("bomb.gz", idx({1, 2, 2}, std::string(50 << 20, '\0')));
  EXPECT_REFUSED(data_of("idx", path("bomb.gz")), ExitCode::kDataError, HasSubstr("byte 20"));
}

TEST_F(DataFiles, LabelsThatDisagreeAreRefusedInTheLabelsFile) {
  const auto images = write("t/train-images-idx3-ubyte", idx({3, 2, 2}, std::string(12, 'x')));
  const std::string labels = "t/train-labels-idx1-ubyte";
  write(labels, idx({2}, {1, 2}));
  EXPECT_REFUSED(data_of("mnist", path("t")), ExitCode::kDataError,
                 AllOf(HasSubstr("train-labels-idx1-ubyte, byte 4:"), HasSubstr("2 labels"),
                       HasSubstr("3 samples")));
  write(labels, idx({3}, {1, 2, 10}));
  EXPECT_REFUSED(data_of("mnist", path("t")), ExitCode::kDataError,
                 AllOf(HasSubstr("byte 10:"), HasSubstr("label 10 of sample 2; 0 to 9")));
  write(labels, idx({3, 1, 1}, {1, 2, 3}));
  EXPECT_REFUSED(data_of("mnist", path("t")), ExitCode::kDataError, HasSubstr("one dimension"));
  write(labels, idx({3}, {1, 2, 3}));
  EXPECT_EQ(make_dataset(data_of("mnist", path("t")), 1)->classes(), 10);
  EXPECT_REFUSED(data_of("idx", path(labels)), ExitCode::kDataError, HasSubstr("[3]"));
}

TEST_F(DataFiles, MissingInputSaysWhereItComesFrom) {
  EXPECT_REFUSED(
      data_of("fashion_mnist", path("nowhere")), ExitCode::kNoInput,
      AllOf(HasSubstr("nowhere/train-images-idx3-ubyte"), HasSubstr("dataset-fashion-mnist")));
  EXPECT_REFUSED(data_of("idx", path("nowhere")), ExitCode::kNoInput, HasSubstr("No such file"));
  EXPECT_REFUSED(data_of("npy", folder_.string()), ExitCode::kNoInput, HasSubstr("regular file"));
  EXPECT_REFUSED(data_of("images", path("nowhere")), ExitCode::kNoInput, HasSubstr("nowhere"));
  EXPECT_REFUSED(data_of("images", folder_.string()), ExitCode::kNoInput, HasSubstr("no picture"));
  EXPECT_REFUSED(data_of("npy", ""), ExitCode::kConfiguration, HasSubstr("data.path"));
  EXPECT_REFUSED(data_of("cifar", ""), ExitCode::kConfiguration,
                 AllOf(HasSubstr("'cifar'"), HasSubstr("fashion_mnist, files, grid")));
}

TEST_F(DataFiles, LargerImageSizePadsWithBlackAroundTheCentre) {
  const auto p = write("a", idx({1, 2, 2}, std::string(4, '\xff')));
  const auto dataset = make_dataset(data_of("idx", p, "", 4), 1);
  EXPECT_THAT(sample(*dataset, 0), ElementsAre(-1, -1, -1, -1,  //
                                               -1, 1, 1, -1,    //
                                               -1, 1, 1, -1,    //
                                               -1, -1, -1, -1));
}

TEST_F(DataFiles, SmallerImageSizeAveragesByAreaAndKeepsTheMean) {
  // 3 -> 2: a target pixel covers one and a half source pixels a side.
  const auto p =
      write("a", npy("<f4", "(1, 3, 3)", raw<float>({0.9f, 0.0f, 0.0f, 0, 0, 0, 0, 0, -0.45f})));
  const auto got = sample(*make_dataset(data_of("npy", p, "", 2), 1), 0);
  EXPECT_NEAR(got[0], 0.9 / 2.25, 1e-6);
  EXPECT_NEAR(got[1], 0, 1e-6);
  EXPECT_NEAR(got[3], -0.45 / 2.25, 1e-6);
  EXPECT_NEAR(std::accumulate(got.begin(), got.end(), 0.0) / 4, 0.45 / 9, 1e-6);
}

TEST_F(DataFiles, AnOblongImageKeepsItsProportions) {
  const auto p = write("a", idx({1, 2, 8}, std::string(16, '\xff')));
  EXPECT_THAT(sample(*make_dataset(data_of("idx", p, "", 4), 1), 0),
              ElementsAre(-1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1));
}

TEST_F(DataFiles, NpyReadsEachTypeVersionAndLayout) {
  const std::vector<float> f = {1.5f, -2.0f, 3.25f, 4.0f, 5.0f, -6.0f};
  const std::vector<double> d(f.begin(), f.end());
  const auto points = make_dataset(data_of("npy", write("f4", npy("<f4", "(3, 2)", raw(f)))), 1);
  EXPECT_EQ(points->shape(), (SampleShape{.channels = 2}));
  EXPECT_THAT(sample(*points, 1), ElementsAre(3.25f, 4.0f));
  EXPECT_EQ(points->classes(), 0);
  EXPECT_EQ(label_of(*points, 1), 0);
  for (const char version : {'\1', '\2', '\3'}) {
    const auto same =
        make_dataset(data_of("npy", write("f8", npy("<f8", "(3, 2)", raw(d), version))), 1);
    EXPECT_EQ(same->fingerprint(), points->fingerprint());
  }
  const auto last = make_dataset(
      data_of("npy", write("hwc", npy("|u1", "(1, 1, 2, 3)", {0, '\xff', 0, '\xff', 0, '\xff'}))),
      1);
  EXPECT_EQ(last->shape().channels, 3);
  EXPECT_THAT(sample(*last, 0), ElementsAre(-1, 1, 1, -1, -1, 1));
  const auto first = make_dataset(
      data_of("npy", write("chw", npy("|u1", "(1, 1, 1, 5)", {0, '\xff', 0, '\xff', 0}))), 1);
  EXPECT_EQ(first->shape().width, 5);
  EXPECT_THAT(sample(*first, 0), ElementsAre(-1, 1, -1, 1, -1));
}

TEST_F(DataFiles, NpyLabelsOfEveryIntegerTypeAreRead) {
  const auto p = write("x", npy("<f4", "(3, 1)", raw<float>({1, 2, 3})));
  const auto check = [&](const std::string& descr, const std::string& bytes) {
    const auto set = make_dataset(data_of("npy", p, write("l", npy(descr, "(3,)", bytes))), 1);
    EXPECT_EQ(set->classes(), 3) << descr;
    EXPECT_EQ(label_of(*set, 1), 2) << descr;
  };
  check("<i8", raw<int64_t>({0, 2, 1}));
  check("<i4", raw<int32_t>({0, 2, 1}));
  check("<u2", raw<uint16_t>({0, 2, 1}));
  check("|u1", raw<uint8_t>({0, 2, 1}));
  check("|i1", raw<int8_t>({0, 2, 1}));
  const auto idx_labels = make_dataset(data_of("npy", p, write("i", idx({3}, {0, 2, 1}))), 1);
  EXPECT_EQ(label_of(*idx_labels, 1), 2);
  EXPECT_REFUSED(data_of("npy", p, write("n", npy("<i4", "(3,)", raw<int32_t>({0, -1, 1})))),
                 ExitCode::kDataError, AllOf(HasSubstr("byte 132:"), HasSubstr("label -1")));
}

TEST_F(DataFiles, NpyDamageIsRefusedWithItsPlace) {
  const auto refused = [&](const std::string& bytes) {
    const Error error = error_of(data_of("npy", write("x", bytes)));
    EXPECT_EQ(error.code(), ExitCode::kDataError) << error.what();
    return std::string(error.what());
  };
  EXPECT_THAT(refused("hello, world"), HasSubstr("byte 0: it is unknown"));
  EXPECT_THAT(refused(npy("<f4", "(3, 2)", "1234")), HasSubstr("byte 132:"));
  EXPECT_THAT(refused(npy("<f4", "(1, 2)", "123456789")), HasSubstr("byte 136:"));
  EXPECT_THAT(refused(npy("<c8", "(1, 1)", "12345678")), HasSubstr("'<c8'"));
  EXPECT_THAT(refused(npy("|O", "(1, 2)", "12345678")), HasSubstr("'|O'"));
  EXPECT_THAT(refused(npy("<f4", "(99999999999, 99999999999)", "")), HasSubstr("too large"));
  EXPECT_THAT(refused(npy("<f4", "(99999999999999999999999, 1)", "")), HasSubstr("overflows"));
  EXPECT_THAT(refused(npy("<f4", "(0, 2)", "")), HasSubstr("empty"));
  EXPECT_THAT(refused(npy("<f4", "(2,)", "12345678")), HasSubstr("[2]"));
  EXPECT_THAT(refused(npy("<f4", "(1, 2)', 'x': (3", "")), HasSubstr("npy header"));
  EXPECT_THAT(refused(npy("<f4", "(1, 2)", raw<float>({1, std::nanf("")}))),
              AllOf(HasSubstr("byte 132:"), HasSubstr("finite")));
  EXPECT_REFUSED(data_of("npy", write("p", npy("<f4", "(1, 2)", "12345678")), "", 8),
                 ExitCode::kConfiguration, HasSubstr("data.image_size"));
}

TEST_F(DataFiles, SubfoldersOfImagesAreClassesInOrderOfName) {
  write_png("p/zebra/1.png", 2, 1, false, {0, 255});
  write_png("p/ant/2.PNG", 2, 1, true, {255, 0, 0, 0, 0, 255});
  write_png("p/ant/1.png", 2, 1, false, {255, 255});
  write("p/ant/notes.txt", "x");
  write("p/ant/.hidden.png", "x");
  const auto dataset = make_dataset(data_of("images", path("p")), 1);
  EXPECT_THAT(dataset->class_names(), ElementsAre("ant", "zebra"));
  EXPECT_EQ(dataset->shape(), (SampleShape{.channels = 3, .height = 1, .width = 2, .image = true}));
  EXPECT_THAT(sample(*dataset, 1), ElementsAre(1, -1, -1, -1, -1, 1));
  EXPECT_THAT(sample(*dataset, 2), ElementsAre(-1, 1, -1, 1, -1, 1));
  EXPECT_EQ(label_of(*dataset, 1), 0);
  EXPECT_EQ(label_of(*dataset, 2), 1);
  EXPECT_THAT(dataset->description(), HasSubstr("3 images 3 x 1 x 2"));
}

TEST_F(DataFiles, GreyImagesWithoutSubfoldersAreUnlabelled) {
  write_png("p/b.png", 3, 3, false, std::vector<uint8_t>(9, 255));
  write_png("p/a.png", 1, 1, false, {0});
  EXPECT_REFUSED(data_of("images", path("p")), ExitCode::kDataError,
                 AllOf(HasSubstr("b.png"), HasSubstr("3 x 3"), HasSubstr("data.image_size")));
  const auto dataset = make_dataset(data_of("images", path("p"), "", 2), 1);
  EXPECT_EQ(dataset->classes(), 0);
  EXPECT_EQ(dataset->shape().channels, 1);
  EXPECT_THAT(sample(*dataset, 1), ElementsAre(1, 1, 1, 1));
}

TEST_F(DataFiles, DamagedImagesAreRefusedByName) {
  std::vector<uint8_t> noise(64 * 64);
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<uint8_t>(i * i * 31 >> 3);
  write_png("p/a.png", 64, 64, false, noise);
  std::ifstream in(path("p/a.png"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  for (const size_t n : {size_t{0}, size_t{20}, size_t{30}, whole.size() / 2, whole.size() - 20}) {
    write("p/a.png", whole.substr(0, n));
    EXPECT_REFUSED(data_of("images", path("p")), ExitCode::kDataError,
                   AllOf(HasSubstr("a.png"), HasSubstr("byte")));
  }
  std::string huge = whole;
  huge[16] = '\x7f';
  write("p/a.png", huge);
  EXPECT_REFUSED(data_of("images", path("p")), ExitCode::kDataError,
                 HasSubstr("data.largest_picture"));
  write("p/a.png", "GIF89a" + whole);
  EXPECT_REFUSED(data_of("images", path("p")), ExitCode::kDataError, HasSubstr("GIF"));
  write("p/a.png", whole);
  write("p/class/b.png", whole);
  EXPECT_REFUSED(data_of("images", path("p")), ExitCode::kDataError, HasSubstr("beside folders"));
}

// Random bytes, and single damaged bytes of good files: an Error or a data set, never anything
// else.
TEST_F(DataFiles, RandomDamageNeverCrashes) {
  write_png("p/a.png", 8, 8, true, std::vector<uint8_t>(192, 77));
  std::ifstream in(path("p/a.png"), std::ios::binary);
  const std::string png{std::istreambuf_iterator<char>(in), {}};
  write_gz("g", idx({2, 3, 3}, std::string(18, 'x')));
  std::ifstream gz_in(path("g"), std::ios::binary);
  const std::string gz{std::istreambuf_iterator<char>(gz_in), {}};
  const std::vector<std::pair<std::string, std::string>> good = {
      {"idx", idx({2, 3, 3}, std::string(18, 'x'))},
      {"idx", gz},
      {"npy", npy("<f4", "(3, 2)", std::string(24, '\0'))},
      {"npy", npy("|u1", "(3, 2, 2, 1)", std::string(12, 'a'))},
      {"images", png}};
  Random random(NoiseKey{.seed = 1, .purpose = Purpose("test/damage")});
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto& [name, bytes] = good[static_cast<size_t>(i) % good.size()];
    std::string damaged = bytes;
    for (uint64_t n = 1 + random.below(3); n > 0; --n)
      damaged[random.below(std::min<uint64_t>(damaged.size(), 140))] =
          static_cast<char>(random.below(256));
    if (random.below(4) == 0) damaged.resize(random.below(damaged.size() + 1));
    const auto file = write("p/a.png", damaged);
    try {
      const auto dataset = make_dataset(data_of(name, name == "images" ? path("p") : file), 1);
      sample(*dataset, dataset->size() - 1);
    } catch (const Error& error) {
      ++refused;
      ASSERT_EQ(error.code(), ExitCode::kDataError) << error.what();
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(RealData, FashionMnistIsWhole) {
  if (!fs::exists("/usr/share/datasets/fashion-mnist"))
    GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  config::Data data;
  data.image_size = 32;
  const auto training = make_dataset(data, 1);
  EXPECT_EQ(training->size(), 60'000);
  EXPECT_EQ(training->shape().height, 32);
  EXPECT_THAT(training->class_names(), ::testing::Contains("Ankle boot").Times(1));
  EXPECT_EQ(label_of(*training, 0), 9);
  const auto held_out = make_held_out_dataset(data, 1);
  ASSERT_NE(held_out, nullptr);
  EXPECT_EQ(held_out->size(), 10'000);
  EXPECT_NE(held_out->fingerprint(), training->fingerprint());
}

TEST(RealData, MnistIsWhole) {
  const char* folder = test::environment("ALLMODES_MNIST");
  if (folder == nullptr)
    GTEST_SKIP() << "ALLMODES_MNIST does not name a folder with MNIST's idx files";
  const auto training = make_dataset(data_of("mnist", folder), 1);
  EXPECT_EQ(training->size(), 60'000);
  EXPECT_EQ(label_of(*training, 0), 5);
  std::vector<int64_t> all(60'000);
  std::iota(all.begin(), all.end(), 0);
  std::vector<float> pixels(60'000 * 784);
  training->copy(all, pixels.data(), nullptr);
  const double mean = std::accumulate(pixels.begin(), pixels.end(), 0.0) / 47'040'000.0;
  EXPECT_NEAR((mean + 1) / 2, 0.1307, 1e-4);  // MNIST's well-known mean
}

}  // namespace
}  // namespace allmodes::data
