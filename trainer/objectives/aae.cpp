// Adversarial autoencoder (Makhzani et al., arXiv 1511.05644, section 2): on each batch a
// reconstruction phase, which trains encoder and decoder, and a regularization phase, in which a
// discriminator of codes and then the encoder are trained. The encoder has an optimizer for each of
// its two tasks, so that the moments of one do not scale the steps of the other.

#include "objectives/adversary.h"
#include "objectives/matching.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kCode = "code";

class Aae final : public MatchingAutoencoder {
 public:
  Aae(const config::Aae& aae, AutoencoderCore core, networks::Plan discriminator, int64_t batch)
      : MatchingAutoencoder(std::move(core)),
        adversary_(aae, {aae.latent.dimension}, discriminator, batch) {
    networks_[0].more_optimizers = {{kCode, aae.code_optimizer}};
    networks_.push_back(discriminator_spec(aae, std::move(discriminator)));
    phases_ = {reconstruction_phase()};
    auto regularization = adversary_.phases([this](const PhaseInput& in) { return contest(in); },
                                            comparison_noise(), {"encoder"});
    regularization[0].reads_samples = false;  // the batch that was reconstructed
    phases_.insert(phases_.end(), regularization.begin(), regularization.end());
    phases_.push_back(code_phase());
  }

 private:
  Phase reconstruction_phase() const {
    Phase phase{
        .name = "reconstruction", .trains = {"encoder", "decoder"}, .noise = coding_noise()};
    phase.losses = [this](const PhaseInput& in) {
      PhaseOutput out;
      reconstruct(in, codes(in).z, out);
      return out;
    };
    return phase;
  }

  Phase code_phase() const {
    Phase phase{.name = kCode,
                .trains = {"encoder"},
                .reads_samples = false,
                .noise = comparison_noise(kDiscriminator),
                .optimizer = kCode};
    for (auto& more : adversary_.opponent_noise()) phase.noise.push_back(more);
    phase.losses = [this](const PhaseInput& in) {
      PhaseOutput out;
      out.losses.push_back({kCode, adversary_.opponent_loss(in, contest(in))});
      return out;
    };
    return phase;
  }

  Adversary adversary_;
};

std::unique_ptr<Objective> make_aae(const config::RunConfig& config, const DataFacts& data,
                                    std::vector<ConfigurationError>& errors) {
  const auto& aae = std::get<config::Aae>(config.family);
  const size_t before = errors.size();
  check_adversarial(aae, "aae", errors, {aae.latent.dimension});
  auto core = AutoencoderCore::plan(aae, {.path = "aae", .encoder = encoder_of(aae.posterior)},
                                    data, errors);
  auto discriminator = plan_code_discriminator(aae, "aae", aae.latent, errors);
  if (errors.size() > before || !core || !discriminator) return nullptr;
  return std::make_unique<Aae>(aae, std::move(*core), std::move(*discriminator), config.batch);
}

}  // namespace

extern const FamilyRow kAaeFamily{.name = config::Aae::kBlock.name, .make = make_aae};

}  // namespace allmodes::objectives
