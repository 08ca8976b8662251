// Random parts of pictures, the order of shards, and sets that are not read before training.

#include <algorithm>
#include <set>

#include "data/prefetcher.h"
#include "unit/data_fixture.h"
#include "unit/picture_files.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Feeding : public DataFiles {
 protected:
  config::Data images(const std::string& name, int64_t size = 0) const {
    return data_of("images", path(name), "", size);
  }

  // A grey picture 8 x 8 whose pixel (y, x) is 16 y + x.
  void write_places(const std::string& folder, int count) const {
    std::string pixels;
    for (int i = 0; i < 64; ++i) pixels += static_cast<char>(16 * (i / 8) + i % 8);
    for (int i = 0; i < count; ++i)
      write(folder + "/" + std::to_string(100 + i) + ".pgm", "P5\n8 8\n255\n" + pixels);
  }
};

// The first byte of each sample of an epoch, by sample, as batches of that size over so many ranks
// bring it.
std::vector<int> first_bytes(const Dataset& dataset, int64_t batch, int ranks, uint64_t epoch) {
  const Sampler sampler(dataset.size(), 5);
  std::vector<int> bytes(static_cast<size_t>(dataset.size()), -1);
  for (int rank = 0; rank < ranks; ++rank) {
    Prefetcher prefetcher(dataset, sampler, epoch * static_cast<uint64_t>(dataset.size()), batch,
                          share(batch, rank, ranks), 1, Form::bytes);
    for (int64_t have = 0; have < dataset.size(); have += batch) {
      const Batch got = prefetcher.next();
      for (int64_t i = 0; i < got.count; ++i)
        bytes[static_cast<size_t>(got.indices[static_cast<size_t>(i)])] =
            got.bytes[static_cast<size_t>(i * dataset.shape().values())];
    }
  }
  return bytes;
}

TEST_F(Feeding, RandomPartsDependOnEpochAndSampleAloneAndReachEveryPlace) {
  write_places("p", 64);
  config::Data data = images("p", 6);
  data.random_crop = 8;
  const auto dataset = make_dataset(data, 1);
  EXPECT_EQ(dataset->shape(), (SampleShape{.channels = 1, .height = 6, .width = 6, .image = true}));
  const auto first = first_bytes(*dataset, 64, 1, 0);
  EXPECT_EQ(first_bytes(*dataset, 16, 1, 0), first);
  EXPECT_EQ(first_bytes(*dataset, 16, 2, 0), first);
  EXPECT_EQ(first_bytes(*dataset, 32, 4, 0), first);
  EXPECT_NE(first_bytes(*dataset, 64, 1, 1), first);
  EXPECT_EQ(std::set<int>(first.begin(), first.end()),
            (std::set<int>{0, 1, 2, 16, 17, 18, 32, 33, 34}));
}

TEST_F(Feeding, OfCroppedSetsEvaluationsSeeTheMiddleAndTheFingerprintKnowsTheSizes) {
  write_places("p", 2);
  config::Data data = images("p", 6);
  data.random_crop = 8;
  const auto cropped = make_dataset(data, 1);
  uint8_t bytes[36];
  const int64_t index = 1;
  cropped->copy_bytes(std::span(&index, 1), bytes, nullptr);
  EXPECT_EQ(bytes[0], 17);
  EXPECT_EQ(bytes[35], 16 * 6 + 6);
  EXPECT_EQ(sample(*cropped, 1)[0], (17 - kByteCentre) * kByteScale);
  EXPECT_NE(cropped->fingerprint(), make_dataset(images("p", 8), 1)->fingerprint());
  data.image_size = 5;
  EXPECT_NE(cropped->fingerprint(), make_dataset(data, 1)->fingerprint());
  data.image_size = 9;
  EXPECT_REFUSED(data, ExitCode::kConfiguration, HasSubstr("data.random_crop"));
}

std::vector<int64_t> shard_order(const Sampler& sampler, uint64_t first, int64_t n) {
  std::vector<int64_t> out(static_cast<size_t>(n));
  sampler.indices(first, n, out.data());
  return out;
}

TEST(ShardOrder, EveryEpochHoldsEverySampleOnceAndAnyCutGivesTheSameOrder) {
  for (const int64_t window : {1, 4, 7, 1000}) {
    const Sampler sampler(20, 3, {.sizes = {5, 1, 8, 6}, .window = window});
    const auto two = shard_order(sampler, 0, 40);
    for (const int64_t epoch : {0, 1}) {
      std::vector<int64_t> sorted(two.begin() + 20 * epoch, two.begin() + 20 * (epoch + 1));
      std::sort(sorted.begin(), sorted.end());
      for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(sorted[static_cast<size_t>(i)], i);
    }
    EXPECT_FALSE(std::equal(two.begin(), two.begin() + 20, two.begin() + 20));
    for (int64_t first = 0; first < 40; ++first)
      for (const int64_t n : {1, 3, 9}) {
        if (first + n > 40) continue;
        EXPECT_EQ(shard_order(sampler, static_cast<uint64_t>(first), n),
                  std::vector<int64_t>(two.begin() + first, two.begin() + first + n));
      }
  }
}

TEST(ShardOrder, AWindowOfOneReadsShardsThroughAndAWindowMixesOnlyWithin) {
  const ShardOrder shards{.sizes = std::vector<int64_t>(50, 20), .window = 1};
  const auto through = shard_order(Sampler(1000, 3, shards), 0, 1000);
  std::set<int64_t> turns;
  for (size_t i = 0; i < through.size(); i += 20) {
    turns.insert(through[i]);
    for (size_t j = 1; j < 20; ++j) ASSERT_EQ(through[i + j], through[i] + static_cast<int64_t>(j));
  }
  EXPECT_EQ(turns.size(), 50U);
  EXPECT_FALSE(std::is_sorted(turns.begin(), turns.end(), [&](int64_t a, int64_t b) {
    return std::find(through.begin(), through.end(), a) <
           std::find(through.begin(), through.end(), b);
  }));
  const auto mixed = shard_order(Sampler(1000, 3, {.sizes = shards.sizes, .window = 100}), 0, 1000);
  EXPECT_NE(mixed, through);
  for (size_t i = 0; i < mixed.size(); i += 100) {
    std::set<int64_t> from;
    for (size_t j = i; j < i + 100; ++j) from.insert(mixed[j] / 20);
    EXPECT_EQ(from.size(), 5U);
  }
  EXPECT_THROW(Sampler(7, 1, {.sizes = {3, 3}, .window = 1}), Error);
  EXPECT_THROW(Sampler(6, 1, {.sizes = {3, 3}, .window = 0}), Error);
}

TEST_F(Feeding, ShardsAreThoseOfTheTarFilesWithoutWhatIsLeftOut) {
  const auto shard = [&](int number, int count) {
    std::vector<std::pair<std::string, std::string>> members;
    for (int i = 0; i < count; ++i)
      members.emplace_back(std::to_string(i) + ".pgm", pgm(4, 4, static_cast<uint8_t>(i)));
    if (number == 1) members[0].second = "P5\n4 4\n255\n";
    write("s/" + std::to_string(number) + ".tar", tar(members));
  };
  shard(0, 3);
  shard(1, 4);
  shard(2, 2);
  config::Data data = images("s");
  data.on_damage = "skip";
  data.most_damaged = 0.5;
  for (const char* cache : {"memory", "none"}) {
    data.cache = cache;
    EXPECT_THAT(make_dataset(data, 1)->shard_sizes(), ElementsAre(3, 3, 2)) << cache;
  }
}

TEST_F(Feeding, WithAFingerprintOfTheIndexNothingIsReadBeforeItIsNeeded) {
  write_places("p", 3);
  write("p/101.pgm", "P5\n8 8\n255\ncut");
  config::Data data = images("p", 8);
  EXPECT_REFUSED(data, ExitCode::kDataError, HasSubstr("101.pgm"));
  data.fingerprint = "index";
  EXPECT_REFUSED(data, ExitCode::kConfiguration, HasSubstr("data.colour"));
  data.colour = "grey";
  EXPECT_REFUSED(data, ExitCode::kConfiguration, HasSubstr("data.cache"));
  data.cache = "none";
  const auto dataset = make_dataset(data, 1);
  EXPECT_THAT(dataset->remarks(), Contains(HasSubstr("data.fingerprint")));
  EXPECT_EQ(sample(*dataset, 2)[0], -1.0F);
  try {
    sample(*dataset, 1);
    ADD_FAILURE() << "a damaged picture was read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("101.pgm"), HasSubstr("byte")));
  }
  const auto fingerprint = [&] { return make_dataset(data, 1)->fingerprint(); };
  EXPECT_EQ(fingerprint(), dataset->fingerprint());
  write("p/101.pgm", "P5\n8 8\n255\nCUT");
  EXPECT_EQ(fingerprint(), dataset->fingerprint());
  write("p/101.pgm", "P5\n8 8\n255\nlonger");
  EXPECT_NE(fingerprint(), dataset->fingerprint());
  data.fit = "crop";
  const auto other = fingerprint();
  data.fit = "pad";
  EXPECT_NE(fingerprint(), other);
}

// A shard that was written anew in the same size, with the same names, is another data set.
TEST_F(Feeding, AFingerprintOfTheIndexHoldsSamplesOfEachShard) {
  const auto shard = [&](uint8_t grey) {
    write("s/a.tar", tar({{"0.pgm", pgm(8, 8, 1)}, {"1.pgm", pgm(300, 300, grey)}}));
  };
  config::Data data = images("s", 8);
  data.fingerprint = "index";
  data.colour = "grey";
  data.cache = "none";
  const auto fingerprint = [&] { return make_dataset(data, 1)->fingerprint(); };
  shard(7);
  const auto before = fingerprint();
  shard(8);
  EXPECT_NE(fingerprint(), before);
  shard(7);
  EXPECT_EQ(fingerprint(), before);
}

TEST_F(Feeding, BarsOfPicturesOfOneSizeAreSaidInPixels) {
  write("wide/a.pgm", pgm(64, 48, 7));
  const auto wide = make_dataset(images("wide", 32), 1);
  EXPECT_THAT(wide->remarks(), ElementsAre(AllOf(HasSubstr("1 pictures are not square"),
                                                 HasSubstr("32 x 24 pixels between 4 rows above "
                                                           "and 4 below"),
                                                 HasSubstr("data.fit: \"crop\""))));
  write("wide/b.pgm", pgm(48, 64, 7));
  EXPECT_THAT(
      make_dataset(images("wide", 32), 1)->remarks(),
      ElementsAre(AllOf(HasSubstr("2 pictures"), HasSubstr("between black bars (data.fit"))));
}

}  // namespace
}  // namespace allmodes::data
