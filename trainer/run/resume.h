#pragma once

// What a run continues from, decided on values: which folders count, what may differ from the
// checkpoint's configuration, and what is said about it. run_folder_on_disk reads the files.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/checkpoint.h"

namespace allmodes::run {

// What was found in the folder of a run of the wanted name.
struct FolderContent {
  std::filesystem::path root;
  size_t checkpoints = 0;                 // folders with the name of a checkpoint
  std::vector<std::string> refused = {};  // why those that were tried are no use, newest first
  bool has_whole = false;                 // one of them is whole and belongs to the run
  uint64_t recorded_step = 0;             // the last step of records.jsonl
  // The first step after which there has to be a checkpoint; 0: not known.
  uint64_t first_checkpoint_step = 0;
  bool none_yet = false;  // it is known that there never was one
};

enum class FolderIs {
  continuable,  // it has a whole checkpoint
  false_start,  // the run ended before its first checkpoint: nothing is lost by passing it over
  unreadable,   // there was something, and it cannot be had any more
};
FolderIs judge(const FolderContent& content);

// Of an unreadable folder: what is there, what was tried and what can be done.
std::string complaint(const FolderContent& content);

// What is wrong with a checkpoint in the folder of the run `run_id`; "" when nothing is. Runs and
// checkpoints of versions that gave no number to runs are taken as they are.
std::string foreign_complaint(const checkpoints::State& state, const std::string& run_id);

// A field in which two configurations differ. A side that lacks the field has "(none)".
struct Difference {
  std::string field;
  std::string before;
  std::string now;
  // Whether the run would be another one with it: what is trained, on which samples, by which loss.
  // Lengths, cadences, rates and weights, what is measured and where it is computed can be changed
  // in a run that goes on.
  bool changes_meaning = false;
};
// Of two printed configurations (config::print), in the order of the second.
std::vector<Difference> differences(const std::string& before, const std::string& now);

// Those that change the meaning of the run and are not in `allowed`, which has fields or blocks:
// "gan" allows "gan.loss".
std::vector<Difference> refused(const std::vector<Difference>& differences,
                                const std::vector<std::string>& allowed);

// "  steps: 1000 -> 2000", one a line.
std::string to_text(const std::vector<Difference>& differences);

// An optimizer whose learning rate is not continued smoothly.
struct RateJump {
  std::string optimizer;  // "vae.optimizer"
  double last = 0;        // of the last step that was made
  double next = 0;        // of the one to come
};
// Optimizers with a decay, or whose rate was changed, whose rate differs by more than a tenth
// between step `step` (the last one made, under the configuration `before`) and the one after it
// under `now`, beyond what the schedule itself does between two steps. step >= 1.
std::vector<RateJump> rate_jumps(const std::string& before, const std::string& now, uint64_t step);

// The words of a command line, quoted for a POSIX shell where that is needed.
std::string quoted(const std::vector<std::string>& words);

// The command line `words` of a run with its own --resume replaced by `--resume run_folder`; to be
// run from `folder`, for relative paths in it. "cd FOLDER && PROGRAM train ... --resume RUN"; of
// several `ranks` with mpirun.
std::string continuing_command(std::vector<std::string> words, const std::string& folder,
                               const std::string& run_folder, int ranks);

}  // namespace allmodes::run
