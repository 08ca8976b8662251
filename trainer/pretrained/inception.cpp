#include "pretrained/inception.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/relu.h>

#include <array>
#include <utility>

#include "base/error.h"

namespace allmodes::pretrained {
namespace {

constexpr double kInceptionEpsilon = 1e-3;
constexpr int64_t kInceptionClasses = 1008;
constexpr int64_t kWidestInception = 2048;

// A convolution, its batch norm, ReLU. Without a bias.
struct InceptionUnit {
  std::string name;
  int64_t inputs, outputs;
  std::array<int64_t, 2> kernel;  // height, width
  int64_t stride = 1;
  std::array<int64_t, 2> padding{0, 0};
};

// As many pixels as before.
InceptionUnit keeping(std::string name, int64_t inputs, int64_t outputs, int64_t height,
                      int64_t width) {
  return {std::move(name), inputs, outputs, {height, width}, 1, {height / 2, width / 2}};
}

using InceptionUnits = std::vector<InceptionUnit>;

void list_a(InceptionUnits& units, const std::string& name, int64_t inputs, int64_t pool) {
  units.push_back(keeping(name + ".branch1x1", inputs, 64, 1, 1));
  units.push_back(keeping(name + ".branch5x5_1", inputs, 48, 1, 1));
  units.push_back(keeping(name + ".branch5x5_2", 48, 64, 5, 5));
  units.push_back(keeping(name + ".branch3x3dbl_1", inputs, 64, 1, 1));
  units.push_back(keeping(name + ".branch3x3dbl_2", 64, 96, 3, 3));
  units.push_back(keeping(name + ".branch3x3dbl_3", 96, 96, 3, 3));
  units.push_back(keeping(name + ".branch_pool", inputs, pool, 1, 1));
}

void list_b(InceptionUnits& units, const std::string& name, int64_t inputs) {
  units.push_back({name + ".branch3x3", inputs, 384, {3, 3}, 2});
  units.push_back(keeping(name + ".branch3x3dbl_1", inputs, 64, 1, 1));
  units.push_back(keeping(name + ".branch3x3dbl_2", 64, 96, 3, 3));
  units.push_back({name + ".branch3x3dbl_3", 96, 96, {3, 3}, 2});
}

void list_c(InceptionUnits& units, const std::string& name, int64_t between) {
  constexpr int64_t kIn = 768, kOut = 192;
  units.push_back(keeping(name + ".branch1x1", kIn, kOut, 1, 1));
  units.push_back(keeping(name + ".branch7x7_1", kIn, between, 1, 1));
  units.push_back(keeping(name + ".branch7x7_2", between, between, 1, 7));
  units.push_back(keeping(name + ".branch7x7_3", between, kOut, 7, 1));
  units.push_back(keeping(name + ".branch7x7dbl_1", kIn, between, 1, 1));
  units.push_back(keeping(name + ".branch7x7dbl_2", between, between, 7, 1));
  units.push_back(keeping(name + ".branch7x7dbl_3", between, between, 1, 7));
  units.push_back(keeping(name + ".branch7x7dbl_4", between, between, 7, 1));
  units.push_back(keeping(name + ".branch7x7dbl_5", between, kOut, 1, 7));
  units.push_back(keeping(name + ".branch_pool", kIn, kOut, 1, 1));
}

void list_d(InceptionUnits& units, const std::string& name) {
  constexpr int64_t kIn = 768;
  units.push_back(keeping(name + ".branch3x3_1", kIn, 192, 1, 1));
  units.push_back({name + ".branch3x3_2", 192, 320, {3, 3}, 2});
  units.push_back(keeping(name + ".branch7x7x3_1", kIn, 192, 1, 1));
  units.push_back(keeping(name + ".branch7x7x3_2", 192, 192, 1, 7));
  units.push_back(keeping(name + ".branch7x7x3_3", 192, 192, 7, 1));
  units.push_back({name + ".branch7x7x3_4", 192, 192, {3, 3}, 2});
}

void list_e(InceptionUnits& units, const std::string& name, int64_t inputs) {
  units.push_back(keeping(name + ".branch1x1", inputs, 320, 1, 1));
  units.push_back(keeping(name + ".branch3x3_1", inputs, 384, 1, 1));
  units.push_back(keeping(name + ".branch3x3_2a", 384, 384, 1, 3));
  units.push_back(keeping(name + ".branch3x3_2b", 384, 384, 3, 1));
  units.push_back(keeping(name + ".branch3x3dbl_1", inputs, 448, 1, 1));
  units.push_back(keeping(name + ".branch3x3dbl_2", 448, 384, 3, 3));
  units.push_back(keeping(name + ".branch3x3dbl_3a", 384, 384, 1, 3));
  units.push_back(keeping(name + ".branch3x3dbl_3b", 384, 384, 3, 1));
  units.push_back(keeping(name + ".branch_pool", inputs, 192, 1, 1));
}

InceptionUnits inception_units() {
  InceptionUnits units;
  units.push_back({"Conv2d_1a_3x3", 3, 32, {3, 3}, 2});
  units.push_back({"Conv2d_2a_3x3", 32, 32, {3, 3}});
  units.push_back(keeping("Conv2d_2b_3x3", 32, 64, 3, 3));
  units.push_back({"Conv2d_3b_1x1", 64, 80, {1, 1}});
  units.push_back({"Conv2d_4a_3x3", 80, 192, {3, 3}});
  list_a(units, "Mixed_5b", 192, 32);
  list_a(units, "Mixed_5c", 256, 64);
  list_a(units, "Mixed_5d", 288, 64);
  list_b(units, "Mixed_6a", 288);
  list_c(units, "Mixed_6b", 128);
  list_c(units, "Mixed_6c", 160);
  list_c(units, "Mixed_6d", 160);
  list_c(units, "Mixed_6e", 192);
  list_d(units, "Mixed_7a");
  list_e(units, "Mixed_7b", 1280);
  list_e(units, "Mixed_7c", 2048);
  return units;
}

at::Tensor mean_pool(const at::Tensor& x) {
  return at::avg_pool2d(x, {3, 3}, {1, 1}, {1, 1}, /*ceil_mode=*/false,
                        /*count_include_pad=*/false);
}

at::Tensor halving_pool(const at::Tensor& x) {
  return at::max_pool2d(x, {3, 3}, {2, 2});
}

at::Tensor pixel_means(const at::Tensor& x) {
  return x.mean({2, 3});
}

}  // namespace

WeightTable inception_weights() {
  WeightTable table{.of = "the Inception of 2015-12-05",
                    .tensors = {},
                    .ignored_beginnings = {"AuxLogits."},
                    .ignored_endings = {".num_batches_tracked"}};
  for (const auto& unit : inception_units()) {
    table.tensors.push_back(
        {unit.name + ".conv.weight", {unit.outputs, unit.inputs, unit.kernel[0], unit.kernel[1]}});
    for (const char* part : {"weight", "bias", "running_mean", "running_var"})
      table.tensors.push_back({unit.name + ".bn." + part, {unit.outputs}});
  }
  table.tensors.push_back({"fc.weight", {kInceptionClasses, kWidestInception}});
  table.tensors.push_back({"fc.bias", {kInceptionClasses}});
  return table;
}

Inception::Inception(const Weights& weights, at::Device device)
    : class_kernel_(weights.at("fc.weight").to(device)),
      class_bias_(weights.at("fc.bias").to(device)) {
  for (const auto& unit : inception_units()) {
    Convolution made =
        folded(weights, unit.name + ".conv.weight", unit.name + ".bn", kInceptionEpsilon, device);
    made.stride = unit.stride;
    made.padding = unit.padding;
    units_.emplace(unit.name, std::move(made));
  }
}

at::Tensor Inception::unit(const std::string& name, const at::Tensor& x) const {
  return at::relu(units_.at(name)(x));
}

at::Tensor Inception::block_a(const std::string& name, const at::Tensor& x) const {
  const at::Tensor five = unit(name + ".branch5x5_2", unit(name + ".branch5x5_1", x));
  at::Tensor twice = unit(name + ".branch3x3dbl_1", x);
  twice = unit(name + ".branch3x3dbl_3", unit(name + ".branch3x3dbl_2", twice));
  return at::cat(
      {unit(name + ".branch1x1", x), five, twice, unit(name + ".branch_pool", mean_pool(x))}, 1);
}

at::Tensor Inception::block_b(const std::string& name, const at::Tensor& x) const {
  at::Tensor twice = unit(name + ".branch3x3dbl_1", x);
  twice = unit(name + ".branch3x3dbl_3", unit(name + ".branch3x3dbl_2", twice));
  return at::cat({unit(name + ".branch3x3", x), twice, halving_pool(x)}, 1);
}

at::Tensor Inception::block_c(const std::string& name, const at::Tensor& x) const {
  at::Tensor once = x, twice = x;
  for (const char* part : {"1", "2", "3"}) once = unit(name + ".branch7x7_" + part, once);
  for (const char* part : {"1", "2", "3", "4", "5"})
    twice = unit(name + ".branch7x7dbl_" + part, twice);
  return at::cat(
      {unit(name + ".branch1x1", x), once, twice, unit(name + ".branch_pool", mean_pool(x))}, 1);
}

at::Tensor Inception::block_d(const std::string& name, const at::Tensor& x) const {
  const at::Tensor three = unit(name + ".branch3x3_2", unit(name + ".branch3x3_1", x));
  at::Tensor seven = x;
  for (const char* part : {"1", "2", "3", "4"}) seven = unit(name + ".branch7x7x3_" + part, seven);
  return at::cat({three, seven, halving_pool(x)}, 1);
}

at::Tensor Inception::block_e(const std::string& name, const at::Tensor& x, bool largest) const {
  const at::Tensor three = unit(name + ".branch3x3_1", x);
  const at::Tensor twice = unit(name + ".branch3x3dbl_2", unit(name + ".branch3x3dbl_1", x));
  const at::Tensor pooled = largest ? at::max_pool2d(x, {3, 3}, {1, 1}, {1, 1}) : mean_pool(x);
  return at::cat({unit(name + ".branch1x1", x), unit(name + ".branch3x3_2a", three),
                  unit(name + ".branch3x3_2b", three), unit(name + ".branch3x3dbl_3a", twice),
                  unit(name + ".branch3x3dbl_3b", twice), unit(name + ".branch_pool", pooled)},
                 1);
}

at::Tensor Inception::features(const at::Tensor& pictures, int64_t width) const {
  const at::NoGradGuard no_grad;
  at::Tensor x = unit("Conv2d_1a_3x3", pictures);
  x = halving_pool(unit("Conv2d_2b_3x3", unit("Conv2d_2a_3x3", x)));
  if (width == x.size(1)) return pixel_means(x);
  x = halving_pool(unit("Conv2d_4a_3x3", unit("Conv2d_3b_1x1", x)));
  if (width == x.size(1)) return pixel_means(x);
  for (const char* name : {"Mixed_5b", "Mixed_5c", "Mixed_5d"}) x = block_a(name, x);
  x = block_b("Mixed_6a", x);
  for (const char* name : {"Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"}) x = block_c(name, x);
  if (width == x.size(1)) return pixel_means(x);
  x = block_d("Mixed_7a", x);
  x = block_e("Mixed_7b", x, /*largest=*/false);
  x = block_e("Mixed_7c", x, /*largest=*/true);
  ALLMODES_CHECK(width == x.size(1), "Inception has no features of {} numbers", width);
  return pixel_means(x);
}

at::Tensor Inception::logits(const at::Tensor& features, bool with_bias) const {
  const at::NoGradGuard no_grad;
  return with_bias ? at::linear(features, class_kernel_, class_bias_)
                   : at::linear(features, class_kernel_);
}

}  // namespace allmodes::pretrained
