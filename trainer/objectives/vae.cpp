// Variational autoencoder (Kingma and Welling, arXiv 1312.6114) and its variants: beta weights the
// KL term (Higgins et al., ICLR 2017), on a schedule, with free bits, split into three, or replaced
// by the importance-weighted bound (vae_terms.h); the encoder may be trained ahead of the decoder.

#include <ATen/TensorOperators.h>

#include "config/families.h"
#include "objectives/autoencoder.h"
#include "objectives/kl_schedule.h"
#include "objectives/registry.h"
#include "objectives/vae_terms.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kPosterior = "posterior";
constexpr const char* kKlWeight = "kl_weight";

class Vae final : public AutoencoderFamily {
 public:
  Vae(const config::Vae& vae, AutoencoderCore core, int64_t data_set_size)
      : AutoencoderFamily(std::move(core)), vae_(vae), data_set_size_(data_set_size) {
    for (int64_t i = 0; i < vae.inference_steps; ++i) phases_.push_back(inference_phase(i));
    phases_.push_back(elbo_phase());
  }

 private:
  Phase elbo_phase() const {
    Phase phase{.name = "elbo", .trains = {"encoder", "decoder"}, .noise = {noise()}};
    if (vae_.kl_schedule != "constant")
      phase.noise.push_back(number_of_step(kKlWeight, [vae = vae_](uint64_t step) {
        return kl_weight(vae.kl_schedule, vae.beta, vae.kl_warmup_steps, step);
      }));
    phase.losses = [this](const PhaseInput& in) { return losses(in); };
    return phase;
  }

  // The encoder alone, on a batch of its own, so that it does not lag behind the decoder (He et
  // al., arXiv 1901.05534). A fixed number of steps stands for the paper's loop until the bound
  // stalls, and the joint step after them trains both networks, where the paper's trains the
  // decoder: the step reads the same for every rank and every configuration.
  Phase inference_phase(int64_t index) const {
    Phase phase = elbo_phase();
    phase.name = fmt::format("inference_{}", index);
    phase.trains = {"encoder"};
    phase.until = vae_.inference_until;
    return phase;
  }

  NoiseInput noise() const {
    NoiseInput noise = posterior_noise(kPosterior, vae_.latent);
    if (vae_.importance_samples > 1)
      noise.shape.insert(noise.shape.begin(), vae_.importance_samples);
    return noise;
  }

  PhaseOutput losses(const PhaseInput& in) const {
    if (vae_.importance_samples > 1) return importance_weighted(in);
    const Posterior q = encode(in.forward, in.samples, in.labels);
    const at::Tensor z = sample_posterior(q, in.noise(kPosterior));
    const at::Tensor output = core_.decode(in.forward, z, in.labels);
    PhaseOutput out;
    out.losses = {{"reconstruction", core_.reconstruction(output, in.samples)}};
    add_kl(in, q, z, out);
    out.generated = core_.mean(output.detach());
    return out;
  }

  // The KL term in the form that is configured; observations say what it hides.
  void add_kl(const PhaseInput& in, const Posterior& q, const at::Tensor& z,
              PhaseOutput& out) const {
    const bool scheduled = vae_.kl_schedule != "constant";
    const double weight = scheduled ? 1 : vae_.beta;
    const at::Tensor factor = scheduled ? in.number(kKlWeight) : at::Tensor();
    if (scheduled) out.observations.push_back({kKlWeight, factor});
    if (vae_.total_correlation != 1) {
      const KlParts parts = decompose_kl(q, z, data_set_size_, in.coupling);
      out.losses.push_back({"mutual_information", parts.mutual_information, weight, factor});
      out.losses.push_back(
          {"total_correlation", parts.total_correlation, weight * vae_.total_correlation, factor});
      out.losses.push_back({"dimension_kl", parts.dimension_kl, weight, factor});
      out.observations.push_back({"kl", kl_to_normal(q).detach().sum(1).mean()});
      return;
    }
    const at::Tensor kl = kl_to_normal(q);
    if (vae_.free_bits > 0) {
      out.losses.push_back({"kl", free_bits(kl, vae_.free_bits, in.coupling), weight, factor});
      out.observations.push_back({"kl", kl.detach().sum(1).mean()});
      return;
    }
    out.losses.push_back({"kl", kl.sum(1).mean(), weight, factor});
  }

  PhaseOutput importance_weighted(const PhaseInput& in) const {
    const int64_t count = in.samples.size(0), k = vae_.importance_samples;
    const Posterior q = encode(in.forward, in.samples, in.labels);
    const Posterior each{q.mean.unsqueeze(1), q.log_variance.unsqueeze(1)};
    const at::Tensor& noise = in.noise(kPosterior);
    const at::Tensor z = sample_posterior(each, noise);
    const at::Tensor labels = in.labels.defined() ? in.labels.repeat_interleave(k) : in.labels;
    const at::Tensor output = core_.decode(in.forward, z.flatten(0, 1), labels);
    const at::Tensor cost =
        core_.negative_log_likelihood(output, in.samples.repeat_interleave(k, 0)).view({count, k});
    PhaseOutput out;
    out.losses = {
        {"importance_bound", importance_weighted_bound(cost, log_density_ratio(each, z, noise))}};
    out.observations = {{"reconstruction", cost.detach().mean()},
                        {"kl", kl_to_normal(q).detach().sum(1).mean()}};
    out.generated = core_.mean(output.detach()).unflatten(0, {count, k}).select(1, 0);
    return out;
  }

  config::Vae vae_;
  int64_t data_set_size_;
};

class Checks {
 public:
  Checks(const config::RunConfig& config, const config::Vae& vae,
         std::vector<ConfigurationError>& errors)
      : config_(config), vae_(vae), errors_(errors) {}

  void run(const DataFacts& data) {
    schedule();
    importance_weighted();
    total_correlation(data);
    whole_batch();
    if (vae_.inference_steps == 0 && vae_.inference_until > 0)
      refuse("inference_until", "there are no inference_steps that it could end");
  }

 private:
  void refuse(const char* field, std::string message, bool depends_on_data = false) {
    errors_.push_back({fmt::format("vae.{}", field), std::move(message), depends_on_data});
  }

  void schedule() {
    const bool constant = vae_.kl_schedule == "constant";
    if (constant && vae_.kl_warmup_steps > 0)
      refuse("kl_warmup_steps", "a constant schedule has no way to go; use kl_schedule \"linear\"");
    if (!constant && vae_.kl_warmup_steps < 1)
      refuse("kl_warmup_steps",
             fmt::format("the schedule \"{}\" needs the number of its steps", vae_.kl_schedule));
  }

  // The bound is one on ln p(x) only as it stands.
  void importance_weighted() {
    if (vae_.importance_samples == 1) return;
    const char* other = vae_.beta != 1                   ? "beta"
                        : vae_.kl_schedule != "constant" ? "kl_schedule"
                        : vae_.free_bits > 0             ? "free_bits"
                        : vae_.total_correlation != 1    ? "total_correlation"
                                                         : nullptr;
    if (other != nullptr)
      refuse("importance_samples",
             fmt::format("the importance-weighted bound has no KL term of its own that {} could "
                         "change; leave {} at its default, or importance_samples at 1",
                         other, other));
  }

  void total_correlation(const DataFacts& data) {
    if (vae_.total_correlation == 1) return;
    if (vae_.free_bits > 0)
      refuse("total_correlation",
             "free bits are defined for the KL of each dimension, which this weight takes apart; "
             "use one of the two");
    if (config_.batch < 2)
      refuse("total_correlation", "the total correlation of a batch needs two samples or more");
    if (data.size < 2) refuse("total_correlation", "the data set has less than two samples", true);
  }

  void whole_batch() {
    if (config::backward_passes(config_) == 1) return;
    const char* field = vae_.free_bits > 0            ? "free_bits"
                        : vae_.total_correlation != 1 ? "total_correlation"
                                                      : nullptr;
    if (field != nullptr)
      refuse(
          field,
          "it is a function of the whole batch, which microbatches and deterministic shards take "
          "apart; leave them out");
  }

  const config::RunConfig& config_;
  const config::Vae& vae_;
  std::vector<ConfigurationError>& errors_;
};

std::unique_ptr<Objective> make_vae(const config::RunConfig& config, const DataFacts& data,
                                    std::vector<ConfigurationError>& errors) {
  const auto& vae = std::get<config::Vae>(config.family);
  const size_t before = errors.size();
  Checks(config, vae, errors).run(data);
  auto core =
      AutoencoderCore::plan(vae, {.path = "vae", .conditional = vae.conditional}, data, errors);
  if (errors.size() > before || !core) return nullptr;
  return std::make_unique<Vae>(vae, std::move(*core), data.size);
}

}  // namespace

extern const FamilyRow kVaeFamily{.name = config::Vae::kBlock.name, .make = make_vae};

}  // namespace allmodes::objectives
