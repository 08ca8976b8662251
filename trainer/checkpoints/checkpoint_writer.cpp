#include "checkpoints/checkpoint_writer.h"

#include <chrono>
#include <thread>
#include <utility>

namespace allmodes::checkpoints {

void CheckpointWriter::begin(Save save) {
  {
    const std::lock_guard lock(mutex_);
    if (waits_for_space_ && save_.may_be_left_out) {
      save_ = std::move(save);
      return;
    }
  }
  wait();
  save_ = std::move(save);
  under_way_ = std::async(std::launch::async, [this] { work(); });
}

void CheckpointWriter::work() {
  while (true) {
    std::chrono::milliseconds pause{};
    {
      // A copy, which shares the tensors: a later save may take its place in the pause.
      const auto write = [this] {
        const std::lock_guard lock(mutex_);
        waits_for_space_ = false;
        return save_.write;
      }();
      try {
        write();
        shortage_.over();
        const std::lock_guard lock(mutex_);
        save_ = {};
        return;
      } catch (const Error&) {
        pause = shortage_.outlast();
      }
    }
    {
      const std::lock_guard lock(mutex_);
      waits_for_space_ = true;
    }
    std::this_thread::sleep_for(pause);
  }
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
