#include "checkpoints/checkpoint_writer.h"

#include <chrono>
#include <utility>

namespace allmodes::checkpoints {

void CheckpointWriter::begin(std::function<void()> save) {
  wait();
  under_way_ = std::async(std::launch::async, std::move(save));
}

void CheckpointWriter::check() {
  if (under_way_.valid() &&
      under_way_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    wait();
  }
}

void CheckpointWriter::wait() {
  // get() leaves the future empty, also when it throws: a failure is reported once.
  if (under_way_.valid()) under_way_.get();
}

}  // namespace allmodes::checkpoints
