#pragma once

// A rank's batches as tensors on its device.

#include <cstdint>
#include <memory>
#include <vector>

#include "data/prefetcher.h"
#include "run/checked_run.h"
#include "training/step.h"
#include "world/runtime.h"

namespace allmodes::run {

// Reads ahead in a thread of its own. On a CPU a batch's tensors are the memory that it was read
// into, which is read into again when nobody holds them any more. To a GPU the batches of data sets
// that hold bytes travel as these, from pinned memory, while the host goes on.
class Feed {
 public:
  // From `samples` samples on that the run has consumed globally. `run` outlives the feed.
  Feed(const CheckedRun& run, const world::World& world, at::Device device, uint64_t samples);

  training::LocalBatch next();

 private:
  training::LocalBatch on_host(data::Batch batch) const;
  training::LocalBatch on_gpu(data::Batch& batch) const;
  at::Tensor copied(const at::Tensor& view) const;

  std::vector<int64_t> shape_;
  bool labelled_;
  data::Share share_;
  at::Device device_;
  bool bytes_;
  std::shared_ptr<data::Prefetcher> prefetcher_;
};

}  // namespace allmodes::run
