#include "objectives/autoencoder.h"

#include <ATen/TensorOperators.h>

#include "config/load.h"

namespace allmodes::objectives {
namespace {

bool check_likelihood(const config::Autoencoder& settings, const std::string& path,
                      const DataFacts& data, std::vector<ConfigurationError>& errors) {
  const auto& name = settings.likelihood;
  if (!likelihoods().contains(name)) {
    errors.push_back({path, config::unknown_name("likelihood", name, names_of(likelihoods()))});
    return false;
  }
  if (likelihoods().at(name).needs_images && !data.shape.image) {
    errors.push_back({path,
                      fmt::format("the likelihood \"{}\" needs images (values in [-1, 1]); use "
                                  "\"gaussian\"",
                                  name),
                      true});
  }
  return true;
}

networks::Shape decoder_output(const networks::Shape& sample, int64_t outputs) {
  networks::Shape shape = sample;
  shape[0] *= outputs;
  return shape;
}

}  // namespace

std::optional<AutoencoderCore> AutoencoderCore::plan(const config::Autoencoder& settings,
                                                     const AutoencoderTraits& traits,
                                                     const DataFacts& data,
                                                     std::vector<ConfigurationError>& errors) {
  const size_t before = errors.size();
  const std::string& path = traits.path;
  const bool known = check_likelihood(settings, path + ".likelihood", data, errors);
  if (traits.conditional && data.classes == 0)
    errors.push_back({path + ".conditional", "the data set has no labels to condition on", true});
  const networks::Shape sample = network_shape(data.shape);
  const int64_t codes = settings.latent.dimension;
  const int64_t classes = traits.conditional ? data.classes : 0;
  const std::string conditioning = traits.conditional ? "concatenation" : "none";
  auto encoder = plan_network(settings.encoder,
                              {.path = path + ".encoder",
                               .input = sample,
                               .output = {traits.encoder == Encoder::kGaussian ? 2 * codes : codes},
                               .role = networks::Role::kEncoder,
                               .classes = classes,
                               .conditioning = conditioning},
                              errors);
  const int64_t outputs = known ? likelihoods().at(settings.likelihood).outputs : 1;
  auto decoder = plan_network(settings.decoder,
                              {.path = path + ".decoder",
                               .input = {codes},
                               .output = decoder_output(sample, outputs),
                               .role = networks::Role::kDecoder,
                               .classes = classes,
                               .conditioning = conditioning},
                              errors);
  if (errors.size() > before || !encoder || !decoder) return std::nullopt;
  return AutoencoderCore(settings, traits, std::move(*encoder), std::move(*decoder));
}

AutoencoderCore::AutoencoderCore(const config::Autoencoder& settings, AutoencoderTraits traits,
                                 networks::Plan encoder, networks::Plan decoder)
    : settings_(settings),
      traits_(std::move(traits)),
      likelihood_(likelihoods().at(settings.likelihood)) {
  networks_ = {{"encoder", std::move(encoder), settings.optimizer},
               {"decoder", std::move(decoder), settings.optimizer}};
}

AutoencoderCore::Posterior AutoencoderCore::encode(const Forward& forward,
                                                   const at::Tensor& samples,
                                                   const at::Tensor& labels) const {
  const at::Tensor output = forward("encoder", samples, labels_for(labels));
  if (traits_.encoder == Encoder::kDeterministic) return {output, {}};
  const auto halves = output.chunk(2, 1);
  return {halves[0], halves[1]};
}

at::Tensor AutoencoderCore::decode(const Forward& forward, const at::Tensor& z,
                                   const at::Tensor& labels) const {
  return forward("decoder", z, labels_for(labels));
}

at::Tensor AutoencoderCore::negative_log_likelihood(const at::Tensor& output,
                                                    const at::Tensor& samples) const {
  return likelihood_.negative_log(output, samples, settings_.variance);
}

at::Tensor AutoencoderCore::reconstruction(const at::Tensor& output,
                                           const at::Tensor& samples) const {
  return negative_log_likelihood(output, samples).mean();
}

at::Tensor AutoencoderCore::mean(const at::Tensor& output) const {
  return likelihood_.mean(output);
}

at::Tensor AutoencoderCore::generate(const Forward& forward, const at::Tensor& z,
                                     const at::Tensor& labels) const {
  return mean(decode(forward, z, labels));
}

// Labelled data give labels to every family; networks that do not read them get none.
const at::Tensor& AutoencoderCore::labels_for(const at::Tensor& labels) const {
  static const at::Tensor none;
  return traits_.conditional ? labels : none;
}

NoiseInput posterior_noise(const std::string& name, const config::Latent& latent) {
  return {.name = name, .shape = {latent.dimension}};
}

at::Tensor sample_posterior(const Objective::Posterior& posterior, const at::Tensor& noise) {
  if (!posterior.log_variance.defined()) return posterior.mean;
  return posterior.mean + (posterior.log_variance * 0.5).exp() * noise;
}

at::Tensor kl_to_normal(const Objective::Posterior& posterior) {
  return (posterior.mean.square() + posterior.log_variance.exp() - posterior.log_variance - 1) *
         0.5;
}

}  // namespace allmodes::objectives
