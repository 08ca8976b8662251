#include "objectives/augment.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/constant_pad_nd.h>

#include <algorithm>

namespace allmodes::objectives {
namespace {

// Number `index` of each image, [n, 1, 1, 1].
at::Tensor number(const at::Tensor& numbers, int64_t index) {
  return numbers.select(1, index).view({-1, 1, 1, 1});
}

at::Tensor color(const at::Tensor& images, const at::Tensor& numbers) {
  const at::Tensor bright = images + (number(numbers, 0) - 0.5);
  const at::Tensor grey = bright.mean({1}, /*keepdim=*/true);
  const at::Tensor saturated = (bright - grey) * (number(numbers, 1) * 2) + grey;
  const at::Tensor mean = saturated.mean({1, 2, 3}, /*keepdim=*/true);
  return (saturated - mean) * (number(numbers, 2) + 0.5) + mean;
}

// Whole pixels in [-reach, reach], from u in [0, 1): [n, 1, 1] int64.
at::Tensor shift(const at::Tensor& numbers, int64_t index, int64_t reach) {
  return (numbers.select(1, index) * (2 * reach + 1)).floor().to(at::kLong).view({-1, 1, 1}) -
         reach;
}

at::Tensor translation(const at::Tensor& images, const at::Tensor& numbers) {
  const int64_t count = images.size(0), channels = images.size(1);
  const int64_t height = images.size(2), width = images.size(3);
  const int64_t down = (height + 4) / 8, right = (width + 4) / 8;  // an eighth, rounded
  const auto whole = at::TensorOptions().dtype(at::kLong).device(images.device());
  const at::Tensor rows = at::arange(height, whole).view({1, height, 1}) + down;
  const at::Tensor columns = at::arange(width, whole).view({1, 1, width}) + right;
  // Where in the padded image each pixel comes from.
  const at::Tensor source =
      (rows - shift(numbers, 3, down)) * (width + 2 * right) + (columns - shift(numbers, 4, right));
  const at::Tensor padded = at::constant_pad_nd(images, {right, right, down, down});
  return padded.flatten(2)
      .gather(2, source.view({count, 1, -1}).expand({count, channels, height * width}))
      .view_as(images);
}

// Which of `size` places lie in the half-sized interval around u: [n, size] bool.
at::Tensor cut(const at::Tensor& numbers, int64_t index, int64_t size) {
  const int64_t half = (size + 1) / 2;
  const int64_t centres = size + (half % 2 == 0 ? 1 : 0);
  const auto whole = at::TensorOptions().dtype(at::kLong).device(numbers.device());
  const at::Tensor place = at::arange(size, whole).view({1, size});
  const at::Tensor first =
      (numbers.select(1, index) * centres).floor().to(at::kLong).view({-1, 1}) - half / 2;
  return place.ge(first).logical_and(place.lt(first + half));
}

at::Tensor cutout(const at::Tensor& images, const at::Tensor& numbers) {
  const at::Tensor hole = cut(numbers, 5, images.size(2))
                              .unsqueeze(2)
                              .logical_and(cut(numbers, 6, images.size(3)).unsqueeze(1));
  return images.masked_fill(hole.unsqueeze(1), 0);
}

}  // namespace

const std::vector<std::string>& augmentation_names() {
  static const std::vector<std::string> names = {"color", "translation", "cutout"};
  return names;
}

std::vector<std::string> split_names(std::string_view list) {
  constexpr std::string_view kSpace = " \t\n";
  std::vector<std::string> names;
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, end);
    name.remove_prefix(std::min(name.find_first_not_of(kSpace), name.size()));
    name = name.substr(0, name.find_last_not_of(kSpace) + 1);
    names.emplace_back(name);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return names;
}

at::Tensor augment(const at::Tensor& images, const at::Tensor& numbers,
                   const std::vector<std::string>& names) {
  const auto wanted = [&](const char* name) { return std::ranges::count(names, name) > 0; };
  at::Tensor result = images;
  if (wanted("color")) result = color(result, numbers);
  if (wanted("translation")) result = translation(result, numbers);
  if (wanted("cutout")) result = cutout(result, numbers);
  return result;
}

}  // namespace allmodes::objectives
