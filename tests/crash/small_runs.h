#pragma once

// Small runs in processes of their own, and what of two of them must be the same.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "records/run_folder.h"

namespace allmodes::crash {

// A GAN that takes 24 steps, is evaluated and drawn twice and saved three times.
inline constexpr char kRing[] = R"(name: "ring"
batch: 32
steps: 24
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 1000 }
gan {
  latent { dimension: 4 }
  generator { width: 8 depth: 1 }
  discriminator { width: 8 depth: 1 }
}
diagnostics { log_every: 5 evaluate_every: 12 samples: 64 calibration_draws: 50 }
checkpoints { every: 8 keep: 2 wait_for_space_s: 0.5 }
images { every: 12 count: 4 }
)";

// Collapses at its first evaluation and goes back to its beginning.
inline constexpr char kVae[] = R"(name: "vae"
batch: 64
steps: 400
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 1000 }
vae {
  latent { dimension: 4 }
  encoder { width: 32 depth: 2 }
  decoder { width: 32 depth: 2 }
  optimizer { learning_rate: 2e-3 }
  likelihood: "gaussian"
  variance: 1
  beta: 4
}
diagnostics { log_every: 70 evaluate_every: 200 samples: 400 calibration_draws: 50 }
verdict { on_collapse: "rollback" rollback { limit: 2 kl_weight: 0.01 } }
checkpoints { every: 200 }
images { every: 0 count: 4 }
)";

struct Ended {
  int signal = 0;
  int code = 0;
};

// What became of `work` in a process of its own; an Error that it throws is reported as the program
// does, and its code is that of the process. stderr goes to `messages`, or nowhere when that is
// empty.
Ended in_child(const std::function<int()>& work, const std::filesystem::path& messages = {});

// What must be the same of two runs: the last checkpoint's bytes, and records but for their times.
struct Outcome {
  uint64_t step = 0;
  std::map<std::string, std::string> payload;  // by file
  std::vector<std::string> records;
  bool operator==(const Outcome&) const = default;
};

// Expects no broken record, and none twice.
Outcome outcome_of(const records::RunFolder& run);

// Of the runs in the folder; a run without a path where there is none.
records::RunFolder newest_run(const std::filesystem::path& runs);

}  // namespace allmodes::crash
