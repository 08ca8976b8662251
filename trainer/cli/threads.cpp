#include "cli/threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace allmodes::cli {

int use_threads(const world::World& world) {
  int threads = 0;
  if (const char* wanted = std::getenv("OMP_NUM_THREADS")) threads = std::atoi(wanted);
  if (threads < 1) {
    threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / world.local_size);
  }
  at::set_num_threads(threads);
  return threads;
}

}  // namespace allmodes::cli
