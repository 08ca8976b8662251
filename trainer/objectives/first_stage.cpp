// The first stage of a latent model (Esser et al., "Taming transformers", arXiv 2012.09841; Rombach
// et al., "High-resolution image synthesis with latent diffusion models", arXiv 2112.10752): an
// autoencoder whose codes are the pixels of a small image, and a discriminator of reconstructions
// that takes part from some step on.
//
// The adversarial loss counts weight * |gradient of the distance| / (|its own gradient| + 1e-4),
// both in the decoder's last weight, at most 1e4 (arXiv 2012.09841, equation 7). Both are gradients
// of the whole batch, averaged over the ranks before their norms are taken.

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <utility>

#include "config/families.h"
#include "objectives/adversary.h"
#include "objectives/perceptual.h"
#include "objectives/quantizer.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kEncoderOfFirst = "encoder";
constexpr const char* kDecoderOfFirst = "decoder";
constexpr const char* kLogVariance = "log_variance";
constexpr const char* kWarmup = "discriminator_warmup";

struct FirstStagePlans {
  networks::Plan encoder, decoder;
  std::optional<networks::Plan> discriminator;
};

class FirstStage final : public Objective {
 public:
  FirstStage(const config::FirstStage& settings, const networks::Shape& sample,
             networks::Shape image, FirstStagePlans plans, std::unique_ptr<Quantizer> quantizer,
             int64_t batch)
      : settings_(settings), image_(std::move(image)), quantizer_(std::move(quantizer)) {
    latent_.dimension = networks::elements(image_);
    perceptual_ = make_perceptual(settings.perceptual, settings.perceptual_path);
    last_weight_ = last_weight(plans.decoder);
    networks_ = {{kEncoderOfFirst, std::move(plans.encoder), settings.optimizer},
                 {kDecoderOfFirst, std::move(plans.decoder), settings.optimizer}};
    for (auto& more : quantizer_->networks()) networks_.push_back(more);
    if (settings.learned_variance) networks_.push_back(log_variance(settings));
    if (!plans.discriminator) {
      phases_ = {autoencoder_phase("reconstruction", /*adversarial=*/false)};
      return;
    }
    adversary_.emplace(settings, sample, *plans.discriminator, batch);
    networks_.push_back(discriminator_spec(settings, std::move(*plans.discriminator)));
    if (settings.discriminator_start > 0) {
      phases_ = {autoencoder_phase("reconstruction", /*adversarial=*/false)};
      phases_[0].until = settings.discriminator_start;
    }
    std::vector<std::string> player = {kEncoderOfFirst, kDecoderOfFirst};
    for (const auto& more : quantizer_->networks()) player.push_back(more.name);
    for (auto& phase : adversary_->phases([this](const PhaseInput& in) { return contest(in); },
                                          quantizer_->noise(), player)) {
      phase.from = settings.discriminator_start;
      phases_.push_back(std::move(phase));
    }
    phases_.push_back(autoencoder_phase("autoencoder", /*adversarial=*/true));
    phases_.back().from = settings.discriminator_start;
    phases_.back().reads_samples = false;
  }

  const std::vector<NetworkSpec>& networks() const override { return networks_; }
  const std::vector<Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return latent_; }
  std::string generator() const override { return kDecoderOfFirst; }
  bool draws() const override { return false; }
  at::Tensor generate(const Forward& forward, const at::Tensor& latent,
                      const at::Tensor&) const override {
    std::vector<int64_t> shape = image_;
    shape.insert(shape.begin(), latent.size(0));
    return forward(kDecoderOfFirst, latent.view(shape));
  }
  bool encodes() const override { return true; }
  Posterior encode(const Forward& forward, const at::Tensor& samples,
                   const at::Tensor&) const override {
    return quantizer_->posterior(forward, forward(kEncoderOfFirst, samples));
  }
  int64_t codes() const override { return quantizer_->codes(); }
  at::Tensor codes_of(const Forward& forward, const at::Tensor& samples) const override {
    return quantizer_->codes_of(forward, forward(kEncoderOfFirst, samples));
  }

  at::Tensor code_ages(const Forward& forward) const override { return quantizer_->ages(forward); }
  at::Tensor scores_of(const Forward& forward, const at::Tensor& samples) const override {
    if (!adversary_) return {};
    return forward(kDiscriminator, samples).flatten(1).mean(1);
  }
  at::Tensor perceptual_distances(const at::Tensor& made,
                                  const at::Tensor& samples) const override {
    return perceptual_ ? perceptual_->distances(made, samples) : at::Tensor();
  }

 private:
  // One number without layers: it is read as a weight.
  static NetworkSpec log_variance(const config::FirstStage& settings) {
    networks::Plan plan;
    plan.input = plan.output = {1};
    plan.parameters = {{"weight", {1}, networks::Init::kZero, 1}};
    config::Optimizer optimizer = settings.optimizer;
    optimizer.weight_decay = 0;
    return {kLogVariance, std::move(plan), optimizer};
  }

  static size_t last_weight(const networks::Plan& decoder) {
    size_t last = 0;
    for (size_t i = 0; i < decoder.parameters.size(); ++i)
      if (decoder.parameters[i].shape.size() > 1) last = i;
    return last;
  }

  // Hands on the reconstructions, and what the encoder found.
  Contest contest(const PhaseInput& in) const {
    const at::Tensor encoded = in.forward(kEncoderOfFirst, in.samples);
    const Quantized codes = quantizer_->quantize(in, encoded);
    return {in.samples, in.forward(kDecoderOfFirst, codes.image), {}, {encoded}};
  }

  Phase autoencoder_phase(std::string name, bool adversarial) const {
    Phase phase{.name = std::move(name),
                .trains = {kEncoderOfFirst, kDecoderOfFirst},
                .noise = quantizer_->noise()};
    // Of the contest that the discriminator has seen.
    if (adversarial)
      for (auto& each : phase.noise) each.drawn_by = kDiscriminator;
    for (const auto& more : quantizer_->networks()) phase.trains.push_back(more.name);
    if (settings_.learned_variance) phase.trains.emplace_back(kLogVariance);
    phase.settling = quantizer_->settling();
    if (adversarial) {
      for (auto& more : adversary_->opponent_noise()) phase.noise.push_back(more);
      if (settings_.discriminator_warmup > 0) phase.noise.push_back(warmup());
    }
    phase.losses = [this, adversarial](const PhaseInput& in) { return losses(in, adversarial); };
    return phase;
  }

  NoiseInput warmup() const {
    return number_of_step(kWarmup, [settings = settings_](uint64_t step) {
      const auto passed =
          static_cast<double>(step) - static_cast<double>(settings.discriminator_start) + 1;
      return std::min(1.0, passed / static_cast<double>(settings.discriminator_warmup));
    });
  }

  PhaseOutput losses(const PhaseInput& in, bool adversarial) const {
    const bool anew = in.handed_on.empty();
    Quantized codes =
        quantizer_->quantize(in, anew ? in.forward(kEncoderOfFirst, in.samples) : in.handed_on[1]);
    const at::Tensor made = anew ? in.forward(kDecoderOfFirst, codes.image) : in.handed_on[0];
    const at::Tensor difference = made - in.samples;
    const at::Tensor of_values =
        settings_.distance == "l1" ? difference.abs().mean() : difference.square().mean();
    at::Tensor distance = of_values;
    PhaseOutput out;
    if (perceptual_ && settings_.perceptual_weight > 0) {
      const at::Tensor of_features = perceptual_->distances(made, in.samples).mean();
      distance = distance + of_features * settings_.perceptual_weight;
      out.observations = {{"perceptual_distance", of_features.detach()}};
    }
    if (settings_.learned_variance) {
      const at::Tensor& s = in.forward.weights(kLogVariance)[0];
      out.losses = {{"likelihood", (distance * (-s).exp() + s).sum()}};
      out.observations.push_back({"reconstruction", of_values.detach()});
      out.observations.push_back({"log_variance", s.detach().sum()});
    } else {
      out.losses = {{"reconstruction", distance}};
    }
    const at::Tensor first = out.losses[0].value;
    out.losses.insert(out.losses.end(), codes.losses.begin(), codes.losses.end());
    out.means = std::move(codes.means);
    out.generated = made;
    if (adversarial) add_adversarial(in, made, first, out);
    return out;
  }

  // `distance`: the summand of the loss that the adversarial one is weighed against.
  void add_adversarial(const PhaseInput& in, const at::Tensor& made, const at::Tensor& distance,
                       PhaseOutput& out) const {
    const at::Tensor loss = adversary_->opponent_loss(in, {in.samples, made});
    const double weight = settings_.adversarial_weight;
    at::Tensor factor;
    if (settings_.discriminator_warmup > 0) factor = in.number(kWarmup);
    if (settings_.adaptive_weight) {
      const at::Tensor ratio = ratio_of_gradients(in, distance, loss);
      factor = factor.defined() ? ratio * factor : ratio;
      out.observations.push_back({"adaptive_weight", factor * weight});
    }
    out.losses.push_back({"generator", loss, weight, factor});
  }

  at::Tensor ratio_of_gradients(const PhaseInput& in, const at::Tensor& distance,
                                const at::Tensor& loss) const {
    const at::Tensor& weight = in.forward.weights(kDecoderOfFirst)[last_weight_];
    const auto gradient = [&](const at::Tensor& of) {
      return torch::autograd::grad({of}, {weight}, {}, /*retain_graph=*/true)[0].flatten();
    };
    const at::Tensor own = at::cat({gradient(distance), gradient(loss)});
    const at::NoGradGuard no_grad;
    const auto norms = in.coupling.mean(own.detach()).view({2, -1}).square().sum(1).sqrt();
    constexpr double kLeast = 1e-4, kMost = 1e4;
    return (norms[0] / (norms[1] + kLeast)).clamp(0, kMost);
  }

  config::FirstStage settings_;
  config::Latent latent_;
  networks::Shape image_;  // of the codes
  std::unique_ptr<Quantizer> quantizer_;
  std::optional<Adversary> adversary_;
  std::unique_ptr<PerceptualDistance> perceptual_;
  size_t last_weight_ = 0;
  std::vector<NetworkSpec> networks_;
  std::vector<Phase> phases_;
};

// The small image of a sample; nothing, with its error, where the sample has none.
std::optional<networks::Shape> small_image(const config::FirstStage& settings,
                                           const networks::Shape& sample,
                                           std::vector<ConfigurationError>& errors) {
  if (sample.size() != 3) {
    errors.push_back({"first_stage", "first_stage: its data are pictures", true});
    return std::nullopt;
  }
  const int64_t factor = settings.downsampling;
  if (sample[1] % factor == 0 && sample[2] % factor == 0)
    return networks::Shape{settings.channels, sample[1] / factor, sample[2] / factor};
  errors.push_back(
      {"first_stage.downsampling",
       fmt::format("downsampling: {} does not divide {}x{} pixels", factor, sample[1], sample[2]),
       true});
  return std::nullopt;
}

void check_whole_batch(const config::RunConfig& config, const config::FirstStage& settings,
                       std::vector<ConfigurationError>& errors) {
  if (config::backward_passes(config) == 1) return;
  if (settings.adversarial_weight > 0 && settings.adaptive_weight)
    errors.push_back({"first_stage.adaptive_weight",
                      "adaptive_weight: it is a ratio of gradients of the whole batch, which "
                      "microbatches and deterministic shards take apart: leave them out, or set "
                      "adaptive_weight: false"});
  if (settings.quantizer == "lfq" && settings.entropy_weight > 0)
    errors.push_back({"first_stage.entropy_weight",
                      "entropy_weight: the entropy is of the whole batch, which microbatches and "
                      "deterministic shards take apart: leave them out, or set entropy_weight: 0"});
}

void check_perceptual(const config::FirstStage& settings, const networks::Shape& sample,
                      std::vector<ConfigurationError>& errors) {
  if (settings.perceptual == "none") {
    if (!settings.perceptual_path.empty())
      errors.push_back(
          {"first_stage.perceptual_path", "perceptual_path: nothing reads it: set perceptual"});
    return;
  }
  check_perceptual_weights(settings.perceptual, settings.perceptual_path,
                           "first_stage.perceptual_path", errors);
  constexpr int64_t kLeastSide = 16;
  if (sample.size() == 3 &&
      ((sample[0] != 1 && sample[0] != 3) || sample[1] < kLeastSide || sample[2] < kLeastSide))
    errors.push_back({"first_stage.perceptual",
                      fmt::format("perceptual: pictures of 1 or 3 channels and {} pixels a side or "
                                  "more have such a distance, not {}",
                                  kLeastSide, networks::to_string(sample)),
                      true});
}

std::unique_ptr<Objective> make_first_stage(const config::RunConfig& config, const DataFacts& data,
                                            std::vector<ConfigurationError>& errors) {
  const auto& settings = std::get<config::FirstStage>(config.family);
  const size_t before = errors.size();
  const networks::Shape sample = network_shape(data.shape);
  check_adversarial(settings, "first_stage", errors, sample);
  check_whole_batch(config, settings, errors);
  check_perceptual(settings, sample, errors);
  const auto image = small_image(settings, sample, errors);
  if (!image) return nullptr;
  auto quantizer = make_quantizer(settings, *image, config.batch, errors);
  if (quantizer == nullptr) return nullptr;
  networks::Shape encoded = *image;
  encoded[0] *= quantizer->outputs();
  auto encoder = plan_network(settings.encoder,
                              {.path = "first_stage.encoder",
                               .input = sample,
                               .output = encoded,
                               .role = networks::Role::kEncoder,
                               .output_activation = "none"},
                              errors);
  auto decoder = plan_network(settings.decoder,
                              {.path = "first_stage.decoder",
                               .input = *image,
                               .output = sample,
                               .role = networks::Role::kDecoder,
                               .output_activation = "none"},
                              errors);
  std::optional<networks::Plan> discriminator;
  if (settings.adversarial_weight > 0)
    discriminator = plan_network(settings.discriminator,
                                 {.path = "first_stage.discriminator",
                                  .input = shown_shape(settings, sample),
                                  .output = {1},
                                  .role = networks::Role::kDiscriminator,
                                  .any_width = true},
                                 errors);
  if (errors.size() > before || !encoder || !decoder) return nullptr;
  return std::make_unique<FirstStage>(
      settings, sample, *image,
      FirstStagePlans{std::move(*encoder), std::move(*decoder), std::move(discriminator)},
      std::move(quantizer), config.batch);
}

}  // namespace

extern const FamilyRow kFirstStageFamily{.name = config::FirstStage::kBlock.name,
                                         .make = make_first_stage};

}  // namespace allmodes::objectives
