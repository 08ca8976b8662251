// LPIPS beside the package lpips, where a folder with its answers is named, and what is refused of
// files of weights.

#include "objectives/perceptual.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <unistd.h>

#include <vector>

#include "checkpoints/safetensors.h"
#include "environment.h"

namespace allmodes::objectives {
namespace {

using ::testing::HasSubstr;

at::Tensor tensor_in(const checkpoints::SafetensorsFile& file, const std::string& name) {
  const at::Tensor tensor = at::empty(file.at(name).shape, at::TensorOptions().dtype(at::kFloat));
  file.read(name, tensor.mutable_data_ptr(), tensor.nbytes());
  return tensor;
}

// tests/end_to_end/lpips.sh makes the folder, and counts this test as skipped where it cannot.
TEST(Lpips, AndItsGradientAreThoseOfThePackage) {
  const char* const folder = test::environment("ALLMODES_LPIPS_REFERENCE");
  if (folder == nullptr) GTEST_SKIP() << "ALLMODES_LPIPS_REFERENCE names no folder";
  const Lpips lpips(folder);
  for (const char* kind : {"colour", "grey"}) {
    const checkpoints::SafetensorsFile answers(std::filesystem::path(folder) /
                                               (std::string(kind) + ".safetensors"));
    const at::Tensor made = tensor_in(answers, "made").requires_grad_(true);
    const at::Tensor found = lpips.distances(made, tensor_in(answers, "samples"));
    const at::Tensor expected = tensor_in(answers, "distances");
    ASSERT_EQ(found.sizes(), expected.sizes());
    EXPECT_GT(expected.min().item<double>(), 1e-3) << kind;
    EXPECT_LT((found / expected - 1).abs().max().item<double>(), 1e-5) << kind;
    const at::Tensor gradient = torch::autograd::grad({found.mean()}, {made})[0];
    const at::Tensor wanted = tensor_in(answers, "gradient");
    EXPECT_LT((gradient - wanted).abs().max().item<double>(),
              1e-5 * wanted.abs().max().item<double>())
        << kind;
  }
}

std::vector<ConfigurationError> complaints(const std::filesystem::path& folder) {
  std::vector<ConfigurationError> errors;
  Lpips::check(folder, "first_stage.perceptual_path", errors);
  return errors;
}

TEST(Lpips, WeightsThatAreNotThoseOfItsNetworkAreRefusedByName) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / fmt::format("lpips-{}", getpid());
  std::filesystem::create_directories(folder);
  EXPECT_EQ(complaints({}).size(), 1U) << "no folder is named";
  EXPECT_TRUE(complaints(folder / "gone").empty()) << "said when it is wanted";
  ASSERT_EQ(complaints(folder).size(), 1U);
  EXPECT_THAT(complaints(folder)[0].message, HasSubstr("vgg16.safetensors"));

  const std::vector<float> values(64 * 3 * 5 * 5);
  const auto write = [&](const std::string& name, std::vector<int64_t> shape) {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    const checkpoints::TensorView view{.name = name,
                                       .shape = std::move(shape),
                                       .data = values.data(),
                                       .bytes = static_cast<size_t>(count) * sizeof(float)};
    checkpoints::write_safetensors(folder / "vgg16.safetensors", {&view, 1});
  };
  write("features.0.weight", {64, 3, 5, 5});
  EXPECT_THAT(complaints(folder)[0].message,
              ::testing::AllOf(HasSubstr("features.0.weight"), HasSubstr("64, 3, 5, 5"),
                               HasSubstr("64, 3, 3, 3")));
  write("features.0.weight", {64, 3, 3, 3});
  EXPECT_THAT(complaints(folder)[0].message, HasSubstr("features.0.bias")) << "missing";
  std::filesystem::remove_all(folder);
}

TEST(Lpips, OfAFolderThatIsGoneSaysSoWhenADistanceIsWanted) {
  const at::Tensor pictures = at::empty({1, 3, 16, 16}).zero_();
  EXPECT_THROW(Lpips("/no/such/folder").distances(pictures, pictures), Error);
}

}  // namespace
}  // namespace allmodes::objectives
