#pragma once

// Checkpoint folders: step-NNNNNNNN/ with one safetensors file a network or optimizer, and
// manifest.pb (proto/allmodes/v1/checkpoint.proto).
//
// A folder under its final name is whole: it was filled under a temporary name, every file synced,
// the manifest with the hashes of the others last, then renamed, then the parent synced. A crash at
// any moment leaves the earlier checkpoints as they were and at most a temporary folder, which the
// next save removes. Damage that comes later is found by the hashes.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoints/checkpoint_folders.h"
#include "checkpoints/safetensors.h"

namespace allmodes::checkpoints {

// All of a run's state that is not in tensors.
struct State {
  struct Verdict {
    uint64_t step = 0;
    std::string state;
    std::string kind;
    std::string reason;
    bool operator==(const Verdict&) const = default;
  };
  struct Rollback {
    uint64_t from_step = 0;  // of the evaluation that said collapsed
    uint64_t to_step = 0;    // of the checkpoint that the run went back to
    std::string kind;
    std::string reason;
    bool operator==(const Rollback&) const = default;
  };
  struct Evaluation {
    uint64_t step = 0;
    std::vector<std::pair<std::string, double>> values;
    bool operator==(const Evaluation&) const = default;
  };
  // What the networks were made for; `channels` 0: not known.
  struct Data {
    int64_t channels = 0;
    int64_t height = 0;
    int64_t width = 0;
    bool image = false;
    int64_t classes = 0;
    int64_t size = 0;                            // samples
    std::vector<int64_t> existing_classes = {};  // labels that have samples
    std::vector<int64_t> dimensions = {};        // of one sample in its file
    // Of the columns of a table, which are trained on as (number - mean) / deviation.
    std::vector<float> column_means = {};
    std::vector<float> column_deviations = {};
    bool operator==(const Data&) const = default;
  };
  // What the next evaluation will look back at.
  struct SinceEvaluation {
    uint64_t evaluated_step = 0;
    // Power sums of the discriminator's margin at the log steps since then.
    double margin_count = 0;
    double margin_sum = 0;
    double margin_sum_squares = 0;
    int64_t skipped_steps = 0;            // steps whose update was skipped, of the whole run
    int64_t skipped_steps_evaluated = 0;  // of these, up to the last evaluation
    bool operator==(const SinceEvaluation&) const = default;
  };

  uint64_t step = 0;     // steps done
  uint64_t samples = 0;  // samples seen over all ranks: the whole state of the sampler
  std::string config;    // resolved, text-proto
  std::string allmodes_version;
  std::string libtorch_version;
  uint64_t data_fingerprint = 0;
  int ranks = 1;  // of the run that saved; a load may have any number
  double trained_seconds = 0;
  std::map<std::string, double> optimizer_steps = {};  // by optimizer name
  std::vector<Verdict> verdicts = {};                  // in order of steps
  std::vector<Evaluation> evaluations = {};
  std::vector<Rollback> rollbacks = {};  // of this run so far, in order
  std::string run_id = {};               // of the run that saved it; "": not known
  Data data = {};
  std::optional<SinceEvaluation> since_evaluation = {};  // older checkpoints have none
  bool operator==(const State&) const = default;
};

// Tensors by file stem: "generator" becomes generator.safetensors. Stems are made of
// [A-Za-z0-9_-].
using Payload = std::map<std::string, std::vector<TensorView>>;

// Saves into checkpoints_dir/step-NNNNNNNN and returns that folder. Of the checkpoints up to this
// step the `keep` (>= 1) newest are kept; later ones, left by a run that was resumed from before
// them, are left alone. A checkpoint of the same step is replaced by this one, and there is one of
// the two at every moment. On failure (kCannotCreate, kInputOutput: a full disk among them) the
// temporary folder is removed and every earlier checkpoint stands. One process may save at a time.
// That of step `spare` is kept beside the newest.
std::filesystem::path save(const std::filesystem::path& checkpoints_dir, const State& state,
                           const Payload& payload, int64_t keep,
                           std::optional<uint64_t> spare = std::nullopt);

// A checkpoint whose manifest, file sizes and hashes were verified. It holds the bytes of its
// files, as many as the model has, until it goes: whoever takes the tensors from it reads nothing
// again.
struct Opened {
  std::filesystem::path folder;
  State state;
  std::vector<std::string> stems;
  std::map<std::string, std::shared_ptr<const SafetensorsFile::Bytes>> bytes = {};  // by stem

  bool has(const std::string& stem) const;
  // The tensors of a stem; throws kDataError when the checkpoint has none.
  SafetensorsFile file(const std::string& stem) const;
};

// Opens and verifies one checkpoint folder; reads every byte of it, once. Throws kNoInput when
// there is no manifest, kDataError for damage, kInputOutput for what is there and cannot be read;
// the message names the file, and of a damaged one the tensor.
Opened open(const std::filesystem::path& folder);
// The same for whoever wants its state alone: holds no bytes.
Opened verify(const std::filesystem::path& folder);
// What the manifest says, which alone is read.
State state_of(const std::filesystem::path& folder);

// The newest checkpoint in the folder that verifies. Each newer one that does not is passed over,
// and its reason appended to `refused`. Nothing when there is none (or no such folder). Throws
// kInputOutput for one that is there and cannot be read, which is no reason to pass it over.
std::optional<Opened> open_newest(const std::filesystem::path& checkpoints_dir,
                                  std::vector<std::string>& refused);

}  // namespace allmodes::checkpoints
