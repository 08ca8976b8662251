#include "data/prefetcher.h"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "data/cropped.h"

namespace allmodes::data {
namespace {

constexpr int64_t kSamplesBetweenStops = 64;

// The next batch is due in a step's time: a thread that was woken for it does not take the core
// from one that computes, but fills the time in which that one waits for others.
void give_way() {
  const sched_param none{};
  sched_setscheduler(/*this thread*/ 0, SCHED_BATCH, &none);  // where refused, nothing is lost
}

// What is random about sample i of the batch: its epoch and its number decide.
Random choice_for(const Sampler& sampler, const Batch& batch, int64_t i, Purpose purpose) {
  const uint64_t epoch =
      (batch.first + static_cast<uint64_t>(i)) / static_cast<uint64_t>(sampler.size());
  return Random({sampler.seed(), purpose, epoch},
                static_cast<uint64_t>(batch.indices[static_cast<size_t>(i)]));
}

// Mirrors each sample of the batch with chance 1/2.
template <class T>
void flip_some(const Sampler& sampler, const Batch& batch, const SampleShape& shape, T* samples) {
  for (int64_t i = 0; i < batch.count; ++i, samples += shape.values()) {
    if (choice_for(sampler, batch, i, Purpose("data/flip"))() % 2 == 0) continue;
    for (int64_t row = 0; row < shape.channels * shape.height; ++row)
      std::reverse(samples + row * shape.width, samples + (row + 1) * shape.width);
  }
}

// Of the images of samples first .. first + count - 1 of the batch a random part each, every place
// alike likely.
template <class T>
void crop_some(const Sampler& sampler, const Batch& batch, int64_t first, int64_t count,
               const SampleShape& whole, const SampleShape& part, const T* images, T* samples) {
  for (int64_t i = first; i < first + count;
       ++i, images += whole.values(), samples += part.values()) {
    Random random = choice_for(sampler, batch, i, Purpose("data/crop"));
    const auto place = [&](int64_t room) {
      return static_cast<int64_t>(uint64_t{random()} * static_cast<uint64_t>(room + 1) >> 32);
    };
    const int64_t top = place(whole.height - part.height);
    const int64_t left = place(whole.width - part.width);
    copy_part(images, whole, part, top, left, samples);
  }
}

void copy_as_kept(const Dataset& dataset, std::span<const int64_t> indices, float* samples,
                  int64_t* labels) {
  dataset.copy(indices, samples, labels);
}
void copy_as_kept(const Dataset& dataset, std::span<const int64_t> indices, uint8_t* samples,
                  int64_t* labels) {
  dataset.copy_bytes(indices, samples, labels);
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

template <class T>
bool Prefetcher::fill_samples(Batch& batch, std::vector<T>& samples, std::vector<T>& uncropped) {
  const SampleShape shape = dataset_.shape();
  const Dataset* whole = dataset_.uncropped();
  samples.resize(static_cast<size_t>(share_.count * shape.values()));
  if (whole != nullptr)
    uncropped.resize(static_cast<size_t>(kSamplesBetweenStops * whole->shape().values()));
  for (int64_t i = 0; i < batch.count; i += kSamplesBetweenStops) {
    if (stopped()) return false;
    const int64_t count = std::min(kSamplesBetweenStops, batch.count - i);
    const auto indices =
        std::span(batch.indices).subspan(static_cast<size_t>(i), static_cast<size_t>(count));
    T* out = samples.data() + i * shape.values();
    int64_t* labels = batch.labels.data() + i;
    if (whole == nullptr) {
      copy_as_kept(dataset_, indices, out, labels);
    } else {
      copy_as_kept(*whole, indices, uncropped.data(), labels);
      crop_some(sampler_, batch, i, count, whole->shape(), shape, uncropped.data(), out);
    }
  }
  if (dataset_.flipped()) flip_some(sampler_, batch, shape, samples.data());
  return true;
}

bool Prefetcher::fill(Batch& batch) {
  batch.first = position_ + static_cast<uint64_t>(share_.first);
  batch.count = share_.count;
  batch.labels.resize(static_cast<size_t>(share_.count));
  batch.indices.resize(static_cast<size_t>(share_.count));
  sampler_.indices(batch.first, batch.count, batch.indices.data());
  (form_ == Form::floats ? batch.bytes.clear() : batch.samples.clear());
  const bool filled = form_ == Form::floats ? fill_samples(batch, batch.samples, uncropped_floats_)
                                            : fill_samples(batch, batch.bytes, uncropped_bytes_);
  if (filled) position_ += static_cast<uint64_t>(global_batch_);
  return filled;
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
