#include "data/prefetcher.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace allmodes::data {
namespace {

constexpr int64_t kSamplesBetweenStops = 64;

// The next batch is due in a step's time: a thread that was woken for it does not take the core
// from one that computes, but fills the time in which that one waits for others.
void give_way() {
  const sched_param none{};
  sched_setscheduler(/*this thread*/ 0, SCHED_BATCH, &none);  // where refused, nothing is lost
}

// Mirrors each sample of the batch with chance 1/2, which its epoch and its number decide.
template <class T>
void flip_some(const Sampler& sampler, const Batch& batch, const SampleShape& shape, T* samples) {
  const auto size = static_cast<uint64_t>(sampler.size());
  for (int64_t i = 0; i < batch.count; ++i, samples += shape.values()) {
    const uint64_t epoch = (batch.first + static_cast<uint64_t>(i)) / size;
    const auto index = static_cast<uint64_t>(batch.indices[static_cast<size_t>(i)]);
    if (Random({sampler.seed(), Purpose("data/flip"), epoch}, index)() % 2 == 0) continue;
    for (int64_t row = 0; row < shape.channels * shape.height; ++row)
      std::reverse(samples + row * shape.width, samples + (row + 1) * shape.width);
  }
}

}  // namespace

Prefetcher::Prefetcher(const Dataset& dataset, const Sampler& sampler, uint64_t first_sample,
                       int64_t global_batch, const Share& share, int64_t depth, Form form)
    : dataset_(dataset),
      sampler_(sampler),
      global_batch_(global_batch),
      share_(share),
      depth_(static_cast<size_t>(std::max<int64_t>(depth, 1))),
      form_(form),
      position_(first_sample) {
  ALLMODES_CHECK(form == Form::floats || dataset.holds_bytes(), "{} holds no bytes",
                 dataset.description());
  ALLMODES_CHECK(depth >= 1, "{} batches ahead", depth);
  ALLMODES_CHECK(sampler.size() == dataset.size(), "a sampler of {} for {} samples", sampler.size(),
                 dataset.size());
  ALLMODES_CHECK(share.first >= 0 && share.count >= 0 && share.first + share.count <= global_batch,
                 "share {} + {} of a batch of {}", share.first, share.count, global_batch);
  thread_ = std::thread([this] { work(); });
}

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Batch Prefetcher::next() {
  std::unique_lock lock(mutex_);
  if (ready_.empty() && !failure_) {
    const auto start = std::chrono::steady_clock::now();
    changed_.wait(lock, [this] { return !ready_.empty() || failure_; });
    stall_seconds_ +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  if (ready_.empty()) std::rethrow_exception(failure_);
  Batch batch = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void Prefetcher::recycle(Batch batch) {
  const std::lock_guard lock(mutex_);
  if (spare_.size() <= depth_) spare_.push_back(std::move(batch));
}

double Prefetcher::stall_seconds() const {
  const std::lock_guard lock(mutex_);
  return stall_seconds_;
}

bool Prefetcher::stopped() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

bool Prefetcher::fill(Batch& batch) {
  batch.first = position_ + static_cast<uint64_t>(share_.first);
  batch.count = share_.count;
  const int64_t values = dataset_.shape().values();
  const auto all = static_cast<size_t>(share_.count * values);
  batch.samples.resize(form_ == Form::floats ? all : 0);
  batch.bytes.resize(form_ == Form::bytes ? all : 0);
  batch.labels.resize(static_cast<size_t>(share_.count));
  batch.indices.resize(static_cast<size_t>(share_.count));
  sampler_.indices(batch.first, batch.count, batch.indices.data());
  for (int64_t i = 0; i < batch.count; i += kSamplesBetweenStops) {
    if (stopped()) return false;
    const int64_t count = std::min(kSamplesBetweenStops, batch.count - i);
    const auto indices =
        std::span(batch.indices).subspan(static_cast<size_t>(i), static_cast<size_t>(count));
    if (form_ == Form::floats) {
      dataset_.copy(indices, batch.samples.data() + i * values, batch.labels.data() + i);
    } else {
      dataset_.copy_bytes(indices, batch.bytes.data() + i * values, batch.labels.data() + i);
    }
  }
  if (dataset_.flipped()) {
    if (form_ == Form::floats)
      flip_some(sampler_, batch, dataset_.shape(), batch.samples.data());
    else
      flip_some(sampler_, batch, dataset_.shape(), batch.bytes.data());
  }
  position_ += static_cast<uint64_t>(global_batch_);
  return true;
}

void Prefetcher::work() {
  give_way();
  try {
    for (;;) {
      Batch batch;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stop_ || ready_.size() < depth_; });
        if (stop_) return;
        if (!spare_.empty()) {
          batch = std::move(spare_.back());
          spare_.pop_back();
        }
      }
      if (!fill(batch)) return;
      {
        const std::lock_guard lock(mutex_);
        ready_.push_back(std::move(batch));
      }
      changed_.notify_all();
    }
  } catch (...) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

}  // namespace allmodes::data
