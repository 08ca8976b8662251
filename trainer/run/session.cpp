#include "run/session.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/version.h"
#include "config/adjustment.h"
#include "config/families.h"
#include "gradients/compute_stream.h"
#include "records/log.h"
#include "run/agreement.h"
#include "run/feed.h"
#include "run/reporter.h"
#include "run/skipped_updates.h"
#include "run/threads.h"
#include "run/versions.h"
#include "training/precision.h"
#include "training/replicas.h"
#include "training/snapshot.h"
#include "world/device.h"
#include "world/handshake.h"
#include "world/signals.h"
#include "world/watchdog.h"

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

// Everything between the agreement of the ranks and the last checkpoint.
class Session {
 public:
  Session(const TrainOptions& options, CheckedRun& run, world::Runtime& runtime,
          const world::DeviceChoice& choice, bool exchange_thread, world::Watchdog& watchdog)
      : options_(options),
        run_(run),
        world_(runtime.world()),
        control_(runtime.control()),
        device_(choice.cuda ? at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(choice.index))
                            : at::Device(at::kCPU)),
        exchange_(world::make_device_communicator(control_, world_, choice)),
        watched_(watchdog.watch(*exchange_)),
        original_(run.config()) {
    if (exchange_thread) exchange_->prefer_thread();
    if (config().exchange.precision == "bfloat16") exchange_->prefer_bfloat16();
  }

  int run() {
    find_folder();
    for (;;) {
      const Outcome outcome = attempt();
      switch (outcome.reason) {
        case training::StopReason::kRollback:
          go_back(outcome.verdict);
          continue;
        case training::StopReason::kCollapsed:
        case training::StopReason::kNotFinite:
          return static_cast<int>(ExitCode::kCollapsed);
        case training::StopReason::kSignal:
          return static_cast<int>(ExitCode::kTemporaryFailure);
        case training::StopReason::kFinished:
          return static_cast<int>(ExitCode::kOk);
      }
    }
  }

 private:
  // How an attempt ended, and the verdict it ended with.
  struct Outcome {
    training::StopReason reason;
    checkpoints::State::Verdict verdict;
  };

  // As adjusted by the rollbacks so far.
  const config::RunConfig& config() const { return run_.config(); }
  bool rolls_back() const { return original_.verdict.on_collapse == "rollback"; }

  // From the start, or from what `resumed_` says, until something ends it.
  Outcome attempt() {
    if (!rollbacks_.empty()) adjust();
    training::Model model(*run_.objective, config(), device_, *exchange_);
    {
      Feed first(run_, world_, device_, 0);
      training::adopt_ready_order(*run_.objective, model, first.next(),
                                  training::step_settings(config(), world_.size), control_);
    }
    if (resumed_) {
      training::restore(model, *resumed_);
      position_ = {resumed_->state.step, resumed_->state.samples};
    }
    // Also finds ranks that read other checkpoints.
    check_replicas(model);
    // Only now, so that a configuration which does not fit the checkpoint leaves the run as it was.
    open_folder();
    const diagnostics::CollectorSetup setup{config(), *run_.objective, *run_.dataset,
                                            control_, *exchange_,      device_};
    Reporter reporter(run_, model, control_, setup, folder_, resumed_ ? &resumed_->state : nullptr,
                      options_.quiet);
    if (position_.step == 0 && rollbacks_.empty())
      reporter.audited(diagnostics::audit_data(*run_.dataset, control_, config().batch));
    if (went_back_) {
      reporter.went_back(position_, rollbacks_.back(),
                         config::adjustments(original_, std::ssize(rollbacks_)));
    }
    // The checkpoint says from here on that the run went back to it; and there is always one to go
    // back to, if only the beginning.
    if (rolls_back() && (went_back_ || position_.step == 0)) save(model, reporter, position_);
    went_back_ = false;
    const auto reason = loop(model, reporter);
    if (reason != training::StopReason::kRollback) reporter.finish();
    return {reason, reporter.last_verdict()};
  }

  // Sets configuration and family to what the rollbacks so far have made of them.
  void adjust() {
    run_.loaded.config = config::adjusted(original_, std::ssize(rollbacks_));
    std::vector<objectives::ConfigurationError> errors;
    run_.objective =
        objectives::make_objective(run_.loaded.config, objectives::facts_of(*run_.dataset), errors);
    if (!errors.empty()) {
      ALLMODES_FAIL(ExitCode::kConfiguration, "after {} rollbacks: {}: {}", rollbacks_.size(),
                    errors.front().path, errors.front().message);
    }
  }

  // Rank 0's newest checkpoint that a healthy verdict, or none, stands behind.
  std::optional<checkpoints::Opened> newest_healthy() const {
    const auto folders = checkpoints::list_checkpoints(folder_.checkpoints());
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
      try {
        auto opened = checkpoints::open(folder->second);
        if (opened.state.verdicts.empty() || opened.state.verdicts.back().state == "healthy")
          return opened;
      } catch (const Error& error) {
        spdlog::warn("checkpoint passed over: {}", error.what());
      }
    }
    return std::nullopt;
  }

  // Sets the run back: what came after the checkpoint is put aside, and the next attempt starts
  // there. A crash on the way leaves a run that collapses again and comes here again.
  void go_back(const checkpoints::State::Verdict& verdict) {
    std::string folder;
    if (world_.rank == 0) {
      const auto healthy = newest_healthy();
      if (healthy) folder = healthy->folder.string();
    }
    folder = from_root(control_, folder);
    if (folder.empty()) {
      ALLMODES_FAIL(ExitCode::kCollapsed,
                    "{}: no healthy checkpoint to go back to; the collapsed model is not kept",
                    folder_.checkpoints().string());
    }
    resumed_ = checkpoints::open(folder);
    const auto number = rollbacks_.size() + 1;
    if (world_.rank == 0) {
      write_file_atomically(folder_.root / fmt::format("records-before-rollback-{}.jsonl", number),
                            read_file(folder_.records()));
      checkpoints::remove_after(folder_.checkpoints(), resumed_->state.step);
    }
    // Every rank has read the checkpoint before it is written anew.
    control_.barrier("rollback");
    resumed_->state.rollbacks = rollbacks_;
    rollbacks_.push_back({.from_step = verdict.step,
                          .to_step = resumed_->state.step,
                          .kind = verdict.kind,
                          .reason = verdict.reason});
    went_back_ = true;
  }

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
      rollbacks_ = resumed_->state.rollbacks;
      if (world_.rank == 0 && rolls_back())
        if (const auto healthy = newest_healthy()) healthy_step_ = healthy->state.step;
    }
  }

  void open_folder() {
    if (world_.rank != 0 || went_back_) return;
    folder_.remove_temporaries();
    write_file_atomically(folder_.config(), config::print(original_));
    records::setup_log(0, world_.host, folder_.log(), options_.quiet,
                       records::may_color(STDERR_FILENO));
    spdlog::info("{} '{}' on {}", config::family_name(config()), config().name,
                 run_.dataset->description());
    describe_networks(*run_.objective);
    spdlog::info("run folder: {}", folder_.root.string());
    if (!resumed_) return;
    spdlog::info("resumed at step {} from {}", resumed_->state.step, resumed_->folder.string());
    if (!rollbacks_.empty())
      spdlog::info("with the adjustments of {} rollbacks", rollbacks_.size());
    if (resumed_->state.step >= static_cast<uint64_t>(config().steps))
      spdlog::info("the run already has its {} steps; raise --steps to go on",
                   resumed_->state.step);
  }

  // What is done until the end of the returned object, for the watchdog.
  world::ScopedStage stage(const char* name,
                           world::Stage::Kind kind = world::Stage::Kind::lengthy) {
    return {control_.flight_log(), name, kind};
  }

  training::Reaction reaction_to(bool collapsed) const {
    if (!collapsed || original_.verdict.on_collapse == "warn") return training::Reaction::none;
    const bool left = std::ssize(rollbacks_) < original_.verdict.rollback.limit;
    return rolls_back() && left ? training::Reaction::rollback : training::Reaction::stop;
  }

  training::StopReason loop(training::Model& model, Reporter& reporter) {
    const world::StopRequest signals;
    StopAgreement stop(signals, control_);
    SkippedUpdates skipped(config().consistency.nonfinite_limit, world_.rank == 0);
    const auto in_training = stage("training", world::Stage::Kind::training);
    Feed feed(run_, world_, device_, position_.samples);
    const training::LoopHooks hooks{
        .next =
            [&] {
              const auto waiting = stage("waiting for data");
              return feed.next();
            },
        .log =
            [&](const auto& position, const auto& report) {
              const auto logging = stage("log", world::Stage::Kind::training);
              reporter.log(position, report);
            },
        .evaluate =
            [&](const auto& position) {
              const auto evaluating = stage("evaluation");
              return reaction_to(reporter.evaluate(position));
            },
        .checkpoint = [&](const auto& position) { save(model, reporter, position); },
        .images =
            [&](const auto& position) {
              const auto drawing = stage("pictures");
              reporter.images(position);
            },
        .tick = [&](const auto& position,
                    const auto& report) { tick(model, reporter, position, report); },
        .stop_requested = [&](const auto& position) { return stop.requested(position); },
        .skipped =
            [&](const auto& position, const auto& updates) {
              return skipped.note(position, updates, model.skipped_updates());
            },
    };
    return training::run_loop(config(), *run_.objective, model, position_, hooks);
  }

  void tick(const training::Model& model, Reporter& reporter, const training::Position& position,
            const training::StepReport& report) {
    if (auto* log = control_.flight_log()) log->step_done(position.step);
    reporter.tick(position, report);
    const int64_t every = config().consistency.replicas_every;
    if (every > 0 && position.step % static_cast<uint64_t>(every) == 0) check_replicas(model);
  }

  void check_replicas(const training::Model& model) {
    if (world_.size == 1 || config().consistency.replicas_every == 0) return;
    const auto comparing = stage("comparison of replicas");
    training::check_replicas(model, position_, control_);
  }

  void save(const training::Model& model, const Reporter& reporter,
            const training::Position& position) {
    // A checkpoint of one replica stands for all.
    check_replicas(model);
    const auto saving = stage("checkpoint");
    if (world_.rank != 0) return;
    const auto snapshot = training::take_snapshot(model);
    checkpoints::State state{.step = position.step,
                             .samples = position.samples,
                             .config = config::print(original_),
                             .allmodes_version = kVersionDescription,
                             .libtorch_version = libtorch_version(),
                             .data_fingerprint = run_.dataset->fingerprint(),
                             .ranks = world_.size};
    reporter.fill(state);
    if (reporter.last_verdict().state == "healthy") healthy_step_ = position.step;
    checkpoints::save(folder_.checkpoints(), state, snapshot.payload,
                      static_cast<int>(config().checkpoints.keep),
                      rolls_back() ? healthy_step_ : std::nullopt);
  }

  const TrainOptions& options_;
  CheckedRun& run_;
  world::World world_;
  world::Communicator& control_;
  at::Device device_;
  std::unique_ptr<world::Communicator> exchange_;
  std::shared_ptr<void> watched_;
  records::RunFolder folder_;
  std::optional<checkpoints::Opened> resumed_;
  training::Position position_;
  const config::RunConfig original_;  // as written, without adjustments
  std::vector<checkpoints::State::Rollback> rollbacks_;
  bool went_back_ = false;                // and the next attempt starts there
  std::optional<uint64_t> healthy_step_;  // rank 0: of the newest healthy checkpoint
};

world::WatchLimits limits_of(const config::Watchdog& watchdog) {
  return {watchdog.limit_s, watchdog.stage_limit_s};
}

int train_watched(const TrainOptions& options, world::Runtime& runtime, world::Watchdog& watchdog) {
  const auto world = runtime.world();
  CheckedRun run = check_run(options.config, options.overrides);
  if (run.good()) watchdog.set_limits(limits_of(run.config().watchdog));
  if (const auto code = report_refusals(runtime.control(), run); code != ExitCode::kOk)
    return static_cast<int>(code);
  if (options.dry_run) {
    if (world.rank == 0) fmt::print("{}", config::print(run.config()));
    return 0;
  }
  agree_on_run(runtime.control(), run);
  if (const auto code = check_batch(run, runtime.control(), world); code != ExitCode::kOk)
    return static_cast<int>(code);
  const auto choice = world::choose_device(run.config().device, world);
  world::bind_device(choice);
  world::agree(runtime.control(), {{"kind of device", choice.cuda ? "cuda" : "cpu"}});
  const Threads threads = use_threads(runtime, run.config().deterministic_shards > 0);
  start_up_table(runtime.control(), world, choice, threads);
  if (choice.cuda) {
    training::set_precision(run.config().gpu);
    gradients::use_own_stream(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(choice.index)));
  }
  if (world.rank == 0 && world.size > 1 && !watchdog.reason_off().empty())
    spdlog::warn("the watchdog is off: {}", watchdog.reason_off());
  return Session(options, run, runtime, choice, threads.exchange, watchdog).run();
}

}  // namespace

int train(const TrainOptions& options, world::Runtime& runtime) {
  const auto world = runtime.world();
  records::setup_log(world.rank, world.host, std::nullopt, options.quiet,
                     records::may_color(STDERR_FILENO));
  world::refuse_singletons(world);
  world::Watchdog watchdog(runtime, limits_of(config::Watchdog{}));
  const int code = train_watched(options, runtime, watchdog);
  // Not before the last has come is a rank's silence no sign of anything.
  runtime.control().barrier("end of the job");
  return code;
}

}  // namespace allmodes::run
