#pragma once

// Writes checkpoints beside the training that goes on.

#include <functional>
#include <future>

namespace allmodes::checkpoints {

// One save at a time on a thread of its own. All functions are called from one thread.
class CheckpointWriter {
 public:
  CheckpointWriter() = default;
  // Waits for the save under way; its failure is lost, so call wait() before.
  ~CheckpointWriter() = default;
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Begins to run `save`, which owns everything it writes from (copies of the model's tensors among
  // them). Waits first for the save before this one, and throws its failure instead of beginning.
  void begin(std::function<void()> save);
  // Throws the failure of a save that has ended by now; does not wait.
  void check();
  // Waits for the save under way, if there is one, and throws its failure.
  void wait();

 private:
  std::future<void> under_way_;
};

}  // namespace allmodes::checkpoints
