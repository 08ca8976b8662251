#include "run/announcements.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/durable_file.h"
#include "config/families.h"
#include "config/load.h"
#include "records/log.h"
#include "run/resume.h"
#include "run/run_outputs.h"

namespace allmodes::run {

void begin_folder(const TrainOptions& options, const CheckedRun& run,
                  const config::RunConfig& original, const OpenedRun& opened,
                  const world::World& world) {
  if (world.rank != 0) return;
  const auto& folder = opened.folder;
  const bool finished = opened.finished(original.steps);
  folder.remove_temporaries();
  auto shortage = space_shortage(original);
  if (!finished)
    until_there_is_space(shortage,
                         [&] { write_file_atomically(folder.config(), config::print(original)); });
  records::setup_log(0, world.host, folder.log(), options.quiet, records::may_color(STDERR_FILENO));
  spdlog::info("{} '{}' on {}", config::family_name(original), original.name,
               run.dataset->description());
  for (const auto& spec : run.objective->networks())
    spdlog::info("  {}: {} parameters, {} -> {}", spec.name, spec.plan.parameter_count(),
                 networks::to_string(spec.plan.input), networks::to_string(spec.plan.output));
  spdlog::info("run folder: {}", folder.root.string());
  if (!opened.state) return;
  spdlog::info("resumed at step {} from {}", opened.state->step, opened.checkpoint.string());
  say_differences(opened, original);
  if (!opened.rollbacks().empty())
    spdlog::info("with the adjustments of {} rollbacks", opened.rollbacks().size());
  if (finished)
    spdlog::info("the run already has its {} steps; raise --steps to go on", opened.state->step);
}

void say_how_to_continue(const TrainOptions& options, const OpenedRun& opened, int ranks) {
  if (std::getenv("ALLMODES_NAMES_COMMAND") != nullptr) return;
  spdlog::warn("stopped after a checkpoint; to continue: {}",
               continuing_command(options.command, std::filesystem::current_path().string(),
                                  opened.folder.root.string(), ranks));
}

}  // namespace allmodes::run
