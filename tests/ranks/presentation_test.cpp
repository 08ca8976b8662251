// What a discriminator is shown: instance noise and its schedule, and the laws of the
// differentiable augmentation.

#include "objectives/presentation.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "objectives/augment.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives {
namespace {

using testing::draw;
using testing::list;
using Names = std::vector<std::string>;

constexpr int64_t kHeight = 16, kWidth = 8;

at::Tensor images(int64_t count = 3) {
  return draw({count, 2, kHeight, kWidth}, "images");
}

// The same seven numbers for each image.
at::Tensor numbers(std::vector<double> values, int64_t count = 3) {
  return at::tensor(values, at::kDouble).expand({count, kAugmentationNumbers}).contiguous();
}

TEST(Augmentation, WithNeutralNumbersLeavesTheImage) {
  const at::Tensor neutral = numbers({0.5, 0.5, 0.5, 0.5, 0.5, 0, 0});
  EXPECT_LT((augment(images(), neutral, {"color"}) - images()).abs().max().item<double>(), 1e-14);
  EXPECT_TRUE(augment(images(), neutral, {"translation"}).equal(images()));
  EXPECT_TRUE(augment(images(), neutral, {}).equal(images()));
}

TEST(Augmentation, OfColorIsItsFormula) {
  const at::Tensor x = images(2);
  const at::Tensor u = draw({2, kAugmentationNumbers}, "numbers", /*uniform=*/true);
  const auto in = list(x), n = list(u), out = list(augment(x, u, {"color"}));
  constexpr size_t kPixels = kHeight * kWidth;
  for (size_t i = 0; i < 2; ++i) {
    const auto at = [&](size_t c, size_t p) { return (2 * i + c) * kPixels + p; };
    const double brightness = n[7 * i] - 0.5, saturation = 2 * n[7 * i + 1];
    const double contrast = n[7 * i + 2] + 0.5;
    double mean = 0;
    for (size_t p = 0; p < kPixels; ++p)
      for (size_t c = 0; c < 2; ++c) mean += (in[at(c, p)] + brightness) / (2 * kPixels);
    for (size_t p = 0; p < kPixels; ++p) {
      const double grey = (in[at(0, p)] + in[at(1, p)]) / 2 + brightness;
      for (size_t c = 0; c < 2; ++c) {
        const double saturated = (in[at(c, p)] + brightness - grey) * saturation + grey;
        EXPECT_NEAR(out[at(c, p)], (saturated - mean) * contrast + mean, 1e-12);
      }
    }
  }
}

// Reach is an eighth: two rows of 16, one column of 8. Numbers near 1 move furthest.
TEST(Augmentation, TranslationMovesPixelsAndFillsWithZeros) {
  const at::Tensor x = images();
  const at::Tensor moved = augment(x, numbers({0, 0, 0, 0.999, 0, 0, 0}), {"translation"});
  // Down by two, left by one.
  EXPECT_TRUE(moved.narrow(2, 2, kHeight - 2)
                  .narrow(3, 0, kWidth - 1)
                  .equal(x.narrow(2, 0, kHeight - 2).narrow(3, 1, kWidth - 1)));
  EXPECT_EQ(moved.narrow(2, 0, 2).abs().sum().item<double>(), 0);
  EXPECT_EQ(moved.narrow(3, kWidth - 1, 1).abs().sum().item<double>(), 0);
}

TEST(Augmentation, TranslationTakesEachShiftAlike) {
  const int64_t count = 5000;
  at::Tensor x = at::zeros({count, 1, kHeight, kWidth}, at::kDouble);
  x.select(2, 8).select(2, 4).fill_(1);
  const at::Tensor u = draw({count, kAugmentationNumbers}, "many", /*uniform=*/true);
  const at::Tensor landed = augment(x, u, {"translation"}).sum(at::IntArrayRef{0, 1});
  EXPECT_EQ(landed.sum().item<double>(), count);  // never beyond the border from there
  const at::Tensor near = landed.narrow(0, 6, 5).narrow(1, 3, 3);
  EXPECT_EQ(near.sum().item<double>(), count);
  for (const double share : list(near))
    EXPECT_NEAR(share, count / 15.0, 5 * std::sqrt(count / 15.0));
}

TEST(Augmentation, CutoutRemovesAHalfSizedRectangle) {
  const at::Tensor x = at::ones({1, 2, kHeight, kWidth}, at::kDouble);
  const auto hole = [&](double row, double column) {
    return 1 - augment(x, numbers({0, 0, 0, 0, 0, row, column}, 1), {"cutout"});
  };
  // Centres 8 of 0 .. 16 and 4 of 0 .. 8: rows 4 .. 11 and columns 2 .. 5, of both channels.
  const at::Tensor middle = hole(0.5, 0.5);
  EXPECT_EQ(middle.sum().item<double>(), 2 * 8 * 4);
  EXPECT_EQ(middle.narrow(2, 4, 8).narrow(3, 2, 4).sum().item<double>(), 2 * 8 * 4);
  // A centre in the corner leaves a quarter of the rectangle inside.
  EXPECT_EQ(hole(0, 0).sum().item<double>(), 2 * 4 * 2);
  EXPECT_EQ(hole(0, 0).narrow(2, 0, 4).narrow(3, 0, 2).sum().item<double>(), 2 * 4 * 2);
}

// All three are linear in the image apart from brightness, so that differences are exact.
TEST(Augmentation, PassesTheGradient) {
  const Names all = augmentation_names();
  const at::Tensor u = draw({3, kAugmentationNumbers}, "numbers", /*uniform=*/true);
  const at::Tensor weights = draw({3, 2, kHeight, kWidth}, "weights");
  const auto loss = [&](const at::Tensor& x) { return (augment(x, u, all) * weights).sum(); };
  const at::Tensor x = images().requires_grad_(true);
  gradients::backward(loss(x));
  const at::Tensor direction = draw({3, 2, kHeight, kWidth}, "direction");
  const double along = (x.grad() * direction).sum().item<double>();
  const at::Tensor plain = x.detach();
  EXPECT_NEAR(along, (loss(plain + direction) - loss(plain)).item<double>(), 1e-9);
  EXPECT_GT(std::abs(along), 1e-3);
}

TEST(Augmentation, NamesAreSplitAtCommas) {
  EXPECT_EQ(split_names("color, translation,cutout"), augmentation_names());
  EXPECT_EQ(split_names(""), Names{});
  EXPECT_EQ(split_names(" color ,"), Names{"color"});
  EXPECT_EQ(split_names("a,,b"), (Names{"a", "", "b"}));
}

constexpr int64_t kBatchSize = 10;

// Values of the number `name` in steps of a run; none where the presentation has no such number.
std::vector<double> numbers_of(const Presentation& presentation, const std::string& name,
                               const std::vector<uint64_t>& steps) {
  std::vector<double> values;
  for (const auto& input : presentation.noise())
    if (input.name == name)
      for (const uint64_t step : steps) values.push_back(input.of_step(step));
  return values;
}

TEST(InstanceNoise, FallsLinearlyToZeroOrStays) {
  config::Adversarial settings;
  settings.instance_noise = 0.4;
  EXPECT_TRUE(
      numbers_of({settings, {2}, kBatchSize}, "instance_noise_deviation", {1'000'000}).empty());
  settings.instance_noise_steps = 200;
  const auto falling =
      numbers_of({settings, {2}, kBatchSize}, "instance_noise_deviation", {0, 50, 199, 200, 5000});
  ASSERT_EQ(falling.size(), 5U);
  EXPECT_DOUBLE_EQ(falling[0], 0.4);
  EXPECT_DOUBLE_EQ(falling[1], 0.3);
  EXPECT_NEAR(falling[2], 0.002, 1e-15);
  EXPECT_EQ(falling[3], 0);
  EXPECT_EQ(falling[4], 0);
}

TEST(Augmentation, ComesByHalfACosineOverTheSamplesSeen) {
  config::Adversarial settings;
  settings.augment = "color";
  settings.augment_probability = 0.6;
  settings.augment_samples = 1000;
  const auto share =
      numbers_of({settings, {1, 8, 8}, kBatchSize}, "augment_probability", {0, 25, 50, 100, 5000});
  ASSERT_EQ(share.size(), 5U);
  EXPECT_EQ(share[0], 0);
  EXPECT_NEAR(share[1], 0.3 * (1 - std::sqrt(0.5)), 1e-15);
  EXPECT_NEAR(share[2], 0.3, 1e-15);
  EXPECT_DOUBLE_EQ(share[3], 0.6);
  EXPECT_DOUBLE_EQ(share[4], 0.6);
}

PhaseInput with_noise(const std::vector<NoiseInput>& noise, int64_t count, uint64_t step) {
  PhaseInput in{{}, {}, {}, Forward({}, {})};
  for (const auto& input : noise) {
    if (input.of_step) {
      in.noises.emplace_back(input.name, at::full({1}, input.of_step(step), at::kDouble));
      continue;
    }
    std::vector<int64_t> shape = input.shape;
    shape.insert(shape.begin(), count);
    in.noises.emplace_back(input.name, draw(shape, input.name, input.distribution == "uniform"));
  }
  return in;
}

TEST(InstanceNoise, IsAddedToRealsAndFakesEachItsOwn) {
  config::Adversarial settings;
  settings.instance_noise = 0.4;
  settings.instance_noise_steps = 100;
  const Presentation presentation(settings, {3}, kBatchSize);
  const auto noise = presentation.noise();
  ASSERT_EQ(noise.size(), 3U);
  const Contest contest{draw({4, 3}, "real"), draw({4, 3}, "fake")};
  const PhaseInput in = with_noise(noise, 4, 50);
  const Contest shown = presentation.show(in, contest);
  const auto close = [](const at::Tensor& a, const at::Tensor& b) {
    return (a - b).abs().max().item<double>() < 1e-15;
  };
  EXPECT_TRUE(close(shown.real, contest.real + in.noise(noise[0].name) * 0.2));
  EXPECT_TRUE(close(shown.fake, contest.fake + in.noise(noise[1].name) * 0.2));
  EXPECT_FALSE(close(in.noise(noise[0].name), in.noise(noise[1].name)));
}

// Each kind by itself, real and fake alike, and those that are not chosen stay as they are.
TEST(Augmentation, ChangesTheShareOfTheSamplesThatItIsToldTo) {
  config::Adversarial settings;
  settings.augment = "color,cutout";
  settings.augment_probability = 0.5;
  const Presentation presentation(settings, {2, 8, 8}, kBatchSize);
  const int64_t count = 1000;
  const at::Tensor both = draw({count, 2, 8, 8}, "image");
  const PhaseInput in = with_noise(presentation.noise(), count, 0);
  const Contest shown = presentation.show(in, {both, both});
  EXPECT_TRUE(shown.real.equal(shown.fake));
  const auto like = [&](const Names& names) {
    const at::Tensor changed = augment(both, in.noise("augment"), names);
    return (shown.real - changed).abs().flatten(1).amax(1).lt(1e-12);
  };
  const at::Tensor neither = like({}), color = like({"color"}), cutout = like({"cutout"});
  const at::Tensor all = like({"color", "cutout"});
  EXPECT_TRUE((neither + color + cutout + all).gt(0).all().item<bool>());
  for (const at::Tensor& kind : {neither, color, cutout, all})
    EXPECT_NEAR(kind.to(at::kDouble).mean().item<double>(), 0.25, 0.06);
}

TEST(Augmentation, ChangesRealAndFakeAlikeBeforePacking) {
  config::Adversarial settings;
  settings.packing = 2;
  settings.augment = "color,translation,cutout";
  const Presentation presentation(settings, {2, 8, 8}, kBatchSize);
  const at::Tensor both = draw({4, 2, 8, 8}, "image");
  const PhaseInput in = with_noise(presentation.noise(), 4, 0);
  const Contest shown = presentation.show(in, {both, both});
  EXPECT_TRUE(shown.real.equal(shown.fake));
  EXPECT_TRUE(shown.real.equal(pack(augment(both, in.noise("augment"), augmentation_names()), 2)));
  EXPECT_FALSE(shown.real.equal(pack(both, 2)));
}

}  // namespace
}  // namespace allmodes::objectives
