#pragma once

// Writes checkpoints beside the training that goes on.

#include <functional>
#include <future>
#include <mutex>

#include "base/space_shortage.h"

namespace allmodes::checkpoints {

// One save at a time on a thread of its own. All functions are called from one thread.
class CheckpointWriter {
 public:
  struct Save {
    // Owns everything it writes from (copies of the model's tensors among them). May be called
    // several times.
    std::function<void()> write;
    // Whether a later save may take its place while it waits for space on the disk.
    bool may_be_left_out = false;
  };

  // `shortage`: how long a save may wait for space. Without: a full disk is a failure at once.
  explicit CheckpointWriter(SpaceShortage shortage = {}) : shortage_(std::move(shortage)) {}
  // Waits for the save under way; its failure is lost, so call wait() before.
  ~CheckpointWriter() = default;
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Begins the save. Waits first for the save before this one, and throws its failure instead of
  // beginning; but takes the place of one that waits for space and may be left out.
  void begin(Save save);
  // Throws the failure of a save that has ended by now; does not wait.
  void check();
  // Waits for the save under way, if there is one, and throws its failure.
  void wait();

 private:
  void work();

  SpaceShortage shortage_;
  std::mutex mutex_;
  // The save under way, and whether it waits for space; guarded by the mutex.
  Save save_;
  bool waits_for_space_ = false;
  std::future<void> under_way_;  // last: its thread uses the above
};

}  // namespace allmodes::checkpoints
