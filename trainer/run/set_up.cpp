#include "run/set_up.h"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "base/version.h"
#include "gradients/compute_stream.h"
#include "run/agreement.h"
#include "run/versions.h"
#include "run/work_watch.h"
#include "training/precision.h"
#include "world/handshake.h"

namespace allmodes::run {
namespace {

void start_up_table(world::Communicator& control, const world::World& world,
                    const world::DeviceChoice& device, const Threads& threads) {
  const auto members = world::roster(control, world, device.name, device.uuid);
  if (control.rank() != 0) return;
  spdlog::info("allmodes {}, {}", kVersionDescription, library_versions());
  for (const auto& member : members)
    spdlog::info("  rank {:>3}  {}  {}  pid {}", member.rank, member.host, member.device,
                 member.pid);
  spdlog::info("  {} rank{} on {} node{}, {} thread{} a rank, gradients through {}", world.size,
               world.size == 1 ? "" : "s", world.nodes, world.nodes == 1 ? "" : "s",
               threads.compute, threads.compute == 1 ? "" : "s",
               exchange_description(world, device.cuda, threads));
}

void choose_device(world::Runtime& runtime, world::Watchdog& watchdog, SetUp& set_up) {
  const auto& world = runtime.world();
  const auto& config = set_up.run.config();
  const auto choice = world::choose_device(config.device, world);
  world::bind_device(choice);
  world::agree(runtime.control(), {{"kind of device", choice.cuda ? "cuda" : "cpu"}});
  const Threads threads = use_threads(runtime, config.deterministic_shards > 0);
  start_up_table(runtime.control(), world, choice, threads);
  set_up.device = device_of(choice);
  if (choice.cuda) {
    training::set_precision(config.gpu);
    gradients::use_own_stream(set_up.device);
  }
  if (world.rank == 0 && world.size > 1 && !watchdog.reason_off().empty())
    spdlog::warn("the watchdog is off: {}", watchdog.reason_off());
  set_up.exchange = world::make_device_communicator(runtime.control(), world, choice);
  set_up.watched = watchdog.watch(*set_up.exchange);
  if (threads.exchange) set_up.exchange->prefer_thread();
  if (config.exchange.precision == "bfloat16") set_up.exchange->prefer_bfloat16();
}

// Of the command line what decides what all do; the configuration's part is compared by itself.
world::Facts asked_for(const TrainOptions& options) {
  const auto yes = [](bool value) { return value ? "yes" : "no"; };
  return {{"option --dry-run", yes(options.dry_run)},
          {"option --resume", options.resume.value_or("not given")},
          {"option --from", options.from.value_or("not given")},
          {"option --from-partly", yes(options.from_partly)},
          {"option --allow-change", fmt::format("{}", fmt::join(options.allow_changes, ", "))},
          {"option --out", options.out}};
}

}  // namespace

at::Device device_of(const world::DeviceChoice& choice) {
  return choice.cuda ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(choice.index))
                     : at::Device(at::kCPU);
}

world::WatchLimits limits_of(const config::Watchdog& watchdog) {
  return {watchdog.limit_s, watchdog.stage_limit_s};
}

std::optional<int> set_up(const TrainOptions& options, world::Runtime& runtime,
                          world::Watchdog& watchdog, SetUp& set_up) {
  auto& control = runtime.control();
  auto loaded = config::load(options.config, options.overrides);
  if (loaded.problems.empty()) watchdog.set_limits(limits_of(loaded.config.watchdog));
  {
    const world::ScopedStage loading(control.flight_log(), "loading data");
    const WorkWatch watch(control.flight_log());
    set_up.run = check_run(std::move(loaded));
  }
  if (const auto code = report_refusals(control, set_up.run); code != ExitCode::kOk)
    return static_cast<int>(code);
  world::agree(control, asked_for(options));
  if (options.dry_run) {
    if (control.rank() == 0) fmt::print("{}", config::print(set_up.run.config()));
    return 0;
  }
  agree_on_run(control, set_up.run);
  if (const auto code = check_batch(set_up.run, control, runtime.world()); code != ExitCode::kOk)
    return static_cast<int>(code);
  choose_device(runtime, watchdog, set_up);
  return std::nullopt;
}

}  // namespace allmodes::run
