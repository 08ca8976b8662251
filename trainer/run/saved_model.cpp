#include "run/saved_model.h"

#include "base/error.h"
#include "records/run_folder.h"
#include "training/snapshot.h"

namespace allmodes::run {
namespace {

// Older checkpoints do not say what their networks were made for: the data set does.
CheckedRun check_state(const checkpoints::Opened& checkpoint) {
  const auto& config = checkpoint.state.config;
  const auto& data = checkpoint.state.data;
  const std::string name = (checkpoint.folder / "manifest.pb").string();
  if (data.channels == 0) return check_text(config, name);
  CheckedRun run = check_text(config, name,
                              {.shape = {.channels = data.channels,
                                         .height = data.height,
                                         .width = data.width,
                                         .image = data.image},
                               .classes = data.classes,
                               .size = data.size});
  run.existing_classes = data.existing_classes;
  run.sample_dimensions = data.dimensions;
  run.column_means = data.column_means;
  run.column_deviations = data.column_deviations;
  return run;
}

}  // namespace

checkpoints::Opened open_saved(const std::filesystem::path& path) {
  if (std::filesystem::exists(path / "manifest.pb")) return checkpoints::open(path);
  if (!std::filesystem::is_directory(path))
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: there is no such run or checkpoint folder",
                  path.string());
  std::vector<std::string> refused;
  auto found = checkpoints::open_newest(records::RunFolder{path}.checkpoints(), refused);
  for (const auto& reason : refused) fmt::print(stderr, "passed over: {}\n", reason);
  if (!found)
    ALLMODES_FAIL(
        refused.empty() ? ExitCode::kNoInput : ExitCode::kDataError,
        "{}: no whole checkpoint in it; name a run's folder, as runs/00000-NAME, or one of "
        "its checkpoints",
        path.string());
  return std::move(*found);
}

LoadedModel load_model(const std::filesystem::path& path) {
  auto checkpoint = open_saved(path);
  CheckedRun run = check_state(checkpoint);
  if (!run.good()) throw Error(run.exit_code(), problems_text(run.loaded));
  LoadedModel loaded{std::move(run), std::move(checkpoint), world::make_self_communicator(),
                     nullptr};
  loaded.model = std::make_unique<training::Model>(*loaded.run.objective, loaded.run.config(),
                                                   at::Device(at::kCPU), *loaded.alone);
  training::restore(*loaded.model, loaded.checkpoint);
  return loaded;
}

}  // namespace allmodes::run
