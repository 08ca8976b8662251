#include "world/shared_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "mpi/control.h"
#include "world/mpi_communicator.h"

namespace allmodes::testing {
namespace {

// For one rank Open MPI takes the memory from malloc.
TEST(SharedWindow, BeginsACacheLineForOneRankToo) {
  if (!world::launched_by_mpi(::getenv)) GTEST_SKIP() << "not started by mpirun";
  std::vector<std::unique_ptr<world::SharedWindow>> windows;
  for (const int64_t bytes : {1, 64, 100, 1000, 5000, 10'000, 100'000}) {
    windows.push_back(std::make_unique<world::SharedWindow>(MPI_COMM_SELF, bytes));
    std::byte* own = windows.back()->own();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(own) % 64, 0U) << bytes;
    EXPECT_TRUE(std::all_of(own, own + bytes, [](std::byte byte) { return byte == std::byte{}; }));
    std::fill(own, own + windows.back()->bytes(), std::byte{1});
  }
}

TEST(SharedWindow, IsTheSameMemoryForAllRanks) {
  if (!world::launched_by_mpi(::getenv)) GTEST_SKIP() << "not started by mpirun";
  const world::World world = this_world();
  if (world.nodes > 1) GTEST_SKIP() << "the ranks are on several nodes";
  const world::SharedWindow window(MPI_COMM_WORLD, 1000);
  for (std::byte* base : window.bases()) ASSERT_EQ(reinterpret_cast<uintptr_t>(base) % 64, 0U);
  for (std::byte* base : window.bases()) base[world.rank] = static_cast<std::byte>(world.rank + 1);
  MPI_Barrier(MPI_COMM_WORLD);
  for (int rank = 0; rank < world.size; ++rank)
    EXPECT_EQ(window.own()[rank], static_cast<std::byte>(rank + 1));
  MPI_Barrier(MPI_COMM_WORLD);
}

}  // namespace
}  // namespace allmodes::testing
