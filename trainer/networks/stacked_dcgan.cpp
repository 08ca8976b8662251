#include "networks/pieces.h"

// The two DCGANs of the published Stacked-MNIST protocols, as Lin et al. trained them ("PacGAN",
// arXiv 1712.04086, section 4.2 and its code). Both halve with "same" padding, so that 28 pixels
// become 14, 7, 4, 2 and back. `width` is the number of channels beside the full image, doubled by
// every halving; the normalization stands after every layer but those beside the image and the last
// linear one.
//
//   dcgan_veegan    kernel 5, four halvings, leaky ReLU 0.2 (the setting of Srivastava et al.,
//                   "VEEGAN", arXiv 1705.07761). Published: width 64, norm batch, normal_002.
//   dcgan_unrolled  kernel 3, three halvings, leaky ReLU 0.3, a normalization after the
//                   discriminator's first layer too; the generator enlarges three times and ends in
//                   a convolution (Metz et al., "Unrolled GANs", arXiv 1611.02163, appendix).
//                   Published: width 8 of the generator, 4 (D = G/2) or 2 (D = G/4) of the
//                   discriminator, norm batch, normal_002.
//
// Where a normalization follows that takes the mean away, there is no bias, which would be idle.

namespace allmodes::networks {
namespace {

struct StackedSetting {
  const char* name;
  int64_t kernel;
  int64_t halvings;
  double slope;
  bool first_normed;         // the discriminator's first layer
  bool ends_in_convolution;  // the generator
};

constexpr StackedSetting kVeegan{"dcgan_veegan", 5, 4, 0.2, false, false};
constexpr StackedSetting kUnrolled{"dcgan_unrolled", 3, 3, 0.3, true, true};

Layers stacked_to_image(const StackedSetting& setting, const Request& request) {
  const config::Network& network = request.network;
  const auto sides =
      halvings(side_of(setting.name, request.output, int64_t{1} << (setting.halvings - 1)),
               setting.halvings);
  need_code(setting.name, request);
  // Channels beside the image `i` halvings below the full one.
  const auto channels_at = [&](int64_t i) {
    return network.width << (setting.ends_in_convolution ? i : i - 1);
  };
  check_width(network.width, setting.halvings);
  const bool bias = !makes_bias_idle(network.norm);
  Layers layers;
  const auto normalize = [&](int64_t channels) {
    append_norm(layers, network.norm, channels);
    append_activation(layers, network, activation_layer("relu"));
  };
  append_labels(layers, request);
  const int64_t first = channels_at(setting.halvings), smallest = sides.back();
  layers.push_back({config::Linear{
      .units = first * smallest * smallest, .bias = bias, .spectral_norm = network.spectral_norm}});
  layers.push_back({config::Reshape{{first, smallest, smallest}}});
  normalize(first);
  for (int64_t i = setting.halvings - 1; i >= 0; --i) {
    const bool last = i == 0 && !setting.ends_in_convolution;
    const auto at = static_cast<size_t>(i);
    const int64_t channels = last ? request.output[0] : channels_at(i);
    auto layer = enlarge(channels, setting.kernel, sides[at + 1], sides[at]);
    layer.bias = last || bias;
    layer.spectral_norm = network.spectral_norm;
    layers.push_back({layer});
    if (!last) normalize(channels);
  }
  if (setting.ends_in_convolution)
    layers.push_back({config::Convolution{.channels = request.output[0],
                                          .kernel = setting.kernel,
                                          .padding = setting.kernel / 2,
                                          .spectral_norm = network.spectral_norm}});
  append_output(layers, request);
  return layers;
}

Layers stacked_from_image(const StackedSetting& setting, const Request& request) {
  const config::Network& network = request.network;
  side_of(setting.name, request.input, int64_t{1} << (setting.halvings - 1));
  check_width(network.width, setting.halvings - 1);
  Layers layers;
  append_labels(layers, request);
  for (int64_t i = 0; i < setting.halvings; ++i) {
    const std::string norm = i > 0 || setting.first_normed ? network.norm : "none";
    const int64_t channels = network.width << i;
    layers.push_back({config::Convolution{.channels = channels,
                                          .kernel = setting.kernel,
                                          .stride = 2,
                                          .padding = setting.kernel / 2,
                                          .bias = !makes_bias_idle(norm),
                                          .spectral_norm = network.spectral_norm}});
    append_norm(layers, norm, channels);
    append_activation(layers, network, activation_layer("leaky_relu", setting.slope));
  }
  append_stddev(layers, request);
  layers.push_back({config::Flatten{}});
  append_head(layers, request);
  return layers;
}

Layers build_stacked(const StackedSetting& setting, const Request& request) {
  return request.makes_sample() ? stacked_to_image(setting, request)
                                : stacked_from_image(setting, request);
}

Layers build_dcgan_veegan(const Request& request) {
  return build_stacked(kVeegan, request);
}

Layers build_dcgan_unrolled(const Request& request) {
  return build_stacked(kUnrolled, request);
}

}  // namespace

extern const Architecture kDcganVeegan{
    .name = "dcgan_veegan", .build = build_dcgan_veegan, .fields = kNormedFields};
extern const Architecture kDcganUnrolled{
    .name = "dcgan_unrolled", .build = build_dcgan_unrolled, .fields = kNormedFields};

}  // namespace allmodes::networks
