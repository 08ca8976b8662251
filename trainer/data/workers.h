#pragma once

// Threads that share out a list of independent pieces of work.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace allmodes::data {

// Processes of this job on this node, as their launcher says; 1 where it does not.
int processes_beside();

// The processors that this process may use, shared out among processes_beside(); at least 1.
int default_workers();

class Workers {
 public:
  // `threads` >= 1, the caller's own included; 0: default_workers().
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const { return static_cast<int>(threads_.size()) + 1; }

  // Calls work(i) for each i in [0, count), each once, in any order, from several threads; returns
  // when all are done. What a call throws ends the rest; the first is thrown on. Callers in several
  // threads wait for one another.
  void run(int64_t count, const std::function<void(int64_t)>& work);

 private:
  void loop();
  void take_pieces(std::unique_lock<std::mutex>& lock);

  std::mutex callers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void(int64_t)>* work_ = nullptr;  // guarded by mutex_, as are all below
  int64_t next_ = 0;
  int64_t end_ = 0;
  int64_t running_ = 0;  // pieces in hand
  std::exception_ptr failure_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace allmodes::data
