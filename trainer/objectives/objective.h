#pragma once

// A family's mathematics: which networks it has, which phases make a step, and each phase's losses.
// Pure tensor math: nothing here knows of ranks, optimizers or where noise comes from.

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "networks/plan.h"
#include "networks/registry.h"

namespace allmodes::objectives {

// A random tensor that a phase takes: [local batch, values...], "normal" N(0,1), "uniform" U[0,1)
// or "uniform_symmetric" U[-1,1). Its numbers depend on (seed, name, step, global sample index)
// alone.
struct NoiseInput {
  std::string name;
  std::vector<int64_t> shape;  // without the batch
  std::string distribution = "normal";
};

// Runs a network by name on x: in training mode with the step's weights, or in evaluation mode with
// averaged weights, as the caller decided.
using Forward = std::function<at::Tensor(const std::string& network, const at::Tensor& x)>;

struct PhaseInput {
  at::Tensor
      samples;        // [local batch, sample shape...]: the phase's own, or the last phase's, batch
  at::Tensor labels;  // [local batch], undefined for unlabelled data
  std::vector<at::Tensor> noise;  // as Phase::noise lists them
  Forward forward;
};

// One summand of what is minimized: weight * value, a scalar that is a mean over the local batch.
struct LossTerm {
  std::string name;  // recorded as "loss_<name>"
  at::Tensor value;
  double weight = 1.0;
};

// A scalar worth recording that is not minimized: a mean over the local batch.
struct Observation {
  std::string name;
  at::Tensor value;
};

struct PhaseOutput {
  std::vector<LossTerm> losses;
  std::vector<Observation> observations;
  at::Tensor generated;  // samples made in this phase, if any; detached by whoever keeps them
};

struct Phase {
  std::string name;
  std::vector<std::string> trains;  // networks whose weights this phase updates
  bool reads_samples = true;        // takes a new batch from the data; false: sees the last one
  int64_t interval = 1;             // runs every so many steps
  std::vector<NoiseInput> noise = {};
  std::function<PhaseOutput(const PhaseInput&)> losses = {};
};

struct NetworkSpec {
  std::string name;
  networks::Plan plan;
  config::Optimizer optimizer;
};

class Objective {
 public:
  virtual ~Objective() = default;
  virtual const std::vector<NetworkSpec>& networks() const = 0;
  // In the order in which a step runs them.
  virtual const std::vector<Phase>& phases() const = 0;
  // The prior that generate() takes.
  virtual const config::Latent& latent() const = 0;
  // The network that makes samples.
  virtual std::string generator() const = 0;
  // [n, latent] -> [n, sample shape...] in the data's scale (images in [-1, 1]).
  virtual at::Tensor generate(const Forward& forward, const at::Tensor& latent) const = 0;

  // Autoencoders: mean and log-variance [n, latent] of the posterior; absent for a GAN.
  struct Posterior {
    at::Tensor mean;
    at::Tensor log_variance;
  };
  virtual bool encodes() const { return false; }
  virtual Posterior encode(const Forward& forward, const at::Tensor& samples) const;
};

// A place in the configuration that a builder refuses; `path` is relative to the run's root.
struct ConfigurationError {
  std::string path;
  std::string message;
  bool depends_on_shape = false;  // of the samples
};

// Builds the family that `config` names for samples of `shape`. Adds to `errors` everything that it
// refuses (unknown names, networks whose shapes do not fit) and returns nullptr when there is any.
std::unique_ptr<Objective> make_objective(const config::RunConfig& config,
                                          const data::SampleShape& shape,
                                          std::vector<ConfigurationError>& errors);

// Plans the network configured at `path`, or adds to `errors` why it cannot be.
std::optional<networks::Plan> plan_network(const config::Network& network, const std::string& path,
                                           const networks::Shape& input,
                                           const networks::Shape& output, networks::Role role,
                                           const std::string& output_activation,
                                           std::vector<ConfigurationError>& errors);

// The shape of a sample for networks: [channels, height, width] of images, [values] of points.
networks::Shape network_shape(const data::SampleShape& shape);

}  // namespace allmodes::objectives
