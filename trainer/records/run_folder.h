#pragma once

// runs/00000-<name>/: everything a run leaves behind.

#include <filesystem>
#include <string>
#include <vector>

namespace allmodes::records {

struct RunFolder {
  std::filesystem::path root;

  std::filesystem::path config() const { return root / "config.txtpb"; }
  std::filesystem::path log() const { return root / "log.txt"; }
  std::filesystem::path records() const { return root / "records.jsonl"; }
  std::filesystem::path images() const { return root / "images"; }
  std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  // There from the run's beginning until its first checkpoint is: a disk that stays full keeps a
  // run from saving while its records go on.
  std::filesystem::path no_checkpoint_yet() const { return checkpoints() / "none-yet"; }
  std::filesystem::path verdict() const { return root / "verdict.json"; }
  std::filesystem::path status() const { return root / "status.json"; }
  std::filesystem::path report() const { return root / "report.html"; }
  std::filesystem::path tensorboard() const { return root / "tensorboard"; }

  // Removes what processes that were killed have left half written. Only for the one process that
  // writes to the folder.
  void remove_temporaries() const;
};

// Makes out_dir/NNNNN-name with images/ and checkpoints/ in it and returns it; NNNNN is one more
// than the highest number of any run in out_dir. Runs started at the same moment get different
// numbers. Characters of `name` outside [A-Za-z0-9._-] become '-'. Throws kCannotCreate.
std::filesystem::path create_run_folder(const std::filesystem::path& out_dir,
                                        const std::string& name);

// The runs of that name, the highest number first; empty when there is none, or no such folder.
// Throws kInputOutput when the folder is there and cannot be listed.
std::vector<std::filesystem::path> run_folders(const std::filesystem::path& out_dir,
                                               const std::string& name);

}  // namespace allmodes::records
