// VAE-GAN (Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", arXiv
// 1512.09300, algorithm 1). The decoder of a VAE is the generator of a GAN. The discriminator tells
// reals from samples of the prior and from reconstructions; reconstructions are judged in the
// features of one of its layers.
//
//   encoder        beta KL + reconstruction
//   decoder        gamma reconstruction + adversarial
//   discriminator  adversarial
//
// Each network has the gradient of its own line alone. Both kinds of fakes together count as much
// as the reals; in the paper each of the two does.

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <utility>

#include "objectives/adversary.h"
#include "objectives/autoencoder.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kCodeNoise = "posterior";
constexpr const char* kPriorNoise = "prior";

// `value`, through which a gradient passes `scale` times as large.
at::Tensor scale_gradient(const at::Tensor& value, double scale) {
  return value.detach() + (value - value.detach()) * scale;
}

class VaeGan final : public AutoencoderFamily {
 public:
  // `feature_layers`: so many layers of the discriminator make the features; 0: pixels.
  VaeGan(const config::VaeGan& settings, AutoencoderCore core, const networks::Shape& sample,
         networks::Plan discriminator, size_t feature_layers, int64_t batch)
      : AutoencoderFamily(std::move(core)),
        settings_(settings),
        adversary_(settings, sample, discriminator, batch),
        feature_layers_(feature_layers) {
    networks_.push_back(discriminator_spec(settings, std::move(discriminator)));
    phases_ = adversary_.phases([this](const PhaseInput& in) { return contest(in); }, noise(),
                                {"decoder"});
    phases_.push_back(autoencoder_phase());
  }

 private:
  std::vector<NoiseInput> noise(const std::string& drawn_by = {}) const {
    std::vector<NoiseInput> noise{posterior_noise(kCodeNoise, settings_.latent),
                                  latent_noise(kPriorNoise, settings_.latent)};
    for (auto& each : noise) each.drawn_by = drawn_by;
    return noise;
  }

  // Samples of the prior, then reconstructions of codes `z`; no gradient reaches the encoder.
  at::Tensor fakes(const PhaseInput& in, const at::Tensor& z) const {
    return at::cat({core_.generate(in.forward, in.noise(kPriorNoise), in.labels),
                    core_.generate(in.forward, z.detach(), in.labels)});
  }

  Contest contest(const PhaseInput& in) const {
    const Posterior q = encode(in.forward, in.samples, in.labels);
    return {in.samples, fakes(in, sample_posterior(q, in.noise(kCodeNoise)))};
  }

  // Encoder and decoder in one update, on the discriminator's batch.
  Phase autoencoder_phase() const {
    Phase phase{.name = "vae_gan",
                .trains = {"encoder", "decoder"},
                .reads_samples = false,
                .noise = noise(kDiscriminator)};
    for (auto& more : adversary_.opponent_noise()) phase.noise.push_back(more);
    phase.losses = [this](const PhaseInput& in) { return losses(in); };
    return phase;
  }

  PhaseOutput losses(const PhaseInput& in) const {
    const Posterior q = encode(in.forward, in.samples, in.labels);
    const at::Tensor z = sample_posterior(q, in.noise(kCodeNoise));
    const Contest seen{in.samples, in.handed_on.empty() ? fakes(in, z) : in.handed_on[0]};
    // The reconstruction counts gamma times for the decoder, once for the encoder.
    const at::Tensor output =
        core_.decode(in.forward, scale_gradient(z, 1 / settings_.gamma), in.labels);
    PhaseOutput out;
    out.losses = {{"reconstruction", reconstruction(in, output), settings_.gamma},
                  {"kl", kl_to_normal(q).sum(1).mean(), settings_.beta},
                  {"generator", adversary_.opponent_loss(in, seen)}};
    out.generated = seen.fake.narrow(0, 0, in.samples.size(0));
    return out;
  }

  // Of features: -ln N(features of x; features of the reconstruction, I) but for its constant, the
  // mean over the batch.
  at::Tensor reconstruction(const PhaseInput& in, const at::Tensor& output) const {
    if (feature_layers_ == 0) return core_.reconstruction(output, in.samples);
    at::Tensor target;
    {
      const at::NoGradGuard no_grad;
      target = in.forward.first(kDiscriminator, feature_layers_, in.samples);
    }
    const at::Tensor found = in.forward.first(kDiscriminator, feature_layers_, core_.mean(output));
    return (found - target).square().flatten(1).sum(1).mean() * 0.5;
  }

  config::VaeGan settings_;
  Adversary adversary_;
  size_t feature_layers_;
};

// How many layers of the discriminator make the features; nothing with its error where there is no
// such layer.
std::optional<size_t> feature_layers(const config::VaeGan& settings,
                                     const networks::Plan& discriminator,
                                     std::vector<ConfigurationError>& errors) {
  if (settings.reconstruction == "pixels") return 0;
  const auto& layers = discriminator.layers;
  if (settings.packing > 1) {
    errors.push_back({"vae_gan.packing",
                      "packing: a discriminator of packs has no features of one sample: set "
                      "packing: 1, or reconstruction: \"pixels\""});
    return std::nullopt;
  }
  if (settings.feature_layer >= 0) {
    if (static_cast<size_t>(settings.feature_layer) < layers.size())
      return static_cast<size_t>(settings.feature_layer) + 1;
    errors.push_back({"vae_gan.feature_layer",
                      fmt::format("feature_layer: the discriminator has {} layers, of which the "
                                  "last is {}",
                                  layers.size(), layers.size() - 1),
                      true});
    return std::nullopt;
  }
  const auto last = std::find_if(layers.rbegin(), layers.rend(), [](const auto& layer) {
    return std::holds_alternative<config::Activation>(layer.layer.kind);
  });
  if (last != layers.rend()) return static_cast<size_t>(layers.rend() - last);
  errors.push_back({"vae_gan.feature_layer",
                    "feature_layer: the discriminator's list has no activation: name the layer",
                    true});
  return std::nullopt;
}

std::unique_ptr<Objective> make_vae_gan(const config::RunConfig& config, const DataFacts& data,
                                        std::vector<ConfigurationError>& errors) {
  const auto& settings = std::get<config::VaeGan>(config.family);
  const size_t before = errors.size();
  const networks::Shape sample = network_shape(data.shape);
  check_adversarial(settings, "vae_gan", errors, sample);
  auto core = AutoencoderCore::plan(settings, {.path = "vae_gan"}, data, errors);
  auto discriminator = plan_network(settings.discriminator,
                                    {.path = "vae_gan.discriminator",
                                     .input = shown_shape(settings, sample),
                                     .output = {1},
                                     .role = networks::Role::kDiscriminator},
                                    errors);
  if (!core || !discriminator) return nullptr;
  const auto layers = feature_layers(settings, *discriminator, errors);
  if (errors.size() > before || !layers) return nullptr;
  return std::make_unique<VaeGan>(settings, std::move(*core), sample, std::move(*discriminator),
                                  *layers, config.batch);
}

}  // namespace

extern const FamilyRow kVaeGanFamily{.name = config::VaeGan::kBlock.name, .make = make_vae_gan};

}  // namespace allmodes::objectives
