#include "data/workers.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>

namespace allmodes::data {

int processes_beside() {
  for (const char* name :
       {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE"})
    if (const char* text = std::getenv(name)) return std::max(1, std::atoi(text));
  return 1;
}

int default_workers() {
  cpu_set_t processors;
  const int mine = sched_getaffinity(0, sizeof processors, &processors) == 0
                       ? CPU_COUNT(&processors)
                       : static_cast<int>(std::thread::hardware_concurrency());
  return std::max(1, mine / processes_beside());
}

Workers::Workers(int threads) {
  const int wanted = threads > 0 ? threads : default_workers();
  for (int i = 1; i < wanted; ++i) threads_.emplace_back([this] { loop(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::take_pieces(std::unique_lock<std::mutex>& lock) {
  while (next_ < end_) {
    const int64_t piece = next_++;
    ++running_;
    const auto* work = work_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      (*work)(piece);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      if (!failure_) failure_ = failure;
      end_ = next_;
    }
    if (--running_ == 0 && next_ >= end_) changed_.notify_all();
  }
}

void Workers::loop() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    take_pieces(lock);
    changed_.wait(lock, [&] { return stop_ || next_ < end_; });
  }
}

void Workers::run(int64_t count, const std::function<void(int64_t)>& work) {
  if (count <= 0) return;
  const std::lock_guard one_caller(callers_);
  std::unique_lock lock(mutex_);
  work_ = &work;
  next_ = 0;
  end_ = count;
  failure_ = nullptr;
  changed_.notify_all();
  take_pieces(lock);
  changed_.wait(lock, [&] { return running_ == 0 && next_ >= end_; });
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace allmodes::data
