// All-reduces of freshly written memory by the program's communicator and by MPI_Allreduce, turn by
// turn, under mpirun: one line of JSON a size on rank 0, in microseconds.
//
//   mpirun -np 2 build/tests/bench_collectives [ROUNDS]

#include "world/communicator.h"
#include "world/mpi_communicator.h"
#include "world/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <span>
#include <vector>

namespace {

using namespace allmodes;
using Clock = std::chrono::steady_clock;

// Microseconds, on the slowest rank, of `exchange` after a new gradient was written.
template <typename Exchange>
double time_of(world::Communicator& group, std::span<float> values, int repeats,
               Exchange exchange) {
  double total = 0;
  for (int i = 0; i < repeats; ++i) {
    std::ranges::fill(values, static_cast<float>(group.rank() + i));
    group.barrier();
    const auto start = Clock::now();
    exchange(values);
    total += std::chrono::duration<double, std::micro>(Clock::now() - start).count();
  }
  return world::all_reduce_value(group, total / repeats, world::ReduceOp::max);
}

void measure(world::Communicator& group, int64_t bytes, int rounds) {
  const auto count = bytes / static_cast<int64_t>(sizeof(float));
  const auto shared = group.allocate(bytes);
  const std::span<float> in_place(static_cast<float*>(shared.get()), static_cast<size_t>(count));
  std::vector<float> elsewhere(static_cast<size_t>(count));
  const int repeats = static_cast<int>(std::clamp<int64_t>((int64_t{64} << 20) / bytes, 3, 2000));
  const auto ours = [&](std::span<float> values) {
    group.all_reduce(world::host_buffer(values), world::ReduceOp::sum, nullptr).wait(nullptr);
  };
  const auto mpi = [](std::span<float> values) {
    world::check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()),
                                   MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD),
                     "MPI_Allreduce", -1);
  };
  for (int round = -1; round < rounds; ++round) {  // the first one warms up
    const double own = time_of(group, in_place, repeats, ours);
    const double copied = time_of(group, elsewhere, repeats, ours);
    const double plain = time_of(group, elsewhere, repeats, mpi);
    if (group.rank() == 0 && round >= 0)
      fmt::print("{{\"bytes\": {}, \"in_place_us\": {:.3f}, \"elsewhere_us\": {:.3f}, \"mpi_us\": "
                 "{:.3f}}}\n",
                 bytes, own, copied, plain);
  }
}

}  // namespace

int main(int argc, char** argv) {
  world::Runtime runtime;
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  for (const int64_t bytes : {int64_t{4}, int64_t{1} << 10, int64_t{32} << 10, int64_t{1} << 20,
                              int64_t{25} << 20, int64_t{100} << 20})
    measure(runtime.control(), bytes, rounds);
  return 0;
}
