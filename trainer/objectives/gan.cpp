// Generative adversarial networks (Goodfellow et al., arXiv 1406.2661), also conditional on class
// labels (Mirza, Osindero, arXiv 1411.1784; Miyato, Koyama, arXiv 1802.05637).

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <concepts>

#include "objectives/adversary.h"
#include "objectives/mode_seeking.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

bool is_conditional(const config::Gan& gan) {
  return gan.conditioning != "none";
}

class Gan final : public Objective {
 public:
  Gan(const config::Gan& gan, const networks::Shape& sample, networks::Plan generator,
      networks::Plan discriminator, int64_t batch)
      : gan_(gan), adversary_(gan, sample, discriminator, batch) {
    networks_ = {{"generator", std::move(generator), gan.generator_optimizer},
                 discriminator_spec(gan, std::move(discriminator))};
    phases_ = adversary_.phases([this](const PhaseInput& in) { return contest(in); }, noise());
    for (int64_t i = 0; i < gan.generator_steps; ++i) phases_.push_back(generator_phase(i));
  }

  const std::vector<NetworkSpec>& networks() const override { return networks_; }
  const std::vector<Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return gan_.latent; }
  std::string generator() const override { return "generator"; }
  bool conditional() const override { return is_conditional(gan_); }
  at::Tensor generate(const Forward& forward, const at::Tensor& latent,
                      const at::Tensor& labels) const override {
    return forward("generator", latent, conditional() ? labels : at::Tensor());
  }

 private:
  std::vector<NoiseInput> noise() const { return {latent_noise("latent", gan_.latent)}; }

  // A fake has the label of the real sample beside it.
  Contest contest(const PhaseInput& in) const {
    return {in.samples, generate(in.forward, in.noise("latent"), in.labels),
            conditional() ? in.labels : at::Tensor()};
  }

  // Between consecutive samples. Those of different classes differ anyway: there the second sample
  // of a pair is made anew, with the first one's label.
  at::Tensor mode_seeking_term(const PhaseInput& in, const at::Tensor& fake) const {
    const at::Tensor& z = in.noise("latent");
    const auto every_second = [](const at::Tensor& x, int64_t first) {
      return x.slice(0, first, {}, 2);
    };
    const at::Tensor z1 = every_second(z, 0), z2 = every_second(z, 1);
    const at::Tensor x1 = every_second(fake, 0);
    const at::Tensor x2 = conditional() ? generate(in.forward, z2, every_second(in.labels, 0))
                                        : every_second(fake, 1);
    return mode_seeking(x1, x2, z1, z2, in.coupling);
  }

  Phase generator_phase(int64_t index) const {
    const bool last = index + 1 == gan_.generator_steps;
    Phase phase{.name = last ? "generator" : fmt::format("generator_{}", index),
                .trains = {"generator"},
                .reads_samples = gan_.generator_batch,
                .noise = noise()};
    for (auto& more : adversary_.opponent_noise()) phase.noise.push_back(more);
    phase.losses = [this](const PhaseInput& in) {
      const Contest both = contest(in);
      PhaseOutput out;
      out.generated = both.fake;
      out.losses.push_back({"generator", adversary_.opponent_loss(in, both)});
      if (gan_.mode_seeking > 0)
        out.losses.push_back({"mode_seeking", mode_seeking_term(in, both.fake), gan_.mode_seeking});
      return out;
    };
    return phase;
  }

  config::Gan gan_;
  Adversary adversary_;
  std::vector<NetworkSpec> networks_;
  std::vector<Phase> phases_;
};

bool takes_labels(const std::vector<config::Layer>& layers) {
  return std::ranges::any_of(layers, [](const config::Layer& layer) {
    return std::visit(
        []<class Kind>(const Kind& kind) {
          if constexpr (std::same_as<Kind, config::Residual>)
            return takes_labels(kind.layers) || takes_labels(kind.shortcut);
          return std::same_as<Kind, config::ClassConcatenation> ||
                 std::same_as<Kind, config::ClassProjection>;
        },
        layer.kind);
  });
}

void check_conditioning(const config::Gan& gan, const DataFacts& data,
                        std::vector<ConfigurationError>& errors) {
  if (!is_conditional(gan)) return;
  if (data.classes == 0)
    errors.push_back({"gan.conditioning",
                      "conditioning: the data has no labels; name a labels file, choose a labelled "
                      "data set, or set conditioning: \"none\""});
  const auto check = [&](const config::Network& network, const char* path, const char* layers) {
    if (!network.layers.empty() && !takes_labels(network.layers))
      errors.push_back(
          {path, fmt::format("layers: none of them reads the class labels: add {}", layers)});
  };
  check(gan.generator, "gan.generator.layers", "class_concatenation");
  check(gan.discriminator, "gan.discriminator.layers", "class_projection or class_concatenation");
}

std::unique_ptr<Objective> make_gan(const config::RunConfig& config, const DataFacts& data,
                                    std::vector<ConfigurationError>& errors) {
  const auto& gan = std::get<config::Gan>(config.family);
  const size_t before = errors.size();
  const networks::Shape sample = network_shape(data.shape);
  check_adversarial(gan, "gan", errors, sample);
  check_conditioning(gan, data, errors);
  const int64_t classes = is_conditional(gan) ? data.classes : 0;
  auto generator = plan_network(gan.generator,
                                {.path = "gan.generator",
                                 .input = {gan.latent.dimension},
                                 .output = sample,
                                 .role = networks::Role::kGenerator,
                                 .output_activation = data.shape.image ? "tanh" : "none",
                                 .classes = classes,
                                 .conditioning = gan.conditioning},
                                errors);
  auto discriminator = plan_network(gan.discriminator,
                                    {.path = "gan.discriminator",
                                     .input = shown_shape(gan, sample),
                                     .output = {1},
                                     .role = networks::Role::kDiscriminator,
                                     .classes = classes,
                                     .conditioning = gan.conditioning},
                                    errors);
  if (errors.size() > before || !generator || !discriminator) return nullptr;
  return std::make_unique<Gan>(gan, sample, std::move(*generator), std::move(*discriminator),
                               config.batch);
}

}  // namespace

extern const FamilyRow kGanFamily{.name = config::Gan::kBlock.name, .make = make_gan};

}  // namespace allmodes::objectives
