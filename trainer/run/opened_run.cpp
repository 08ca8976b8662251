#include "run/opened_run.h"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <array>
#include <chrono>
#include <fstream>
#include <thread>

#include "base/durable_file.h"
#include "base/error.h"
#include "checkpoints/manifest.h"
#include "data/paths.h"
#include "records/json_lines.h"
#include "run/agreement.h"
#include "run/resume.h"
#include "run/rollback.h"
#include "run/saved_model.h"
#include "training/snapshot.h"
#include "world/handshake.h"

namespace allmodes::run {
namespace {

namespace fs = std::filesystem;

std::string new_run_id() {
  uint64_t random = 0;
  const auto got = ::getrandom(&random, sizeof random, 0);
  ALLMODES_CHECK(got == sizeof random, "getrandom gave {} bytes", got);
  return hexadecimal(random);
}

fs::path id_file(const fs::path& root) {
  return root / "run_id";
}

// The number of the run whose folder this is; "" in those of versions that gave none.
std::string id_of(const fs::path& root) {
  if (!fs::exists(id_file(root))) return "";
  std::string text = read_file(id_file(root), 1 << 10);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

// What failed to be read may be there a moment later on a network file system: tries again a few
// times. Damage and absence are no such errors.
template <typename Read>
auto patiently(Read read) {
  constexpr std::array kPauses{250, 500, 1000, 2000};  // milliseconds
  for (const int pause : kPauses) {
    try {
      return read();
    } catch (const Error& error) {
      if (error.code() != ExitCode::kInputOutput) throw;
      spdlog::warn("{}; trying again in {} ms", error.what(), pause);
    } catch (const fs::filesystem_error& error) {
      spdlog::warn("{}; trying again in {} ms", error.what(), pause);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
  }
  return read();
}

// A run's folder, the lock on it, and its newest whole checkpoint.
struct Found {
  fs::path root;
  RunLock lock;
  std::string id;
  std::optional<checkpoints::Opened> checkpoint;
};

// Of the run's own configuration and records; what cannot be read counts as unknown.
void read_progress(const records::RunFolder& folder, FolderContent& content) {
  try {
    const auto loaded = config::load(folder.config());
    if (loaded.problems.empty()) {
      const auto& config = loaded.config;
      // A checkpoint is written while the training goes on, until the next one, which waits for it.
      content.first_checkpoint_step = static_cast<uint64_t>(
          config.checkpoints.every > 0 ? 2 * config.checkpoints.every : config.steps);
    }
    for (const auto& record : records::read_records(folder.records()).records)
      content.recorded_step = std::max(content.recorded_step, record.step);
  } catch (const Error&) {
    // A run that ended before its first words.
  }
}

// Looks for a checkpoint in a run's folder, the newest first.
FolderContent look_into(const fs::path& root, const std::string& id,
                        std::optional<checkpoints::Opened>& whole) {
  const records::RunFolder folder{root};
  FolderContent content{.root = root};
  const auto checkpoints =
      patiently([&] { return checkpoints::list_checkpoints(folder.checkpoints()); });
  content.checkpoints = checkpoints.size();
  content.none_yet = fs::exists(folder.no_checkpoint_yet());
  for (auto each = checkpoints.rbegin(); each != checkpoints.rend() && !whole; ++each) {
    try {
      auto opened = patiently([&] { return checkpoints::open(each->second); });
      const auto foreign = foreign_complaint(opened.state, id);
      if (!foreign.empty()) {
        content.refused.push_back(fmt::format("'{}': {}", each->second.string(), foreign));
      } else if (opened.state.step != each->first) {
        content.refused.push_back(
            fmt::format("'{}' holds step {}: renamed?", each->second.string(), opened.state.step));
      } else {
        whole = std::move(opened);
      }
    } catch (const Error& error) {
      if (error.code() == ExitCode::kInputOutput) throw;
      content.refused.emplace_back(error.what());
    }
  }
  content.has_whole = whole.has_value();
  if (!whole) read_progress(folder, content);
  return content;
}

Found find_in(const fs::path& root, const std::string& host, FolderIs& kind) {
  Found found{.root = root, .lock = RunLock(root, host), .id = id_of(root), .checkpoint = {}};
  const auto content = look_into(root, found.id, found.checkpoint);
  kind = judge(content);
  if (kind == FolderIs::unreadable)
    throw Error(content.refused.empty() ? ExitCode::kNoInput : ExitCode::kDataError,
                complaint(content));
  for (const auto& reason : content.refused) spdlog::warn("checkpoint passed over: {}", reason);
  return found;
}

std::optional<Found> find_newest(const TrainOptions& options, const std::string& name,
                                 const std::string& host) {
  const auto roots =
      patiently([&] { return records::run_folders(data::expanded_path(options.out), name); });
  for (const auto& root : roots) {
    auto kind = FolderIs::false_start;
    auto found = find_in(root, host, kind);
    if (kind == FolderIs::continuable) return found;
    spdlog::warn("{}: ended before its first checkpoint, passed over", root.string());
  }
  spdlog::info("{} under {}: a new run",
               roots.empty() ? "no run of that name" : "nothing to resume", options.out);
  return std::nullopt;
}

// The folder of the run that a checkpoint belongs to. The name may be a link to it.
fs::path run_of(const fs::path& checkpoint, const std::string& option) {
  const fs::path folder = fs::canonical(checkpoint);
  if (folder.parent_path().filename() != "checkpoints")
    ALLMODES_FAIL(ExitCode::kNoInput,
                  "--resume {}: this checkpoint lies in no run's folder (RUN/checkpoints/{}): put "
                  "it back there; or begin a new run with its weights: --from instead of --resume",
                  option, folder.filename().string());
  return folder.parent_path().parent_path();
}

// What --resume names, on rank 0.
std::optional<Found> find(const TrainOptions& options, const std::string& name,
                          const std::string& host) {
  if (!options.resume) return std::nullopt;
  if (*options.resume == "auto") return find_newest(options, name, host);
  const fs::path path = fs::absolute(data::expanded_path(*options.resume)).lexically_normal();
  if (fs::exists(path / "manifest.pb")) {
    const fs::path folder = path.has_filename() ? path : path.parent_path();
    const fs::path root = run_of(folder, *options.resume);
    Found found{.root = root, .lock = RunLock(root, host), .id = id_of(root), .checkpoint = {}};
    found.checkpoint = patiently([&] { return checkpoints::open(folder); });
    if (const auto foreign = foreign_complaint(found.checkpoint->state, found.id); !foreign.empty())
      ALLMODES_FAIL(ExitCode::kDataError, "--resume {}: {}", *options.resume, foreign);
    return found;
  }
  if (!fs::is_directory(path))
    ALLMODES_FAIL(ExitCode::kNoInput, "--resume {}: there is no folder '{}'", *options.resume,
                  path.string());
  auto kind = FolderIs::false_start;
  auto found = find_in(path, host, kind);
  if (kind == FolderIs::false_start)
    ALLMODES_FAIL(ExitCode::kNoInput,
                  "--resume {}: there is no checkpoint in it; name the folder "
                  "of a run, as runs/00000-NAME, or of one of its checkpoints",
                  *options.resume);
  return found;
}

void refuse_other_data(const checkpoints::State& state, const CheckedRun& run) {
  if (state.data_fingerprint == run.dataset->fingerprint()) return;
  const auto size = [](int64_t samples) {
    return samples > 0 ? fmt::format("{} samples, ", samples) : std::string();
  };
  ALLMODES_FAIL(
      ExitCode::kDataError,
      "the checkpoint was made on other data ({}fingerprint {}) than the configuration's "
      "({}fingerprint {}): a run goes on with the data that it began with. Give it these; "
      "or begin a new run with its weights: --from instead of --resume",
      size(state.data.size), hexadecimal(state.data_fingerprint), size(run.dataset->size()),
      hexadecimal(run.dataset->fingerprint()));
}

void refuse_changes(const checkpoints::State& state, const CheckedRun& run,
                    const std::vector<std::string>& allowed) {
  const auto left = refused(differences(state.config, config::print(run.config())), allowed);
  if (left.empty()) return;
  std::string flags;
  for (const auto& each : left) flags += " --allow-change " + each.field;
  ALLMODES_FAIL(ExitCode::kConfiguration,
                "the run that is resumed was made with another configuration, and this would make "
                "it another run:\n{}\nResume with what it had; or, if it is meant, add{}",
                to_text(left), flags);
}

// A manifest without its list of files: the state alone.
std::string packed_state(const std::optional<checkpoints::State>& state) {
  return state ? checkpoints::encode_manifest({*state, {}}) : std::string();
}

// Tells all ranks what rank 0 has opened.
void share(OpenedRun& opened, world::Communicator& control) {
  const auto parts = world::unpack(from_root(
      control, world::pack({opened.folder.root.string(), opened.id, opened.checkpoint.string(),
                            packed_state(opened.state), opened.from.string()})));
  opened.folder.root = parts.at(0);
  opened.id = parts.at(1);
  opened.checkpoint = parts.at(2);
  opened.from = parts.at(4);
  if (control.rank() != 0) {
    opened.state = std::nullopt;
    if (!parts.at(3).empty())
      opened.state = checkpoints::decode_manifest(parts.at(3), "rank 0's checkpoint").state;
  }
}

// Of a new run, on rank 0.
void open_from(const TrainOptions& options, const CheckedRun& run, OpenedRun& opened) {
  const auto path = fs::absolute(data::expanded_path(*options.from)).lexically_normal();
  opened.read = patiently([&] { return open_saved(path); });
  opened.from = opened.read->folder;
  opened.first_weights = first_weights(*run.objective, *opened.read);
  const auto& weights = opened.first_weights;
  if (weights.taken == 0)
    ALLMODES_FAIL(ExitCode::kConfiguration, "--from {}: none of its weights fits this model:\n{}",
                  *options.from, to_text(weights));
  if (!weights.all() && !options.from_partly)
    ALLMODES_FAIL(
        ExitCode::kConfiguration,
        "--from {}: {} tensors fit, and these do not:\n{}\nTrain the model that it was, or "
        "add --from-partly",
        *options.from, weights.taken, to_text(weights));
}

}  // namespace

OpenedRun open_run(const TrainOptions& options, const CheckedRun& run, world::Runtime& runtime) {
  OpenedRun opened;
  auto& control = runtime.control();
  const world::ScopedStage opening(control.flight_log(), "opening the run");
  if (control.rank() == 0) {
    const auto host = runtime.world().host;
    if (auto found = find(options, run.config().name, host)) {
      opened.folder.root = found->root;
      opened.lock = std::move(found->lock);
      opened.checkpoint = found->checkpoint->folder;
      opened.state = found->checkpoint->state;
      opened.read = std::move(found->checkpoint);
      opened.id = found->id.empty() ? opened.state->run_id : found->id;
      refuse_changes(*opened.state, run, options.allow_changes);
      refuse_other_data(*opened.state, run);
      if (opened.id.empty()) opened.id = new_run_id();
    } else {
      if (options.from) open_from(options, run, opened);
      opened.folder.root = records::create_run_folder(
          fs::absolute(data::expanded_path(options.out)).lexically_normal(), run.config().name);
      opened.lock.emplace(opened.folder.root, host);
      opened.id = new_run_id();
      write_file_atomically(id_file(opened.folder.root), opened.id + "\n");
      // Without it a resume takes records beyond the first checkpoint for a loss, and says so.
      std::ofstream(opened.folder.no_checkpoint_yet()).close();
    }
  }
  share(opened, control);
  return opened;
}

void go_on_from(OpenedRun& opened, std::optional<checkpoints::Opened> checkpoint,
                world::Runtime& runtime) {
  if (checkpoint) {
    opened.checkpoint = checkpoint->folder;
    opened.state = checkpoint->state;
  }
  opened.read = std::move(checkpoint);
  share(opened, runtime.control());
}

void restore(training::Model& model, OpenedRun& opened, const world::World& world,
             world::Communicator& control) {
  const world::ScopedStage reading(control.flight_log(), "reading the checkpoint");
  const auto node = control.split(world.node, world.rank);
  if (node->rank() == 0 && !opened.read) {
    opened.read = patiently([&] { return checkpoints::open(opened.checkpoint); });
    if (opened.read->state.step != opened.state->step)
      ALLMODES_FAIL(ExitCode::kDataError, "'{}' is of step {} here and of step {} on rank 0",
                    opened.checkpoint.string(), opened.read->state.step, opened.state->step);
  }
  training::restore(model, opened.read ? &*opened.read : nullptr, *node);
  opened.read = std::nullopt;
  control.barrier("checkpoint read");
}

void begin_with_weights(training::Model& model, OpenedRun& opened, const world::World& world,
                        world::Communicator& control) {
  const world::ScopedStage reading(control.flight_log(), "reading the first weights");
  const auto node = control.split(world.node, world.rank);
  if (node->rank() == 0 && !opened.read)
    opened.read = patiently([&] { return checkpoints::open(opened.from); });
  take_weights(model, opened.read ? &*opened.read : nullptr, *node);
  opened.read = std::nullopt;
  control.barrier("first weights read");
}

void say_differences(const OpenedRun& opened, const config::RunConfig& config) {
  if (!opened.state) return;
  const std::string now = config::print(config);
  const auto found = differences(opened.state->config, now);
  if (!found.empty())
    spdlog::warn("the configuration differs from the checkpoint's:\n{}", to_text(found));
  if (opened.state->step == 0 || opened.finished(config.steps)) return;
  for (const auto& jump : rate_jumps(opened.state->config, now, opened.state->step)) {
    spdlog::warn(
        "{}: the learning rate was {:.3g} in step {} and is {:.3g} in the next one: its schedule "
        "is that of a run of {} steps",
        jump.optimizer, jump.last, opened.state->step, jump.next, config.steps);
  }
}

std::optional<checkpoints::Opened> newest_vouched_for(const records::RunFolder& folder) {
  const auto folders = checkpoints::list_checkpoints(folder.checkpoints());
  for (auto each = folders.rbegin(); each != folders.rend(); ++each) {
    try {
      auto healthy = patiently([&]() -> std::optional<checkpoints::Opened> {
        if (!is_vouched_for(checkpoints::state_of(each->second))) return std::nullopt;
        return checkpoints::open(each->second);
      });
      if (healthy) return healthy;
    } catch (const Error& error) {
      // What cannot be read now may be whole: an older one in its place would be another run.
      if (error.code() == ExitCode::kInputOutput) throw;
      spdlog::warn("checkpoint passed over: {}", error.what());
    }
  }
  return std::nullopt;
}

}  // namespace allmodes::run
