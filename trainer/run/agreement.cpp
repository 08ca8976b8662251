#include "run/agreement.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/checked.h"
#include "base/error.h"
#include "base/version.h"
#include "config/families.h"
#include "run/config_fields.h"
#include "run/versions.h"
#include "world/handshake.h"

namespace allmodes::run {
namespace {

// What any rank refuses, on rank 0's stderr; the same code on every rank.
ExitCode refuse(world::Communicator& control, const world::Refusal& mine) {
  const world::Refusal all = world::refuse_together(control, mine);
  if (control.rank() == 0) fmt::print(stderr, "{}", all.text);
  return all.code;
}

}  // namespace

std::string from_root(world::Communicator& control, const std::string& text) {
  return world::all_gather_text(control, control.rank() == 0 ? text : std::string()).front();
}

ExitCode report_refusals(world::Communicator& control, const CheckedRun& run) {
  // Not all need to have found the same: a node may lack the data.
  return refuse(control, {run.exit_code(), problems_text(run.loaded)});
}

void agree_on_run(world::Communicator& control, const CheckedRun& run) {
  world::Facts facts{{"version of allmodes", kVersionDescription},
                     {"version of LibTorch", libtorch_version()}};
  for (auto& [field, value] : config_fields(config::print(run.config())))
    facts.emplace_back("configuration's " + field, value);
  facts.emplace_back("data set", hexadecimal(run.dataset->fingerprint()));
  world::agree(control, facts);
}

training::Request RequestAgreement::ask(const training::Position& position) {
  using training::Request;
  if (!cadence_.due(position.step)) return Request::none;
  const auto now = std::chrono::steady_clock::now();
  const double seconds = std::chrono::duration<double>(now - agreed_at_).count();
  const double unsaved = std::chrono::duration<double>(now - saved_at_).count();
  const uint64_t steps = position.step - agreed_step_.value_or(position.step - 1);
  std::array<double, 3> most{static_cast<double>(signals_.signal()),
                             seconds / static_cast<double>(std::max<uint64_t>(1, steps)),
                             save_every_s_ > 0 && unsaved >= save_every_s_ ? 1.0 : 0.0};
  world::all_reduce_host(control_, std::span<double>(most), world::ReduceOp::max);
  cadence_.agreed(position.step, most[1]);
  agreed_at_ = now;
  agreed_step_ = position.step;
  if (most[0] == 0) return most[2] > 0 ? Request::save : Request::none;
  if (control_.rank() == 0)
    spdlog::warn("{}: stopping with a checkpoint", world::signal_name(static_cast<int>(most[0])));
  return Request::stop;
}

namespace {

// A rank's shards, and a node's ranks, must be whole nodes of the binary tree.
world::Refusal shards_refusal(const CheckedRun& run, const world::World& world) {
  const int64_t shards = run.config().deterministic_shards;
  const bool placed = world.rank == world.node * world.local_size + world.local_rank;
  const bool fits = shards % world.size == 0 && world.size % world.nodes == 0;
  if (fits && placed) return {};
  return {
      ExitCode::kConfiguration,
      fmt::format("{}: deterministic_shards: {} shards on {} ranks of {} nodes{}: the ranks must "
                  "be a power of two up to the number of shards, the same number on every node, "
                  "each node's in a row (mpirun --map-by slot)\n",
                  run.loaded.source.place("deterministic_shards"), shards, world.size, world.nodes,
                  placed ? std::string()
                         : fmt::format(" (rank {} is {} of node {})", world.rank, world.local_rank,
                                       world.node))};
}

bool share_evenly(const config::RunConfig& config, int64_t ranks) {
  if (config.deterministic_shards > 0) return config.deterministic_shards % ranks == 0;
  return config.batch % (ranks * config.microbatches * config::samples_together(config)) == 0;
}

world::Refusal batch_refusal(const CheckedRun& run, const world::World& world) {
  if (run.config().deterministic_shards > 0) return shards_refusal(run, world);
  if (share_evenly(run.config(), world.size)) return {};
  return {ExitCode::kConfiguration, uneven_batch(run, world.size)};
}

}  // namespace

int64_t most_ranks(const config::RunConfig& config, int64_t limit) {
  int64_t ranks =
      std::clamp<int64_t>(std::max(config.batch, config.deterministic_shards), 1, limit);
  while (ranks > 1 && !share_evenly(config, ranks)) --ranks;
  return ranks;
}

std::string uneven_batch(const CheckedRun& run, int64_t ranks) {
  const config::RunConfig& config = run.config();
  const int64_t most = most_ranks(config, ranks);
  if (most == ranks) return {};
  if (config.deterministic_shards > 0)
    return fmt::format(
        "{}: deterministic_shards: {} shards cannot be shared out among {} ranks; the most ranks "
        "that can: {}\n",
        run.loaded.source.place("deterministic_shards"), config.deterministic_shards, ranks, most);
  const int64_t together = config::samples_together(config);
  const int64_t parts = ranks * config.microbatches * together;
  return fmt::format(
      "{}: batch: is {}, which {} ranks x {} microbatches{} do not divide; the "
      "nearest that fits is {}; the most ranks that can share out {}: {}\n",
      run.loaded.source.place("batch"), config.batch, ranks, config.microbatches,
      together > 1 ? fmt::format(" x {} samples taken together", together) : "",
      std::max<int64_t>(1, (config.batch + parts / 2) / parts) * parts, config.batch, most);
}

ExitCode check_batch(const CheckedRun& run, world::Communicator& control,
                     const world::World& world) {
  return refuse(control, batch_refusal(run, world));
}

}  // namespace allmodes::run
