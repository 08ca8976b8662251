// A mixture of Gaussians fitted to a mixture that is known, by one divergence or another: what each
// does with the modes that it cannot all have (Goodfellow, arXiv 1701.00160, figure 14; Bishop,
// "Pattern recognition and machine learning", section 10.1.2).

#include "objectives/fit.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/special_ndtr.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <numbers>

#include "data/mixture.h"
#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kDensity = "density";
constexpr int64_t kPlane = 2;

at::Tensor host_tensor(const std::vector<double>& values) {
  return at::tensor(values, at::TensorOptions().dtype(at::kDouble));
}

GaussianMixture mixture_of(const data::Mixture& mixture) {
  std::vector<double> means, log_deviations, log_weights;
  for (size_t k = 0; k < mixture.means.size(); ++k) {
    for (const double x : mixture.means[k]) {
      means.push_back(x);
      log_deviations.push_back(std::log(mixture.stds[k]));
    }
    log_weights.push_back(std::log(mixture.weights[k]));
  }
  return {host_tensor(means).view({-1, kPlane}), host_tensor(log_deviations).view({-1, kPlane}),
          host_tensor(log_weights)};
}

GaussianMixture like(const GaussianMixture& mixture, const at::Tensor& points) {
  const auto options = points.options().requires_grad(false);
  return {mixture.means.to(options), mixture.log_deviations.to(options),
          mixture.log_weights.to(options)};
}

// The offsets and what they become by quarter turns: [4, n, ..., 2]. An isotropic Gaussian has them
// all alike, so a mean over them has no error in the first moment and none between the axes.
at::Tensor quarter_turns(const at::Tensor& offsets) {
  const at::Tensor turned = at::stack({-offsets.select(-1, 1), offsets.select(-1, 0)}, -1);
  return at::stack({offsets, turned, -offsets, -turned});
}

// Points that stand for a distribution: its expectation of f is sum_i weights[i] f(points[i]).
struct WeightedPoints {
  at::Tensor points;   // [n, 2]
  at::Tensor weights;  // [n]
};

class Fit final : public Objective {
 public:
  Fit(const config::Fit& fit, networks::Plan density, const data::Mixture& data)
      : fit_(fit),
        latent_{.dimension = kPlane + 1},
        data_(mixture_of(data)),
        networks_{{kDensity, std::move(density), fit.optimizer}} {
    Phase phase{.name = kDensity, .trains = {kDensity}};
    phase.noise = {{.name = "model", .shape = {fit.components, kPlane}}};
    phase.losses = [this](const PhaseInput& in) { return losses(in); };
    phases_ = {phase};
  }

  const std::vector<NetworkSpec>& networks() const override { return networks_; }
  const std::vector<Phase>& phases() const override { return phases_; }
  const config::Latent& latent() const override { return latent_; }
  std::string generator() const override { return kDensity; }

  // Two normals are the place within a component, the third chooses it through its quantile.
  at::Tensor generate(const Forward& forward, const at::Tensor& latent,
                      const at::Tensor&) const override {
    const GaussianMixture q = fitted_mixture(forward, fit_, latent.options());
    const at::Tensor upper = q.log_weights.exp().cumsum(0).slice(0, 0, fit_.components - 1);
    const at::Tensor quantile = at::special_ndtr(latent.narrow(1, kPlane, 1));
    const at::Tensor component = (quantile >= upper.unsqueeze(0)).sum(1);
    return q.means.index_select(0, component) +
           q.log_deviations.index_select(0, component).exp() * latent.narrow(1, 0, kPlane);
  }

 private:
  PhaseOutput losses(const PhaseInput& in) const {
    const GaussianMixture q = fitted_mixture(in.forward, fit_, in.samples.options());
    const GaussianMixture p = like(data_, in.samples);
    PhaseOutput out;
    out.losses = {{fit_.divergence, divergence(in, p, q)}};
    return out;
  }

  at::Tensor divergence(const PhaseInput& in, const GaussianMixture& p,
                        const GaussianMixture& q) const {
    const auto log_ratio = [&](const GaussianMixture& over, const GaussianMixture& under,
                               const WeightedPoints& at_points) {
      return (at_points.weights *
              (log_density(over, at_points.points) - log_density(under, at_points.points)))
          .sum();
    };
    if (fit_.divergence == "forward_kl") return log_ratio(p, q, data_points(in, p));
    if (fit_.divergence == "reverse_kl") return log_ratio(q, p, model_points(in, q));
    const auto to_middle = [&](const GaussianMixture& from, const WeightedPoints& at_points) {
      const at::Tensor lp = log_density(p, at_points.points);
      const at::Tensor lq = log_density(q, at_points.points);
      const at::Tensor middle = at::logaddexp(lp, lq) - std::numbers::ln2;
      return (at_points.weights * ((&from == &p ? lp : lq) - middle)).sum();
    };
    return (to_middle(p, data_points(in, p)) + to_middle(q, model_points(in, q))) * 0.5;
  }

  // The batch's samples and their quarter turns about the mode that each is from, weighted so that
  // every mode has its share: the batch's share of a mode, over all ranks, is noise that is known.
  WeightedPoints data_points(const PhaseInput& in, const GaussianMixture& p) const {
    const at::Tensor centre = p.means.index_select(0, in.labels);
    const at::Tensor points = (centre + quarter_turns(in.samples - centre)).flatten(0, 1);
    const double count = static_cast<double>(in.samples.size(0));
    const at::Tensor share = in.coupling.mean(
        at::bincount(in.labels, {}, p.means.size(0)).to(in.samples.options()) / count);
    const at::Tensor weight = p.log_weights.exp();
    const at::Tensor present = (weight * (share > 0)).sum();
    const at::Tensor of_each =
        (weight / (share * present)).index_select(0, in.labels) / (4 * count);
    return {points, of_each.repeat({4})};
  }

  // Noise moved into every component, which counts with its weight: differentiable in all of q's
  // parameters.
  WeightedPoints model_points(const PhaseInput& in, const GaussianMixture& q) const {
    const at::Tensor points =
        q.means + q.log_deviations.exp() * quarter_turns(in.noise("model"));  // [4, n, k, 2]
    const at::Tensor weights = q.log_weights.exp() / (4 * static_cast<double>(in.samples.size(0)));
    return {points.flatten(0, 2), weights.repeat({points.size(0) * points.size(1)})};
  }

  config::Fit fit_;
  config::Latent latent_;
  GaussianMixture data_;  // on the host, in double
  std::vector<NetworkSpec> networks_;
  std::vector<Phase> phases_;
};

}  // namespace

at::Tensor log_density(const GaussianMixture& q, const at::Tensor& points) {
  const at::Tensor offset = (points.unsqueeze(1) - q.means) * (-q.log_deviations).exp();
  const at::Tensor each =
      (offset.square() * -0.5 - q.log_deviations - 0.5 * std::log(2 * std::numbers::pi)).sum(2);
  return (each + q.log_weights).logsumexp(1);
}

GaussianMixture fitted_mixture(const Forward& forward, const config::Fit& fit,
                               const at::TensorOptions& options) {
  const at::Tensor values =
      forward(kDensity, at::ones({1, 1}, options.requires_grad(false))).flatten();
  const int64_t places = fit.components * kPlane;
  const auto matrix = [&](int64_t first) {
    return values.narrow(0, first, places).view({fit.components, kPlane});
  };
  return {matrix(0) * fit.spread, matrix(places),
          at::log_softmax(values.narrow(0, 2 * places, fit.components), 0)};
}

namespace {

std::unique_ptr<Objective> make_fit(const config::RunConfig& config, const DataFacts& data,
                                    std::vector<ConfigurationError>& errors) {
  const auto& fit = std::get<config::Fit>(config.family);
  if (data.mixture == nullptr) {
    errors.push_back({"fit",
                      "a density is fitted to a mixture that is known: use data set \"mixture\", "
                      "\"ring\" or \"grid\"",
                      true});
    return nullptr;
  }
  // A linear layer of a constant: its weights are the density's parameters.
  const int64_t parameters = fit.components * (2 * kPlane + 1);
  const config::Network network{.layers = {{config::Linear{.units = parameters, .bias = false}}}};
  auto density = plan_network(
      network,
      {.path = "fit", .input = {1}, .output = {parameters}, .role = networks::Role::kGenerator},
      errors);
  if (!density) return nullptr;
  return std::make_unique<Fit>(fit, std::move(*density), *data.mixture);
}

}  // namespace

extern const FamilyRow kFitFamily{.name = config::Fit::kBlock.name, .make = make_fit};

}  // namespace allmodes::objectives
