#pragma once

// A trained model from a run's or a checkpoint's folder, for the commands that use one.

#include <filesystem>
#include <memory>

#include "checkpoints/checkpoint.h"
#include "run/checked_run.h"
#include "training/model.h"
#include "world/communicator.h"

namespace allmodes::run {

struct LoadedModel {
  CheckedRun
      run;  // without its data set, unless that is computed or the checkpoint is an older one
  checkpoints::Opened checkpoint;
  std::unique_ptr<world::Communicator> alone;
  std::unique_ptr<training::Model> model;  // on the CPU
};

// Opens and verifies the newest whole checkpoint of a run folder, or a checkpoint folder. Says on
// standard error which newer ones were passed over. Throws kNoInput, kDataError.
checkpoints::Opened open_saved(const std::filesystem::path& path);

// `path`: a run folder (its newest whole checkpoint) or a checkpoint folder. Throws kNoInput,
// kDataError, or kConfiguration when its configuration no longer fits this machine.
LoadedModel load_model(const std::filesystem::path& path);

}  // namespace allmodes::run
