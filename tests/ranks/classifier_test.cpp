// The classifier behind the mode histogram: trained alike by any number of ranks, kept in a cache,
// and applied to each channel of stacked digits.

#include "diagnostics/features/classifier.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/features/classifier_training.h"
#include "diagnostics/features/sample_features.h"
#include "environment.h"
#include "ranks/training_fixture.h"

namespace allmodes::diagnostics {
namespace {

namespace fs = std::filesystem;
using ::allmodes::testing::kRankCounts;
using ::allmodes::testing::on_ranks;
using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;

constexpr int kSide = 8;

// Ten patterns of random pixels under noise, as the four files of the MNIST family.
class Digits : public ::testing::Test {
 protected:
  Digits() : folder_(fs::temp_directory_path() / fmt::format("allmodes-digits-{}", getpid())) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write("train", 500, 1);
    write("t10k", 200, 2);
    setenv("ALLMODES_CACHE", (folder_ / "cache").c_str(), 1);
    spdlog::set_level(spdlog::level::err);
  }
  ~Digits() override {
    unsetenv("ALLMODES_CACHE");
    spdlog::set_level(spdlog::level::info);
    fs::remove_all(folder_);
  }

  static void put(std::ofstream& file, std::initializer_list<uint32_t> dimensions) {
    file << '\0' << '\0' << '\x08' << static_cast<char>(dimensions.size());
    for (const uint32_t d : dimensions)
      for (int shift = 24; shift >= 0; shift -= 8) file << static_cast<char>((d >> shift) & 0xFFU);
  }

  void write(const std::string& part, uint32_t count, uint64_t seed) const {
    Random patterns({.seed = 9, .purpose = Purpose("test/patterns")});
    std::vector<int> bright(10 * kSide * kSide);
    for (int& pixel : bright) pixel = patterns.below(2) == 0 ? 40 : 200;
    Random noise({.seed = seed, .purpose = Purpose("test/digits")});
    std::ofstream images(folder_ / (part + "-images-idx3-ubyte"), std::ios::binary);
    std::ofstream labels(folder_ / (part + "-labels-idx1-ubyte"), std::ios::binary);
    put(images, {count, kSide, kSide});
    put(labels, {count});
    for (uint32_t i = 0; i < count; ++i) {
      const auto label = static_cast<size_t>(i % 11 == 10 ? 3 : i % 10);  // threes are commoner
      labels << static_cast<char>(label);
      for (size_t j = 0; j < kSide * kSide; ++j)
        images << static_cast<char>(bright[label * kSide * kSide + j] +
                                    static_cast<int>(noise.below(40)));
    }
  }

  // A generator of stacked images whose weights are the first ones.
  Problem stacked_gan() const {
    config::RunConfig config = ::allmodes::testing::short_run(3, 16);
    config.data.dataset = "stacked_mnist";
    config.data.path = folder_.string();
    config.data.samples = 4000;
    config.diagnostics.samples = 600;
    config::Gan gan;
    gan.latent.dimension = 4;
    gan.generator = {.width = 12, .depth = 2};
    gan.discriminator = {.width = 12, .depth = 2};
    config.family = gan;
    return {config, data::make_dataset(config.data, config.seed)};
  }

  ClassifierSetup setup_of(const Problem& problem, RankTrainer& trainer,
                           world::Communicator& group) const {
    return classifier_setup(
        {problem.config, trainer.objective(), *problem.dataset, group, group, at::kCPU});
  }

  fs::path folder_;
};

TEST_F(Digits, ImagesAreMovedByAPixelAtMostAndByTheirPlaceAlone) {
  const data::SampleShape shape{.channels = 2, .height = 3, .width = 4, .image = true};
  constexpr int64_t kCount = 300;
  std::vector<float> before(static_cast<size_t>(kCount * shape.values()));
  for (size_t i = 0; i < before.size(); ++i) before[i] = static_cast<float>(i);
  std::vector<float> after = before;
  shift_images(shape, 5, 1000, kCount, after.data());
  const auto moved = [&](int64_t i, int64_t dx, int64_t dy) {
    std::vector<float> image;
    for (int64_t c = 0; c < 2; ++c)
      for (int64_t y = 0; y < 3; ++y)
        for (int64_t x = 0; x < 4; ++x) {
          const bool inside = y - dy >= 0 && y - dy < 3 && x - dx >= 0 && x - dx < 4;
          const int64_t from = ((i * 2 + c) * 3 + y - dy) * 4 + x - dx;
          image.push_back(inside ? before[static_cast<size_t>(from)] : -1.0f);
        }
    return image;
  };
  std::map<std::pair<int64_t, int64_t>, int> seen;
  for (int64_t i = 0; i < kCount; ++i) {
    const std::vector<float> image(after.begin() + i * shape.values(),
                                   after.begin() + (i + 1) * shape.values());
    int found = 0;
    for (int64_t dx = -1; dx <= 1; ++dx)
      for (int64_t dy = -1; dy <= 1; ++dy)
        if (image == moved(i, dx, dy)) {
          ++found;
          ++seen[{dx, dy}];
        }
    EXPECT_EQ(found, 1) << i;
  }
  EXPECT_EQ(seen.size(), 9U);
  for (const auto& [shift, count] : seen) EXPECT_NEAR(count, 33, 25);

  std::vector<float> parts = before;
  shift_images(shape, 5, 1000, 100, parts.data());
  shift_images(shape, 5, 1100, 200, parts.data() + 100 * shape.values());
  EXPECT_EQ(parts, after);
}

TEST_F(Digits, TheTrainedClassifierIsThatOfOneRankOnAnyNumber) {
  const auto stacked = stacked_gan();
  const data::Dataset& digits = *stacked.dataset->channel_base();
  gradients::FlatNetwork alone;
  for (const int size : {1, 2, 3, 4}) {
    SCOPED_TRACE(fmt::format("{} ranks", size));
    const auto networks = on_ranks<gradients::FlatNetwork>(size, [&](world::Communicator& group) {
      return train_classifier(digits, 1, 6, group, at::kCPU);
    });
    if (size == 1) alone = networks[0];
    for (const auto& each : networks) {
      EXPECT_LT((each.average - alone.average).abs().max().item<double>(), 2e-4);
      EXPECT_LT((each.buffers - alone.buffers).abs().max().item<double>(), 2e-4);
    }
  }
  const auto first = make_classifier_network(digits, 1, at::kCPU);
  EXPECT_GT((alone.average - first.average).abs().max().item<double>(), 2e-3);
}

TEST_F(Digits, ChannelsOfRealStackedImagesAreCountedAsTheirLabels) {
  const Problem problem = stacked_gan();
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  const Classifier classifier = obtain_classifier(setup_of(problem, trainer, *self));
  EXPECT_GT(classifier.accuracy(), 0.99);
  const auto held_out = data::make_held_out_dataset(problem.config.data, problem.config.seed);
  std::vector<int64_t> labels;
  const at::Tensor images = real_samples(*held_out, 1, 0, 1000, &labels);
  const auto modes = modes_of(classifier, *held_out, images);
  ASSERT_EQ(modes.size(), labels.size());
  int right = 0;
  for (size_t i = 0; i < modes.size(); ++i) right += modes[i] == labels[i] ? 1 : 0;
  EXPECT_GE(right, 970);

  const auto& shares = classifier.shares();
  const auto expected = mode_shares(classifier, *problem.dataset);
  ASSERT_EQ(expected.size(), 1000U);
  double sum = 0;
  for (size_t k = 0; k < expected.size(); ++k) {
    EXPECT_DOUBLE_EQ(expected[k], shares[k / 100] * shares[k / 10 % 10] * shares[k % 10]);
    sum += expected[k];
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_NEAR(shares[3], 0.1 * 10 / 11 + 1.0 / 11, 0.01);
  EXPECT_EQ(mode_shares(classifier, *problem.dataset->channel_base()), shares);
}

TEST_F(Digits, TheCacheGivesBackTheClassifierAndADamagedOneIsMadeAnew) {
  const Problem problem = stacked_gan();
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  const auto obtain = [&] { return obtain_classifier(setup_of(problem, trainer, *self)); };
  const Classifier trained = obtain();
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(*classifier_cache()))
    files.push_back(entry.path());
  ASSERT_EQ(files.size(), 1U);
  const auto written = fs::last_write_time(files[0]);

  // The set of the digits alone has the same classifier.
  Problem plain = problem;
  plain.config.data.dataset = "mnist";
  plain.config.data.samples = config::Data{}.samples;
  plain.dataset = data::make_dataset(plain.config.data, 1);
  RankTrainer plain_trainer(plain, *self);
  for (const Classifier& cached :
       {obtain(), obtain_classifier(setup_of(plain, plain_trainer, *self))}) {
    EXPECT_EQ(cached.accuracy(), trained.accuracy());
    EXPECT_EQ(cached.shares(), trained.shares());
    EXPECT_TRUE(cached.network().average.equal(trained.network().average));
    EXPECT_TRUE(cached.network().buffers.equal(trained.network().buffers));
  }
  EXPECT_EQ(fs::last_write_time(files[0]), written);

  fs::resize_file(files[0], fs::file_size(files[0]) / 2);
  const Classifier again = obtain();
  EXPECT_TRUE(again.network().average.equal(trained.network().average));
  EXPECT_GT(fs::file_size(files[0]), 10'000U);
}

// The last layer's scores are a linear map of the features; those of stacked images stand side by
// side, and parts that begin at blocks have the bits of the whole.
TEST_F(Digits, FeaturesAreWhatTheClassifierDecidesBy) {
  const Problem problem = stacked_gan();
  const auto self = world::make_self_communicator();
  RankTrainer trainer(problem, *self);
  const Classifier classifier = obtain_classifier(setup_of(problem, trainer, *self));
  const data::Dataset& digits = *problem.dataset->channel_base();
  const at::Tensor images = real_samples(digits, 1, 0, 40);
  const at::Tensor features = classifier.features(images);
  ASSERT_EQ(features.sizes(), (std::vector<int64_t>{40, kClassifierFeatures}));
  const auto& views = classifier.network().average_views;
  const at::Tensor scores =
      at::matmul(features, views[views.size() - 2].t()).add(views[views.size() - 1]);
  const at::Tensor wanted = classifier_scores(classifier.network(), images);
  EXPECT_LT((scores - wanted).abs().max().item<double>(), 1e-4);

  const FeatureMap map = classifier_features(obtain_classifier(setup_of(problem, trainer, *self)),
                                             *problem.dataset, at::kCPU);
  EXPECT_EQ(map.width, 3 * kClassifierFeatures);
  const at::Tensor stacked = real_samples(*problem.dataset, 1, 0, 600).contiguous();
  const std::span<const float> values{stacked.data_ptr<float>(),
                                      static_cast<size_t>(stacked.numel())};
  const auto all = map.map(values, {0, 600});
  ASSERT_EQ(std::ssize(all), 600 * map.width);
  const auto part = map.map(values, {500, 600});
  EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + 500 * map.width));
  const at::Tensor channel = classifier.features(stacked.narrow(0, 7, 1).select(1, 2).unsqueeze(1));
  for (int64_t i = 0; i < kClassifierFeatures; ++i)
    EXPECT_NEAR(all[static_cast<size_t>(7 * map.width + 2 * kClassifierFeatures + i)],
                channel.data_ptr<float>()[i], 1e-4);
  for (const int ranks : {2, 3}) {
    const auto rows = on_ranks<std::vector<float>>(
        ranks, [&](world::Communicator& group) { return mapped_rows(group, map, values, 600); });
    for (const auto& each : rows) EXPECT_EQ(each, all);
  }
}

TEST_F(Digits, AClassThatTheDataLackIsNoInfiniteDivergence) {
  const Problem problem = stacked_gan();
  const auto self = world::make_self_communicator();
  const data::Dataset& digits = *problem.dataset->channel_base();
  std::vector<int64_t> indices;
  std::vector<int32_t> labels;
  // Nines are left out.
  for (int64_t i = 0; i < digits.size(); ++i) {
    std::vector<float> image(kSide * kSide);
    int64_t label = 0;
    digits.copy(std::span(&i, 1), image.data(), &label);
    if (label == 9) continue;
    indices.push_back(i);
    labels.push_back(static_cast<int32_t>(label));
  }
  std::vector<float> images(indices.size() * kSide * kSide);
  digits.copy(indices, images.data(), nullptr);
  const auto lacking = data::make_array_dataset("lacking", digits.shape(), std::move(images),
                                                data::Labels{labels, digits.class_names()});
  const Classifier classifier = obtain_classifier(
      {.dataset = *lacking, .control = *self, .exchange = *self, .device = at::kCPU});
  EXPECT_LT(classifier.shares()[9], 2e-3);
  ModeHistogram histogram{digits.class_names(), classifier.shares(), {}, 1000};
  for (const double share : classifier.shares())
    histogram.observed.push_back(static_cast<int64_t>(std::lround(share * 1000)));
  histogram.observed[9] += 3;
  histogram.samples = 0;
  for (const int64_t count : histogram.observed) histogram.samples += count;
  EXPECT_EQ(judge({.step = 1, .modes = histogram}, {}, config::Verdict{}).state, State::healthy);
}

TEST_F(Digits, FiguresOfAStackedGanAreTheSameOnAnyNumberOfRanks) {
  const Problem problem = stacked_gan();
  std::vector<int64_t> alone;
  for (const int size : kRankCounts) {
    SCOPED_TRACE(fmt::format("{} ranks", size));
    struct Figures {
      records::Record record;
      Evidence evidence;
    };
    const auto all = on_ranks<Figures>(size, [&](world::Communicator& group) {
      RankTrainer trainer(problem, group);
      const auto forward = trainer.model().evaluation_forward(true);
      const Evaluation evaluation{trainer.objective(),
                                  forward,
                                  *problem.dataset,
                                  group,
                                  at::kCPU,
                                  problem.config.seed,
                                  7,
                                  problem.config.diagnostics.samples};
      const auto generated = generate_chunks(evaluation);
      Figures figures;
      const CollectorSetup setup{
          problem.config, trainer.objective(), *problem.dataset, group, group, at::kCPU};
      const auto finder = make_mode_finder(setup_of(problem, trainer, group), true);
      for (const CollectorRow* row : collector_rows())
        if (row->name == "classes")
          row->make(setup, finder)
              ->collect(evaluation, generated, figures.record, figures.evidence);
      return figures;
    });
    for (const Figures& each : all) {
      ASSERT_TRUE(each.evidence.modes.has_value());
      const ModeHistogram& modes = *each.evidence.modes;
      EXPECT_EQ(modes.observed.size(), 1000U);
      EXPECT_EQ(modes.samples, 600);
      if (alone.empty()) alone = modes.observed;
      EXPECT_EQ(modes.observed, alone);
      EXPECT_EQ(each.record.number("modes_covered"), modes_covered(modes));
      EXPECT_EQ(each.record.number("modes_covered_5"), modes_covered(modes, 5));
      EXPECT_EQ(each.record.number("modes_total"), 1000);
      // m modes covered: at least ln(1000 / m).
      EXPECT_GE(*each.record.number("kl_uniform"),
                std::log(1000.0 / static_cast<double>(modes_covered(modes))) - 1e-12);
    }
  }
}

// The protocol of the literature on the real digits: trains the real classifier, some minutes a
// seed.
class StackedMnist : public ::testing::TestWithParam<uint64_t> {};

TEST_P(StackedMnist, HeldOutDigitsLookLikeAPerfectSampler) {
  const char* folder = test::environment("ALLMODES_MNIST");
  if (folder == nullptr)
    GTEST_SKIP() << "ALLMODES_MNIST does not name a folder with MNIST's idx files";
  config::Data data;
  data.dataset = "stacked_mnist";
  data.path = folder;
  data.samples = 128'000;
  const auto held_out = data::make_held_out_dataset(data, 1);
  const auto training = data::make_dataset(data, 1);
  const data::Dataset& digits = *training->channel_base();
  const auto self = world::make_self_communicator();
  const Classifier classifier(
      train_classifier(digits, GetParam(), classifier_steps(digits.size()), *self, at::kCPU), 0,
      std::vector<double>(10, 0.1));
  std::vector<int64_t> counts(10, 0);
  for (int64_t first = 0; first < digits.size(); first += kChunk)
    for (const int64_t label : classifier.classify(real_samples(digits, 1, first, kChunk)))
      ++counts[static_cast<size_t>(label)];
  std::vector<double> shares;
  for (const int64_t count : counts) shares.push_back(static_cast<double>(count) / 60'000);

  ModeHistogram histogram{held_out->class_names(),
                          mode_shares({classifier.network(), 0, shares}, *training),
                          std::vector<int64_t>(1000, 0), held_out->size()};
  int64_t right = 0;
  for (int64_t first = 0; first < held_out->size(); first += kChunk) {
    std::vector<int64_t> labels;
    const at::Tensor images = real_samples(*held_out, 1, first, kChunk, &labels);
    const auto modes = modes_of(classifier, *held_out, images);
    for (size_t i = 0; i < modes.size(); ++i) {
      right += modes[i] == labels[i] ? 1 : 0;
      ++histogram.observed[static_cast<size_t>(modes[i])];
    }
  }
  const double share = static_cast<double>(right) / static_cast<double>(held_out->size());
  fmt::print("seed {}: {:.2f} % of the triples, {:.2f} % a channel\n", GetParam(), 100 * share,
             100 * std::cbrt(share));
  EXPECT_GE(share, 0.97);
  EXPECT_GE(std::cbrt(share), 0.992);
  EXPECT_EQ(modes_covered(histogram), 1000);
  // The floor, and the difference between the shares of test and training digits.
  EXPECT_NEAR(kl_reverse(histogram), 0.0194, 0.006);
  Evidence evidence{.step = 1000, .modes = histogram};
  EXPECT_EQ(judge(evidence, {}, config::Verdict{}).state, State::healthy);
}

INSTANTIATE_TEST_SUITE_P(Seeds, StackedMnist, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace allmodes::diagnostics
