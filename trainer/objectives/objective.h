#pragma once

// A family's mathematics: which networks it has, which phases make a step, and each phase's losses.
// Pure tensor math: nothing here knows of ranks, optimizers or where noise comes from.

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/run_config.h"
#include "data/dataset.h"
#include "networks/plan.h"
#include "networks/registry.h"

namespace allmodes::objectives {

// A random tensor that a phase takes: [local batch, values...]. Its numbers depend on (seed, name,
// the phase's name, step, global sample index) alone.
struct NoiseInput {
  std::string name;
  std::vector<int64_t> shape;  // without the batch
  // "normal" N(0,1), "uniform" U[0,1), "uniform_symmetric" U[-1,1); with `prior`, not read.
  std::string distribution = "normal";
  std::optional<config::Latent> prior =
      std::nullopt;           // latents of this prior; shape is its dimension
  std::string drawn_by = {};  // the phase whose numbers they are; empty: the one that takes them
  bool shared = false;        // not of a sample: [1, values...], the same for the whole batch
  // Not random, but a function of the step of the run, from 0. What a phase computes may depend on
  // the step through such numbers alone: they are given to it as noise is, so that a phase that was
  // recorded (training/phase_graphs.h) sees those of each step.
  std::function<double(uint64_t step)> of_step = {};
};

// The number `name` of each step, which PhaseInput::number() gives.
NoiseInput number_of_step(const std::string& name, std::function<double(uint64_t step)> number);

// Latents of `latent`'s prior, as the noise `name`.
NoiseInput latent_noise(const std::string& name, const config::Latent& latent);

// Runs a network by name on x: in training mode with the step's weights, or in evaluation mode with
// averaged weights, as the caller decided.
class Forward {
 public:
  // `weights`: empty for the network's own, else used instead of them, in the order of its plan.
  using Run =
      std::function<at::Tensor(const std::string& network, const at::Tensor& x,
                               const at::Tensor& labels, std::span<const at::Tensor> weights)>;
  using Weights = std::function<std::span<const at::Tensor>(const std::string& network)>;

  // The first `layers` layers of a network, with its own weights.
  using First = std::function<at::Tensor(const std::string& network, size_t layers,
                                         const at::Tensor& x, const at::Tensor& labels)>;

  // `exact`: the same in float32 where `run` is not; none where it is.
  // `buffers`: as `weights`, of what a network keeps without training it.
  Forward(Run run, Weights weights, Run exact = {}, First first = {}, Weights buffers = {})
      : run_(std::move(run)),
        weights_(std::move(weights)),
        exact_(std::move(exact)),
        first_(std::move(first)),
        buffers_(std::move(buffers)) {}

  // `labels` [n] int64: of class-conditional networks, else undefined.
  at::Tensor operator()(const std::string& network, const at::Tensor& x,
                        const at::Tensor& labels = {}) const {
    return run_(network, x, labels, {});
  }
  // The output of the first `layers` layers of the network's list, at least one: [n, ...].
  at::Tensor first(const std::string& network, size_t layers, const at::Tensor& x,
                   const at::Tensor& labels = {}) const {
    return first_(network, layers, x, labels);
  }
  // The network's weights, in the order of its plan.
  std::span<const at::Tensor> weights(const std::string& network) const {
    return weights_(network);
  }
  // The network's buffers, in the order of its plan.
  std::span<const at::Tensor> buffers(const std::string& network) const {
    return buffers_(network);
  }
  // With other weights in place of its own: differentiable in them.
  at::Tensor with(const std::string& network, std::span<const at::Tensor> weights,
                  const at::Tensor& x, const at::Tensor& labels = {}) const {
    return run_(network, x, labels, weights);
  }
  // As with(), in float32 whatever the run's precision: for what is differentiated twice.
  at::Tensor exact(const std::string& network, std::span<const at::Tensor> weights,
                   const at::Tensor& x, const at::Tensor& labels = {}) const {
    return exact_ ? exact_(network, x, labels, weights) : run_(network, x, labels, weights);
  }
  // with() is exact() too.
  bool is_exact() const { return !exact_; }

 private:
  Run run_;
  Weights weights_;
  Run exact_;
  First first_;
  Weights buffers_;
};

// What a loss may compute over the samples of all ranks (gradients/coupling.h): differentiable,
// once. The functions of one process are identities.
struct Coupling {
  // [n, ...] of every rank, in global sample order: [ranks * n, ...].
  std::function<at::Tensor(const at::Tensor&)> gather = [](const at::Tensor& x) { return x; };
  // The mean over ranks.
  std::function<at::Tensor(const at::Tensor&)> mean = [](const at::Tensor& x) { return x; };
};

struct PhaseInput {
  at::Tensor
      samples;        // [local batch, sample shape...]: the phase's own, or the last phase's, batch
  at::Tensor labels;  // [local batch], undefined for unlabelled data
  std::vector<std::pair<std::string, at::Tensor>> noises;  // by name, as Phase::noise lists them
  Forward forward;
  Coupling coupling = {};
  // What an earlier phase of this step handed on (Phase::hands_on), of these samples; empty where
  // it is to be computed anew, to the same numbers.
  std::vector<at::Tensor> handed_on = {};
  // The place of the first sample in the global batch, and the samples of that batch.
  int64_t first = 0;
  int64_t batch = 0;

  // [local batch, shape...] of the noise `name`; throws kSoftware for a name the phase does not
  // list.
  const at::Tensor& noise(std::string_view name) const;
  // A number_of_step() of the phase, a scalar.
  at::Tensor number(std::string_view name) const;
};

// One summand of what is minimized: weight * factor * value, a scalar that is a mean over the local
// batch.
struct LossTerm {
  std::string name;  // recorded as "loss_<name>", without its weight
  at::Tensor value;
  double weight = 1.0;
  at::Tensor factor = {};  // a scalar without gradient; undefined: 1

  // What is minimized, over so many parts of the batch.
  at::Tensor weighted(int64_t parts = 1) const;
};

// A scalar worth recording that is not minimized: a mean over the local batch.
struct Observation {
  std::string name;
  at::Tensor value;
};

// A mean over the local samples that moves buffer `index` of a trained network, as the batch
// statistics of a layer do: averaged over the ranks, it replaces `momentum` of the buffer.
struct BufferMean {
  std::string network;
  size_t index;
  at::Tensor value;  // of the buffer's shape
};

// A network's storage after an update, by the indices of its plan: views that may be written.
struct UpdatedNetwork {
  std::span<at::Tensor> weights, averages, buffers;
  std::span<const at::Tensor> means;  // what BufferMean was, over all ranks; of that shape
};

struct PhaseOutput {
  std::vector<LossTerm> losses;
  std::vector<Observation> observations;
  at::Tensor generated;  // samples made in this phase, if any; detached by whoever keeps them
  std::vector<at::Tensor> handed_on = {};  // of a phase that hands on: with its graph
  std::vector<BufferMean> means = {};
};

struct Phase {
  std::string name;
  std::vector<std::string> trains;  // networks whose weights this phase updates
  bool reads_samples = true;        // takes a new batch from the data; false: sees the last one
  int64_t interval = 1;             // runs every so many steps
  std::vector<NoiseInput> noise = {};
  std::function<PhaseOutput(const PhaseInput&)> losses = {};
  int64_t from = 0;            // runs in no step below this one
  int64_t until = 0;           // runs in steps below this one only; 0: in all
  double clip_weights = 0;     // > 0: the trained weights are then clamped to [-c, c]
  std::string optimizer = {};  // of the trained networks: a name of NetworkSpec::more_optimizers
  // Networks that this phase does not train but runs so that the next phase that trains them can go
  // on from PhaseOutput::handed_on, which it may be spared to compute again.
  std::vector<std::string> hands_on = {};
  // What follows the update of a trained network, from its storage alone: the same on every rank.
  struct Settling {
    std::string network;
    std::function<void(const UpdatedNetwork&)> settle;
  };
  std::vector<Settling> settling = {};

  bool runs_in(uint64_t step) const {
    return step % static_cast<uint64_t>(interval) == 0 && step >= static_cast<uint64_t>(from) &&
           (until == 0 || step < static_cast<uint64_t>(until));
  }
};

struct NamedOptimizer {
  std::string name;
  config::Optimizer settings;
};

struct NetworkSpec {
  std::string name;
  networks::Plan plan;
  config::Optimizer optimizer;
  // Optimizers of the same weights with moments of their own, for the phases that name one.
  std::vector<NamedOptimizer> more_optimizers = {};
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
  // [n, latent] -> [n, sample shape...] in the data's scale (images in [-1, 1]). `labels` [n] of a
  // class-conditional family, else not read.
  virtual at::Tensor generate(const Forward& forward, const at::Tensor& latent,
                              const at::Tensor& labels) const = 0;
  // Samples are made for a label.
  virtual bool conditional() const { return false; }

  // Whether samples can be drawn from the prior. Where not, a model is judged by its
  // reconstructions of held-out samples.
  virtual bool draws() const { return true; }
  // Codes of a codebook: their number, 0 where there is none, and those of `samples`, [n, places].
  virtual int64_t codes() const { return 0; }
  virtual at::Tensor codes_of(const Forward& forward, const at::Tensor& samples) const;
  // Steps of the training since each code was found in a batch, [codes]; undefined where that is
  // not kept.
  virtual at::Tensor code_ages(const Forward& forward) const;
  // The discriminator's score of each of `samples`, the mean where it gives several, [n]; undefined
  // where nothing tells samples from their reconstructions.
  virtual at::Tensor scores_of(const Forward& forward, const at::Tensor& samples) const;
  // Of each of `made`, pictures, from its sample in the features of a network that others have
  // trained, [n]; undefined where the family measures none. Throws kNoInput or kDataError for the
  // network's weights.
  virtual at::Tensor perceptual_distances(const at::Tensor& made, const at::Tensor& samples) const;

  // Autoencoders: the posterior [n, latent]; absent for a GAN.
  struct Posterior {
    at::Tensor mean;
    at::Tensor log_variance;  // undefined for a deterministic encoder
  };
  virtual bool encodes() const { return false; }
  virtual Posterior encode(const Forward& forward, const at::Tensor& samples,
                           const at::Tensor& labels) const;
};

// A place in the configuration that a builder refuses; `path` is relative to the run's root.
struct ConfigurationError {
  std::string path;
  std::string message;
  bool depends_on_shape = false;  // of the samples
};

// What a family may know of its data when it is made.
struct DataFacts {
  data::SampleShape shape;
  int64_t classes = 0;                     // 0: unlabelled
  const data::Mixture* mixture = nullptr;  // where the distribution is known; outlives the family
  int64_t size = 0;                        // samples
};
DataFacts facts_of(const data::Dataset& dataset);

// Builds the family that `config` names for samples of such data. Adds to `errors` everything that
// it refuses (unknown names, networks whose shapes do not fit) and returns nullptr when there is
// any.
std::unique_ptr<Objective> make_objective(const config::RunConfig& config, const DataFacts& data,
                                          std::vector<ConfigurationError>& errors);

// What a family needs of a network.
struct NetworkRequest {
  std::string path;  // in the configuration
  networks::Shape input, output;
  networks::Role role;
  std::string output_activation = "none";
  int64_t classes = 0;                // of the labels it is given
  std::string conditioning = "none";  // how a named architecture takes them
  bool any_width = false;             // a flat output may have any number of values
};

// Plans the network, or adds to `errors` why it cannot be.
std::optional<networks::Plan> plan_network(const config::Network& network,
                                           const NetworkRequest& request,
                                           std::vector<ConfigurationError>& errors);

// The shape of a sample for networks: [channels, height, width] of images, [values] of points.
networks::Shape network_shape(const data::SampleShape& shape);

}  // namespace allmodes::objectives
