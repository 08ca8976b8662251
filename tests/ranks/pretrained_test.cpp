// Networks that others have trained, beside the modules in which they are published, where a folder
// with these modules' answers is named; and what is refused of files of weights.

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <unistd.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"
#include "checkpoints/safetensors.h"
#include "diagnostics/metrics/inception_score.h"
#include "environment.h"
#include "objectives/perceptual.h"
#include "pretrained/dinov2.h"
#include "pretrained/efficientnet_lite0.h"
#include "pretrained/feature_network.h"
#include "pretrained/inception.h"
#include "pretrained/protocol.h"
#include "pretrained/weight_table.h"

namespace allmodes::pretrained {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// tests/end_to_end/features.sh makes the folder, and counts these tests as skipped where it cannot.
class PretrainedAnswers : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const folder = test::environment("ALLMODES_FEATURES_REFERENCE");
    if (folder == nullptr) GTEST_SKIP() << "ALLMODES_FEATURES_REFERENCE names no folder";
    folder_ = folder;
    answers_.emplace(folder_ / "answers.safetensors");
  }

  at::Tensor answer(const std::string& name) const {
    const at::Tensor tensor =
        at::empty(answers_->at(name).shape, at::TensorOptions().dtype(at::kFloat));
    answers_->read(name, tensor.mutable_data_ptr(), tensor.nbytes());
    return tensor;
  }

  // To so much of the answer's largest number.
  void expect_near(const at::Tensor& found, const std::string& name, double share) const {
    const at::Tensor wanted = answer(name);
    ASSERT_EQ(found.sizes(), wanted.sizes()) << name;
    const auto scale = wanted.abs().max().item<double>();
    EXPECT_GT(scale, 1e-3) << name;
    EXPECT_LT((found - wanted).abs().max().item<double>(), share * scale) << name;
  }

  std::filesystem::path folder_;
  std::optional<checkpoints::SafetensorsFile> answers_;
};

TEST_F(PretrainedAnswers, ProtocolsMakePicturesReadyAsTheirToolsDo) {
  for (const char* network : {"inception", "dinov2", "efficientnet_lite0"})
    for (const Protocol* protocol : protocols_for(network)) {
      const std::string name(protocol->name);
      const int64_t side = std::string(network) == "inception" ? kInceptionSide : kDinov2Side;
      expect_near(prepared(*protocol, answer("pictures"), side), "prepared." + name, 1e-6);
    }
  expect_near(prepared(*find_protocol("pytorch_fid", "inception"), answer("grey"), kInceptionSide),
              "prepared.grey", 1e-6);
}

TEST_F(PretrainedAnswers, InceptionIsThatOfPytorchFidAndTorchFidelity) {
  const Weights weights = read_checked(folder_ / "inception.safetensors", inception_weights());
  const Weights plain = read_checked(folder_ / "inception_plain.safetensors", inception_weights());
  EXPECT_EQ(weights.hash, plain.hash) << "one network, from both kinds of files";
  const Inception inception(weights, at::kCPU);
  for (const int64_t width : {64, 192, 768, 2048})
    expect_near(inception.features(answer("prepared.pytorch_fid"), width),
                "inception." + std::to_string(width), 1e-4);
  const at::Tensor features = inception.features(answer("prepared.torch_fidelity"), 2048);
  expect_near(features, "fidelity.2048", 1e-4);
  expect_near(inception.logits(features, false), "fidelity.logits_unbiased", 1e-4);
  expect_near(inception.logits(features, true), "fidelity.logits", 1e-4);
}

TEST_F(PretrainedAnswers, Dinov2IsOneNetworkUnderBothSetsOfNames) {
  for (const bool gated : {false, true}) {
    const Dinov2Size size{"dinov2_small", 48, 2, 3, gated};
    const std::string kind = gated ? "gated" : "plain";
    const Weights authors = read_dinov2(folder_ / ("dinov2_" + kind + ".safetensors"), size);
    const Weights hub = read_dinov2(folder_ / ("dinov2_" + kind + "_hub.safetensors"), size);
    EXPECT_EQ(authors.hash, hub.hash) << kind;
    const at::Tensor ready = answer("prepared.dgm_eval");
    expect_near(Dinov2(authors, size, at::kCPU).features(ready), "dinov2." + kind, 1e-4);
    expect_near(Dinov2(hub, size, at::kCPU).features(ready), "dinov2." + kind, 1e-4);
  }
}

TEST_F(PretrainedAnswers, EfficientNetIsTheOneOfThePackage) {
  const EfficientNetLite0 network(
      read_checked(folder_ / "efficientnet_lite0.safetensors", efficientnet_lite0_weights()),
      at::kCPU);
  const at::Tensor features = network.features(answer("prepared.default"));
  expect_near(features, "efficientnet.features", 1e-4);
  expect_near(network.logits(features), "efficientnet.logits", 1e-4);
}

TEST_F(PretrainedAnswers, TheDistanceInEfficientNetAndItsGradientAreThoseOfTheSameNetworkInTorch) {
  const auto distance = objectives::make_perceptual(
      "efficientnet_lite0", (folder_ / "efficientnet_lite0.safetensors").string());
  for (const std::string kind : {"colour", "grey"}) {
    const std::string name = "perceptual." + kind;
    const at::Tensor made = answer(name + ".made").requires_grad_(true);
    const at::Tensor found = distance->distances(made, answer(name + ".samples")).mean();
    EXPECT_NEAR(found.item<double>(), answer(name + ".distance").item<double>(),
                1e-4 * answer(name + ".distance").item<double>());
    expect_near(torch::autograd::grad({found}, {made})[0], name + ".gradient", 1e-4);
  }
}

// A file with the tensors of a table.
class WeightFile {
 public:
  explicit WeightFile(const WeightTable& table) {
    for (const auto& tensor : table.tensors) add(tensor.name, tensor.shape);
  }
  ~WeightFile() { std::filesystem::remove(path_); }
  WeightFile(const WeightFile&) = delete;
  WeightFile& operator=(const WeightFile&) = delete;

  void add(const std::string& name, const std::vector<int64_t>& shape) {
    tensors_.push_back({name, shape, {}});
    auto& values = tensors_.back().values;
    size_t count = 1;
    for (const int64_t size : shape) count *= static_cast<size_t>(size);
    values.assign(count, 0.5F);
  }
  void remove(const std::string& name) {
    std::erase_if(tensors_, [&](const auto& tensor) { return tensor.name == name; });
  }
  std::vector<float>& values(const std::string& name) {
    return std::ranges::find_if(tensors_, [&](const auto& t) { return t.name == name; })->values;
  }
  const std::filesystem::path& write() const {
    std::vector<checkpoints::TensorView> views;
    for (const auto& tensor : tensors_)
      views.push_back({.name = tensor.name,
                       .shape = tensor.shape,
                       .data = tensor.values.data(),
                       .bytes = tensor.values.size() * sizeof(float)});
    checkpoints::write_safetensors(path_, views);
    return path_;
  }

 private:
  struct Stored {
    std::string name;
    std::vector<int64_t> shape;
    std::vector<float> values;
  };
  std::vector<Stored> tensors_;
  std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) / fmt::format("weights-{}.safetensors", getpid());
};

std::string complaint_of(const WeightFile& file, const WeightTable& table) {
  try {
    read_checked(file.write(), table);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kDataError);
    return error.what();
  }
  return {};
}

const WeightTable kTwoTensors{.of = "a small network",
                              .tensors = {{"a.weight", {2, 3}}, {"a.bias", {2}}},
                              .ignored_beginnings = {"Aux."},
                              .ignored_endings = {".num_batches_tracked"}};

TEST(WeightTable, OneMessageNamesFileTensorAndBothShapes) {
  WeightFile file(kTwoTensors);
  EXPECT_EQ(complaint_of(file, kTwoTensors), "");
  file.add("Aux.conv.weight", {7});
  file.add("a.num_batches_tracked", {1});
  EXPECT_EQ(complaint_of(file, kTwoTensors), "") << "ignored";
  file.remove("a.bias");
  EXPECT_THAT(complaint_of(file, kTwoTensors),
              AllOf(HasSubstr("weights-"), HasSubstr("a small network"),
                    HasSubstr("'a.bias' is missing, F32 of [2] was expected")));
  file.add("a.bias", {3});
  EXPECT_THAT(complaint_of(file, kTwoTensors),
              HasSubstr("'a.bias' is F32 of [3], F32 of [2] was expected"));
  file.add("b.weight", {1});
  EXPECT_THAT(complaint_of(file, kTwoTensors), HasSubstr("1 more do not fit"));
  file.remove("a.bias");
  file.add("a.bias", {2});
  EXPECT_THAT(complaint_of(file, kTwoTensors),
              HasSubstr("'b.weight' is of [1], and no tensor of that name was expected"));
}

TEST(WeightTable, NumbersThatAreNotFiniteAreRefused) {
  for (const float value :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    WeightFile file(kTwoTensors);
    file.values("a.weight")[4] = value;
    EXPECT_THAT(complaint_of(file, kTwoTensors), HasSubstr("'a.weight' has values that are not"));
  }
}

TEST(WeightTable, TheHashIsOfTheNumbersAndNotOfTheFile) {
  WeightFile file(kTwoTensors);
  const uint64_t before = read_checked(file.write(), kTwoTensors).hash;
  file.remove("a.weight");
  file.add("a.weight", {2, 3});  // behind a.bias
  EXPECT_EQ(read_checked(file.write(), kTwoTensors).hash, before);
  file.values("a.bias")[1] = 0.25F;
  EXPECT_NE(read_checked(file.write(), kTwoTensors).hash, before);
}

TEST(Pretrained, ANetworkIsRefusedWhereItsWeightsOrProtocolAreMissing) {
  EXPECT_THAT(choice_complaint({.name = "inception"}), HasSubstr("launch/to_safetensors.py"));
  EXPECT_THAT(choice_complaint({"inception", "x", "dgm_eval"}), HasSubstr("pytorch_fid"));
  EXPECT_THAT(choice_complaint({"dinov2_vits14", "x", "clean_fid"}), HasSubstr("dgm_eval"));
  EXPECT_EQ(choice_complaint({"dinov2_vits14", "x"}), "");
  EXPECT_EQ(find_network("pca"), nullptr);
}

TEST(Pretrained, OnlyTheWholeInceptionCallsItsDistanceFid) {
  for (const auto& name : network_names())
    EXPECT_EQ(find_network(name)->frechet == "fid", name == "inception") << name;
}

// Where half of the numbers of a part say one class for sure, and half another one.
TEST(InceptionScore, IsTheNumberOfClassesThatAreMadeSurelyAndEvenly) {
  constexpr int64_t kClasses = 5, kRows = 40;
  std::vector<float> logits(kClasses * kRows, 0.0F);
  EXPECT_NEAR(diagnostics::inception_score(logits, kClasses).mean, 1, 1e-12) << "nothing is sure";
  for (int64_t row = 0; row < kRows; ++row) logits[row * kClasses + row % 2] = 1000;
  const auto score = diagnostics::inception_score(logits, kClasses);
  EXPECT_NEAR(score.mean, 2, 1e-9);
  EXPECT_NEAR(score.deviation, 0, 1e-9);
  // Nine parts of two classes, one of a single class.
  for (int64_t row = 0; row < kRows / 10; ++row) {
    logits[row * kClasses + 1] = 0;
    logits[row * kClasses] = 1000;
  }
  const auto uneven = diagnostics::inception_score(logits, kClasses);
  EXPECT_NEAR(uneven.mean, 1.9, 1e-9);
  EXPECT_NEAR(uneven.deviation, 0.3, 1e-9);
  EXPECT_THROW(diagnostics::inception_score({logits.data(), 9 * kClasses}, kClasses), Error);
}

}  // namespace
}  // namespace allmodes::pretrained
