#pragma once

// Prepares the next batches of one rank in a thread of its own.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "data/dataset.h"
#include "data/sampler.h"

namespace allmodes::data {

// This rank's part of one global batch.
struct Batch {
  uint64_t first = 0;            // global position of samples[0] (the key of its noise)
  int64_t count = 0;             // samples here: the share's
  std::vector<float> samples;    // [count][values]; with Form::bytes empty
  std::vector<uint8_t> bytes;    // the same as the data set keeps them; with Form::floats empty
  std::vector<int64_t> labels;   // [count]
  std::vector<int64_t> indices;  // [count], into the data set
};

// How samples are handed out: as floats, or, of data sets that hold bytes, as these.
enum class Form { floats, bytes };

// Batch k holds the global positions first_sample + k * global_batch + share. `depth` batches are
// kept ready; memory: depth + 1 batches beside those taken out. `dataset` must outlive this.
class Prefetcher {
 public:
  // Throws kSoftware when depth < 1, when the share is not in the batch, or for bytes where there
  // are none.
  Prefetcher(const Dataset& dataset, const Sampler& sampler, uint64_t first_sample,
             int64_t global_batch, const Share& share, int64_t depth, Form form = Form::floats);
  ~Prefetcher();  // ends the thread within a part of a batch
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // The next batch in order, waiting for it where needed. Once the thread has failed and the
  // batches before are taken, throws what the thread threw, at each call.
  Batch next();

  // Gives a used batch's memory back for a later one. Optional.
  void recycle(Batch batch);

  // Time that next() has waited, in all.
  double stall_seconds() const;

 private:
  void work();
  bool fill(Batch& batch);
  template <class T>
  bool fill_samples(Batch& batch, std::vector<T>& samples, std::vector<T>& uncropped);
  bool stopped() const;

  const Dataset& dataset_;
  const Sampler sampler_;
  const int64_t global_batch_;
  const Share share_;
  const size_t depth_;
  const Form form_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t position_;  // of the next global batch; the thread's own, as the two below
  std::vector<float> uncropped_floats_;
  std::vector<uint8_t> uncropped_bytes_;
  std::deque<Batch> ready_;  // guarded, as are all below
  std::vector<Batch> spare_;
  std::exception_ptr failure_;
  double stall_seconds_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace allmodes::data
