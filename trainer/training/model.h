#pragma once

// The networks of a run with everything that belongs to them: flat storage, reducer, optimizer.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gradients/gradient_reducer.h"
#include "networks/forward.h"
#include "objectives/objective.h"
#include "optimizers/flat_adam.h"
#include "training/noise.h"

namespace allmodes::training {

struct NetworkState {
  gradients::FlatNetwork flat;
  std::unique_ptr<optimizers::FlatAdam> optimizer;
  std::unique_ptr<gradients::GradientReducer> reducer;
  networks::BatchStatistics statistics;  // of the running phase
  std::map<std::string, std::unique_ptr<optimizers::FlatAdam>> more_optimizers;

  // What updates the network in `phase`.
  optimizers::FlatAdam& optimizer_in(const objectives::Phase& phase) const;
  // Adds a mean of a part of the batch to the phase's statistics.
  void keep(const objectives::BufferMean& mean);
  // Updates skipped because of a gradient that was not finite: of each count the largest of the
  // network's optimizers (synchronizes with a GPU).
  optimizers::SkippedUpdates skipped() const;
};

// What the optimizers of a network have counted.
struct NetworkSkips {
  std::string network;
  optimizers::SkippedUpdates updates;
};

// The first network of which at least `limit` updates in a row have been skipped at some time; null
// where there is none, and for a limit of 0, which is none.
const NetworkSkips* network_at_limit(std::span<const NetworkSkips> skips, int64_t limit);

class Model {
 public:
  // `exchange` carries gradients and batch statistics and outlives the model.
  Model(const objectives::Objective& objective, const config::RunConfig& config, at::Device device,
        world::Communicator& exchange);

  NetworkState& at(const std::string& name);
  const NetworkState& at(const std::string& name) const;
  std::vector<std::unique_ptr<NetworkState>>& networks() { return networks_; }
  const std::vector<std::unique_ptr<NetworkState>>& networks() const { return networks_; }
  at::Device device() const { return device_; }
  int ranks() const { return exchange_.size(); }
  world::Communicator& exchange() { return exchange_; }

  // Of every network, the same on every rank (synchronizes with a GPU).
  std::vector<NetworkSkips> skipped_updates() const;

  // Lays a network's storage out anew in `order`, with its initial values. Before the first step.
  void relayout(const std::string& name, const std::vector<int64_t>& order);

  // Training mode with current weights. Batch statistics of the networks in `trains` are kept for
  // their running averages; those of the others are not: a network's running statistics move only
  // in phases that train it. `trains` outlives the result. `scope` keys the noise of random layers,
  // anew for each forward.
  // The numbers come from `noise`, or are made where they are needed.
  objectives::Forward training_forward(std::span<const std::string> trains, const NoiseScope& scope,
                                       NoiseSource noise = {});
  // What losses may compute over the samples of all ranks: with deterministic shards nothing, which
  // is then a configuration error.
  objectives::Coupling coupling();
  // Evaluation mode: averaged weights with the buffers that belong to them, where these have been
  // set since the last step, else with the running ones; or current weights and running statistics.
  objectives::Forward evaluation_forward(bool averaged = true);

  // By network, in the order of its plan: what its averaged weights are evaluated with
  // (average_buffers.h). A network that is left out is evaluated with its running statistics.
  void set_average_buffers(std::map<std::string, std::vector<at::Tensor>> buffers);
  // They are set, and no weight has changed since.
  bool has_average_buffers() const { return average_buffers_.has_value(); }
  void forget_average_buffers() { average_buffers_.reset(); }
  // Those that are set for the network; null where there are none.
  const std::vector<at::Tensor>* average_buffers(const std::string& name) const;
  // What evaluation_forward(averaged) gives the network for its buffers.
  std::span<const at::Tensor> evaluation_buffers(const std::string& name,
                                                 bool averaged = true) const;

  // Puts the phase's batch statistics of `network` behind its gradient, to be averaged with it;
  // `share` is the weight of the part of the batch that they were taken from.
  static void store_batch_statistics(NetworkState& network, double share);
  // Runs what a phase does with the network's storage after its update.
  static void settle(NetworkState& network,
                     const std::function<void(const objectives::UpdatedNetwork&)>& work);
  // Moves running statistics towards the averaged batch statistics, where these are finite.
  static void update_running_statistics(NetworkState& network);

 private:
  gradients::HostMemory memory();
  gradients::FlatNetwork storage(const std::string& name, const networks::Plan& plan,
                                 std::vector<int64_t> order);
  void equip(NetworkState& network);

  config::RunConfig config_;
  at::Device device_;
  world::Communicator& exchange_;
  std::vector<objectives::NetworkSpec> specs_;
  networks::StatisticsReducer statistics_reducer_;
  networks::GatherRows gather_rows_;
  std::vector<std::unique_ptr<NetworkState>> networks_;
  std::optional<std::map<std::string, std::vector<at::Tensor>>> average_buffers_;
};

}  // namespace allmodes::training
