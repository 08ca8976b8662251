#include "pretrained/protocol.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "data/formats/resample.h"
#include "pretrained/efficientnet_lite0.h"

namespace allmodes::pretrained {
namespace {

at::Tensor bilinear(const at::Tensor& bytes, int64_t side) {
  return at::upsample_bilinear2d(bytes / 255, {side, side}, /*align_corners=*/false);
}

// Places along one side, and how far each lies from the pixel before it.
struct Places {
  at::Tensor before, after, beyond;
};

// Output pixel i lies at i * from / to, not at the middle of its part; TensorFlow before 2.0.
Places places_of(int64_t from, int64_t to) {
  const auto step = static_cast<float>(static_cast<double>(from) / static_cast<double>(to));
  const at::Tensor at = at::arange(to, at::TensorOptions().dtype(at::kFloat)) * step;
  const at::Tensor before = at.to(at::kLong);
  return {before, (before + 1).clamp_max(from - 1), at - before.to(at::kFloat)};
}

at::Tensor bilinear_from_corners(const at::Tensor& bytes, int64_t side) {
  const Places across = places_of(bytes.size(3), side), down = places_of(bytes.size(2), side);
  const at::Tensor left = bytes.index_select(3, across.before);
  const at::Tensor rows = left + (bytes.index_select(3, across.after) - left) * across.beyond;
  const at::Tensor above = rows.index_select(2, down.before);
  return above + (rows.index_select(2, down.after) - above) * down.beyond.view({-1, 1});
}

// Channel by channel, as floats, and no further than bytes reach.
at::Tensor bicubic_clipped(const at::Tensor& bytes, int64_t side) {
  const at::Tensor in = bytes.contiguous();
  const int64_t planes = in.size(0) * in.size(1), height = in.size(2), width = in.size(3);
  at::Tensor out = at::empty({in.size(0), in.size(1), side, side}, in.options());
  const float* from = in.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, planes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const auto resized =
          data::resized_plane({from + plane * height * width, static_cast<size_t>(height * width)},
                              height, width, side, side, data::Filter::kBicubic);
      std::ranges::copy(resized, to + plane * side * side);
    }
  });
  return out.clamp_(0, 255);
}

at::Tensor from_unit(const at::Tensor& shares) {
  return shares * 2 - 1;
}

at::Tensor about_128(const at::Tensor& bytes) {
  return (bytes - 128) / 128;
}

// ImageNet's mean and deviation of each colour, of numbers in [0, 1].
at::Tensor by_imagenet(const at::Tensor& bytes) {
  const auto row = [](std::array<float, 3> values) {
    return at::from_blob(values.data(), {1, 3, 1, 1}, at::kFloat).clone();
  };
  return (bytes / 255 - row({0.485F, 0.456F, 0.406F})) / row({0.229F, 0.224F, 0.225F});
}

constexpr std::array<Protocol, 6> kProtocols{
    {{"pytorch_fid", "inception", bilinear, from_unit, "bilinear without antialiasing, [-1, 1]"},
     {"torch_fidelity", "inception", bilinear_from_corners, about_128,
      "bilinear from the corners as in TensorFlow 1, (v - 128) / 128"},
     {"stylegan", "inception", bilinear_from_corners, about_128,
      "bilinear from the corners as in TensorFlow 1, (v - 128) / 128, covariance by N", true},
     {"clean_fid", "inception", bicubic_clipped, about_128,
      "Pillow's bicubic on floats, (v - 128) / 128"},
     {"dgm_eval", "dinov2", bicubic_clipped, by_imagenet,
      "Pillow's bicubic on floats, ImageNet's mean and deviation"},
     {"default", "efficientnet_lite0", bicubic_clipped, EfficientNetLite0::scaled,
      "Pillow's bicubic on floats, (v - 127) / 128"}}};

}  // namespace

std::vector<const Protocol*> protocols_for(std::string_view network) {
  std::vector<const Protocol*> found;
  for (const Protocol& protocol : kProtocols)
    if (protocol.network == network) found.push_back(&protocol);
  return found;
}

const Protocol* find_protocol(const std::string& name, std::string_view network) {
  for (const Protocol* protocol : protocols_for(network))
    if (name == "default" || protocol->name == name) return protocol;
  return nullptr;
}

at::Tensor prepared(const Protocol& protocol, const at::Tensor& pictures, int64_t side) {
  ALLMODES_CHECK(pictures.dim() == 4 && (pictures.size(1) == 1 || pictures.size(1) == 3),
                 "pictures of {} channels", pictures.dim() == 4 ? pictures.size(1) : 0);
  const at::NoGradGuard no_grad;
  const at::Tensor bytes = ((pictures + 1) * 127.5).round().clamp(0, 255);
  const at::Tensor resized = protocol.resize(bytes, side).expand({pictures.size(0), 3, side, side});
  return protocol.scale(resized);
}

}  // namespace allmodes::pretrained
