#pragma once

// A family with weights of its own in double precision, whose phases are compared with formulas and
// finite differences.

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/random.h"
#include "gradients/gradient_hooks.h"
#include "networks/forward.h"
#include "objectives/objective.h"

namespace allmodes::testing {

inline at::Tensor draw(std::vector<int64_t> shape, const std::string& purpose,
                       bool uniform = false) {
  const at::Tensor values = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
  const NoiseKey key{.seed = 21, .purpose = Purpose(purpose)};
  (uniform ? fill_uniform : fill_normal)(key, 0, 1, values.numel(), values.data_ptr<float>());
  return values.to(at::kDouble);
}

inline std::vector<double> list(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

class DoubleFamily {
 public:
  // On points of `values` coordinates; of `classes` classes, if any.
  DoubleFamily(const config::Family& family, int64_t values, int64_t classes = 0)
      : DoubleFamily(family,
                     objectives::DataFacts{.shape = {.channels = values}, .classes = classes}) {}

  DoubleFamily(const config::Family& family, const objectives::DataFacts& data) {
    config::RunConfig config;
    config.family = family;
    std::vector<objectives::ConfigurationError> errors;
    objective_ = objectives::make_objective(config, data, errors);
    for (const auto& error : errors) ADD_FAILURE() << error.path << ": " << error.message;
    if (objective_ == nullptr) throw std::runtime_error("the family was refused");
    for (const auto& spec : objective_->networks()) {
      auto& weights = weights_[spec.name];
      for (const auto& parameter : spec.plan.parameters)
        weights.push_back(draw(parameter.shape, spec.name + parameter.name) * 0.5);
    }
  }

  const objectives::Phase& phase(const std::string& name) const {
    for (const auto& phase : objective_->phases())
      if (phase.name == name) return phase;
    throw std::runtime_error("no phase " + name);
  }

  objectives::PhaseInput input(const objectives::Phase& phase, const at::Tensor& samples) {
    objectives::PhaseInput in{samples, labels, {}, runner()};
    for (const auto& noise : phase.noise) {
      if (noise.of_step) {
        in.noises.emplace_back(noise.name, at::full({1}, noise.of_step(step), at::kDouble));
        continue;
      }
      std::vector<int64_t> shape = noise.shape;
      shape.insert(shape.begin(), samples.size(0));
      in.noises.emplace_back(noise.name,
                             draw(shape, noise.name + phase.name, noise.distribution != "normal"));
    }
    return in;
  }

  at::Tensor total(const objectives::Phase& phase, const at::Tensor& samples) {
    at::Tensor sum;
    for (const auto& term : phase.losses(input(phase, samples)).losses) {
      const at::Tensor weighted = term.weighted();
      sum = sum.defined() ? sum + weighted : weighted;
    }
    return sum;
  }

  at::Tensor forward(const std::string& network, const at::Tensor& x) {
    return runner()(network, x);
  }

  std::vector<at::Tensor>& weights(const std::string& network) { return weights_.at(network); }
  const objectives::Objective& objective() const { return *objective_; }

  at::Tensor labels;  // of the samples, where they have any
  uint64_t step = 0;  // of the run

 private:
  objectives::Forward runner() {
    return {
        [this](const std::string& network, const at::Tensor& x, const at::Tensor& of_classes,
               std::span<const at::Tensor> weights) {
          networks::Context context{.training = true, .labels = of_classes};
          for (const auto& spec : objective_->networks())
            if (spec.name == network)
              return networks::forward(spec.plan, weights.empty() ? weights_.at(network) : weights,
                                       {}, x, context);
          throw std::runtime_error("no network " + network);
        },
        [this](const std::string& network) -> std::span<const at::Tensor> {
          return weights_.at(network);
        },
        {},
        [this](const std::string& network, size_t layers, const at::Tensor& x, const at::Tensor&) {
          networks::Context context{.training = true, .layers = layers};
          for (const auto& spec : objective_->networks())
            if (spec.name == network)
              return networks::forward(spec.plan, weights_.at(network), {}, x, context);
          throw std::runtime_error("no network " + network);
        }};
  }

  std::unique_ptr<objectives::Objective> objective_;
  std::map<std::string, std::vector<at::Tensor>> weights_;
};

// Central differences of the phase's whole loss in every parameter that it trains, with the other
// networks' gradients off, as in a step.
inline void expect_gradient_of_finite_differences(DoubleFamily& family, const std::string& name,
                                                  const at::Tensor& samples) {
  const objectives::Phase& phase = family.phase(name);
  for (const auto& network : phase.trains)
    for (at::Tensor& weight : family.weights(network)) weight.requires_grad_(true);
  gradients::backward(family.total(phase, samples));
  double largest = 0;
  for (const auto& network : phase.trains) {
    for (at::Tensor& weight : family.weights(network)) {
      weight.requires_grad_(false);
      const auto gradient = weight.grad().defined()
                                ? list(weight.grad())
                                : std::vector<double>(static_cast<size_t>(weight.numel()), 0.0);
      auto* data = weight.data_ptr<double>();
      for (size_t i = 0; i < gradient.size(); ++i) {
        constexpr double kStep = 1e-5;
        const double kept = data[i];
        data[i] = kept + kStep;
        const double above = family.total(phase, samples).item<double>();
        data[i] = kept - kStep;
        const double below = family.total(phase, samples).item<double>();
        data[i] = kept;
        ASSERT_NEAR(gradient[i], (above - below) / (2 * kStep), 2e-7) << network << " " << i;
        largest = std::max(largest, std::abs(gradient[i]));
      }
      weight.mutable_grad() = at::Tensor();
    }
  }
  EXPECT_GT(largest, 1e-3) << "a zero gradient proves nothing";
}

}  // namespace allmodes::testing
