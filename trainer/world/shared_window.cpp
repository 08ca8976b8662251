#include "world/shared_window.h"

#include "base/error.h"
#include "world/mpi_communicator.h"

#include <cstdint>
#include <cstring>
#include <exception>

namespace allmodes::world {

namespace {

constexpr int64_t kCacheLine = 64;

// The first cache line that begins at or behind `place`.
std::byte* aligned(std::byte* place) {
  const auto address = reinterpret_cast<uintptr_t>(place);
  return place + (kCacheLine - address % kCacheLine) % kCacheLine;
}

}  // namespace

SharedWindow::SharedWindow(MPI_Comm node, int64_t bytes)
    : bytes_((bytes + kCacheLine - 1) / kCacheLine * kCacheLine) {
  int size = 0;
  check_mpi(MPI_Comm_rank(node, &rank_), "MPI_Comm_rank", -1);
  check_mpi(MPI_Comm_size(node, &size), "MPI_Comm_size", rank_);
  MPI_Info info = MPI_INFO_NULL;
  check_mpi(MPI_Info_create(&info), "MPI_Info_create", rank_);
  // Each rank's part on pages of its own, near the core that touches them first.
  check_mpi(MPI_Info_set(info, "alloc_shared_noncontig", "true"), "MPI_Info_set", rank_);
  void* base = nullptr;
  // A line more than is used: for a group of one Open MPI takes memory from malloc, which begins
  // anywhere in a line; of several, each part begins a page, in every process.
  const auto asked = static_cast<MPI_Aint>(bytes_ + kCacheLine);
  const int code = MPI_Win_allocate_shared(asked, 1, info, node, &base, &window_);
  MPI_Info_free(&info);
  if (code != MPI_SUCCESS)
    ALLMODES_FAIL(ExitCode::kOsError,
                  "no {} bytes of shared memory for each of the {} ranks of this node; make room "
                  "in /dev/shm (`df -h /dev/shm`; in a container, raise its --shm-size)",
                  asked, size);
  for (int other = 0; other < size; ++other) {
    MPI_Aint length = 0;
    int unit = 0;
    void* place = nullptr;
    check_mpi(MPI_Win_shared_query(window_, other, &length, &unit, &place), "MPI_Win_shared_query",
              rank_);
    bases_.push_back(aligned(static_cast<std::byte*>(place)));
  }
  std::memset(own(), 0, static_cast<size_t>(bytes_));
  check_mpi(MPI_Barrier(node), "MPI_Barrier", rank_);
}

SharedWindow::~SharedWindow() {
  int finalized = 0;
  if (std::uncaught_exceptions() > 0 || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0)
    return;
  MPI_Win_free(&window_);
}

}  // namespace allmodes::world
