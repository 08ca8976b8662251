#include "cli/session.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"
#include "base/version.h"
#include "cli/agreement.h"
#include "cli/reporter.h"
#include "cli/threads.h"
#include "cli/versions.h"
#include "config/families.h"
#include "data/prefetcher.h"
#include "records/durable_file.h"
#include "records/log.h"
#include "training/snapshot.h"
#include "world/device.h"
#include "world/handshake.h"
#include "world/signals.h"

namespace allmodes::cli {
namespace {

// Rank 0's text on every rank.
std::string from_root(world::Communicator& control, const std::string& text) {
  return world::all_gather_text(control, control.rank() == 0 ? text : std::string()).front();
}

void start_up_table(world::Communicator& control, const world::World& world,
                    const world::DeviceChoice& device, int threads) {
  const auto members = world::roster(control, world, device.name, device.uuid);
  if (control.rank() != 0) return;
  spdlog::info("allmodes {}, {}", kVersionDescription, library_versions());
  for (const auto& member : members)
    spdlog::info("  rank {:>3}  {}  {}  pid {}", member.rank, member.host, member.device,
                 member.pid);
  spdlog::info("  {} rank{} on {} node{}, {} thread{} a rank, gradients through {}", world.size,
               world.size == 1 ? "" : "s", world.nodes, world.nodes == 1 ? "" : "s", threads,
               threads == 1 ? "" : "s",
               world.size == 1 ? "memory" : (device.cuda ? "NCCL" : "MPI"));
}

void describe_networks(const objectives::Objective& objective) {
  for (const auto& spec : objective.networks()) {
    spdlog::info("  {}: {} parameters, {} -> {}", spec.name, spec.plan.parameter_count(),
                 networks::to_string(spec.plan.input), networks::to_string(spec.plan.output));
  }
}

// What a run continues from: its folder, and a verified checkpoint in it.
struct Resume {
  records::RunFolder folder;
  checkpoints::Opened checkpoint;
};

std::optional<Resume> newest_in(const std::filesystem::path& root,
                                std::vector<std::string>& refused) {
  auto opened = checkpoints::open_newest(records::RunFolder{root}.checkpoints(), refused);
  for (const auto& reason : refused) spdlog::warn("checkpoint passed over: {}", reason);
  if (!opened) return std::nullopt;
  return Resume{{root}, std::move(*opened)};
}

// Finds what `--resume` names, on rank 0.
std::optional<Resume> find_resume(const TrainOptions& options, const config::RunConfig& config) {
  if (!options.resume) return std::nullopt;
  std::vector<std::string> refused;
  if (*options.resume == "auto") {
    const auto root = records::newest_run_folder(options.out, config.name);
    auto found = root ? newest_in(*root, refused) : std::nullopt;
    if (!found) spdlog::info("nothing to resume under {}: a new run", options.out);
    return found;
  }
  const std::filesystem::path path = *options.resume;
  if (std::filesystem::exists(path / "manifest.pb"))
    return Resume{{path.parent_path().parent_path()}, checkpoints::open(path)};
  if (!std::filesystem::is_directory(path))
    ALLMODES_FAIL(ExitCode::kNoInput, "--resume {}: there is no such folder", path.string());
  auto found = newest_in(path, refused);
  if (!found)
    ALLMODES_FAIL(refused.empty() ? ExitCode::kNoInput : ExitCode::kDataError,
                  "--resume {}: no whole checkpoint in it", path.string());
  return found;
}

void check_resumed(const checkpoints::State& state, const CheckedRun& run) {
  if (state.data_fingerprint != run.dataset->fingerprint()) {
    ALLMODES_FAIL(ExitCode::kDataError,
                  "the checkpoint was made on a data set of fingerprint {}, the configuration's is "
                  "{}; resume with the same data",
                  hexadecimal(state.data_fingerprint), hexadecimal(run.dataset->fingerprint()));
  }
}

// Feeds the loop with this rank's batches.
class Feed {
 public:
  Feed(const CheckedRun& run, const world::World& world, at::Device device, uint64_t samples)
      : shape_(objectives::network_shape(run.dataset->shape())),
        labelled_(run.dataset->classes() > 0),
        share_(data::share(run.config().batch, world.rank, world.size)),
        device_(device),
        prefetcher_(*run.dataset, data::Sampler(run.dataset->size(), run.config().seed), samples,
                    run.config().batch, share_, run.config().data.prefetch) {
    shape_.insert(shape_.begin(), share_.count);
  }

  training::LocalBatch next() {
    data::Batch batch = prefetcher_.next();
    training::LocalBatch local;
    local.first = share_.first;
    local.samples = at::from_blob(batch.samples.data(), shape_, at::kFloat).clone().to(device_);
    if (labelled_) {
      local.labels =
          at::from_blob(batch.labels.data(), {share_.count}, at::kLong).clone().to(device_);
    }
    prefetcher_.recycle(std::move(batch));
    return local;
  }

 private:
  std::vector<int64_t> shape_;
  bool labelled_;
  data::Share share_;
  at::Device device_;
  data::Prefetcher prefetcher_;
};

// Everything between the agreement of the ranks and the last checkpoint.
class Session {
 public:
  Session(const TrainOptions& options, CheckedRun& run, world::Runtime& runtime,
          const world::DeviceChoice& choice)
      : options_(options),
        run_(run),
        world_(runtime.world()),
        control_(runtime.control()),
        device_(choice.cuda ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(choice.index))
                            : at::Device(at::kCPU)),
        exchange_(world::make_device_communicator(control_, world_, choice)) {}

  int run() {
    find_folder();
    training::Model model(*run_.objective, config(), device_, *exchange_);
    {
      Feed first(run_, world_, device_, 0);
      training::adopt_ready_order(*run_.objective, model, first.next(),
                                  {config().seed, config().microbatches}, control_);
    }
    if (resumed_) {
      training::restore(model, *resumed_);
      position_ = {resumed_->state.step, resumed_->state.samples};
    }
    // Only now, so that a configuration which does not fit the checkpoint leaves the run as it was.
    open_folder();
    const diagnostics::CollectorSetup setup{config(), *run_.objective, *run_.dataset,
                                            control_, *exchange_,      device_};
    Reporter reporter(run_, model, control_, setup, folder_, resumed_ ? &resumed_->state : nullptr,
                      options_.quiet);
    const auto reason = loop(model, reporter);
    reporter.finish();
    switch (reason) {
      case training::StopReason::kCollapsed:
        return static_cast<int>(ExitCode::kCollapsed);
      case training::StopReason::kSignal:
        return static_cast<int>(ExitCode::kTemporaryFailure);
      case training::StopReason::kFinished:
        break;
    }
    return static_cast<int>(ExitCode::kOk);
  }

 private:
  const config::RunConfig& config() const { return run_.config(); }

  void find_folder() {
    std::string root;
    std::string checkpoint;
    if (world_.rank == 0) {
      if (auto found = find_resume(options_, config())) {
        root = found->folder.root.string();
        checkpoint = found->checkpoint.folder.string();
      } else {
        root = records::create_run_folder(options_.out, config().name).string();
      }
    }
    folder_ = {from_root(control_, root)};
    checkpoint = from_root(control_, checkpoint);
    if (!checkpoint.empty()) {
      resumed_ = checkpoints::open(checkpoint);
      check_resumed(resumed_->state, run_);
    }
  }

  void open_folder() {
    if (world_.rank != 0) return;
    records::write_file_atomically(folder_.config(), config::print(config()));
    records::setup_log(0, world_.host, folder_.log(), options_.quiet,
                       records::may_color(STDERR_FILENO));
    spdlog::info("{} '{}' on {}", config::family_name(config()), config().name,
                 run_.dataset->description());
    describe_networks(*run_.objective);
    spdlog::info("run folder: {}", folder_.root.string());
    if (!resumed_) return;
    spdlog::info("resumed at step {} from {}", resumed_->state.step, resumed_->folder.string());
    if (resumed_->state.step >= static_cast<uint64_t>(config().steps))
      spdlog::info("the run already has its {} steps; raise --steps to go on",
                   resumed_->state.step);
  }

  training::StopReason loop(training::Model& model, Reporter& reporter) {
    const world::StopRequest signals;
    Feed feed(run_, world_, device_, position_.samples);
    const training::LoopHooks hooks{
        .next = [&] { return feed.next(); },
        .log = [&](const auto& position, const auto& report) { reporter.log(position, report); },
        .evaluate = [&](const auto& position) { return reporter.evaluate(position); },
        .checkpoint = [&](const auto& position) { save(model, reporter, position); },
        .images = [&](const auto& position) { reporter.images(position); },
        .tick = [&](const auto& position) { reporter.tick(position); },
        .stop_requested =
            [&] {
              const int64_t mine = signals.signal();
              const auto any = world::all_reduce_value(control_, mine, world::ReduceOp::max);
              if (any != 0 && world_.rank == 0)
                spdlog::warn("signal {}: stopping with a checkpoint; continue with --resume auto",
                             any);
              return any != 0;
            },
    };
    return training::run_loop(config(), *run_.objective, model, position_, hooks);
  }

  void save(const training::Model& model, const Reporter& reporter,
            const training::Position& position) {
    if (world_.rank != 0) return;
    const auto snapshot = training::take_snapshot(model);
    checkpoints::State state{.step = position.step,
                             .samples = position.samples,
                             .config = config::print(config()),
                             .allmodes_version = kVersionDescription,
                             .libtorch_version = libtorch_version(),
                             .data_fingerprint = run_.dataset->fingerprint(),
                             .ranks = world_.size};
    reporter.fill(state);
    checkpoints::save(folder_.checkpoints(), state, snapshot.payload,
                      static_cast<int>(config().checkpoints.keep));
  }

  const TrainOptions& options_;
  CheckedRun& run_;
  world::World world_;
  world::Communicator& control_;
  at::Device device_;
  std::unique_ptr<world::Communicator> exchange_;
  records::RunFolder folder_;
  std::optional<checkpoints::Opened> resumed_;
  training::Position position_;
};

}  // namespace

int train(const TrainOptions& options, world::Runtime& runtime) {
  const auto world = runtime.world();
  records::setup_log(world.rank, world.host, std::nullopt, options.quiet,
                     records::may_color(STDERR_FILENO));
  world::refuse_singletons(world);
  CheckedRun run = check_run(options.config, options.overrides);
  if (const auto code = report_refusals(runtime.control(), run); code != ExitCode::kOk)
    return static_cast<int>(code);
  if (options.dry_run) {
    if (world.rank == 0) fmt::print("{}", config::print(run.config()));
    return 0;
  }
  agree_on_run(runtime.control(), run);
  if (const auto code = check_batch(run, world); code != ExitCode::kOk)
    return static_cast<int>(code);
  const auto choice = world::choose_device(run.config().device, world);
  world::bind_device(choice);
  world::agree(runtime.control(), {{"kind of device", choice.cuda ? "cuda" : "cpu"}});
  start_up_table(runtime.control(), world, choice, use_threads(world));
  return Session(options, run, runtime, choice).run();
}

}  // namespace allmodes::cli
