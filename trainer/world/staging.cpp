#include "world/staging.h"

#include "base/error.h"

#ifdef ALLMODES_WITH_CUDA
#include "world/cuda_check.h"

#include <algorithm>
#include <array>
#endif

namespace allmodes::world {

#ifdef ALLMODES_WITH_CUDA

struct Staging::Pinned {
  explicit Pinned(int64_t bytes) {
    check_cuda(cudaMallocHost(&memory, static_cast<size_t>(2 * bytes)), "cudaMallocHost");
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() { cudaFreeHost(memory); }

  void* memory = nullptr;
};

void Staging::each(const Buffer& buffer, Stream stream, bool write_back,
                   const std::function<void(void*, int64_t)>& work) {
  if (pinned_ == nullptr) pinned_ = std::make_unique<Pinned>(piece_bytes_);
  auto* host = static_cast<std::byte*>(pinned_->memory);
  const std::array<std::byte*, 2> slots{host, host + piece_bytes_};
  auto* device = static_cast<std::byte*>(buffer.data);
  auto* queue = static_cast<cudaStream_t>(stream);
  const int64_t width = size_of(buffer.type);
  const int64_t step = piece_bytes_ / width;
  const auto bytes_from = [&](int64_t first) {
    return static_cast<size_t>(std::min(step, buffer.count - first) * width);
  };
  const auto copy_down = [&](int64_t first, std::byte* slot) {
    check_cuda(cudaMemcpyAsync(slot, device + first * width, bytes_from(first),
                               cudaMemcpyDeviceToHost, queue),
               "cudaMemcpyAsync to the host");
  };

  copy_down(0, slots[0]);
  size_t turn = 0;
  for (int64_t first = 0; first < buffer.count; first += step, turn ^= 1) {
    check_cuda(cudaStreamSynchronize(queue), "cudaStreamSynchronize");
    if (first + step < buffer.count) copy_down(first + step, slots[turn ^ 1]);
    work(slots[turn], static_cast<int64_t>(bytes_from(first)) / width);
    if (write_back)
      check_cuda(cudaMemcpyAsync(device + first * width, slots[turn], bytes_from(first),
                                 cudaMemcpyHostToDevice, queue),
                 "cudaMemcpyAsync to the device");
  }
  // The next caller may come with another stream and must find the pieces free.
  check_cuda(cudaStreamSynchronize(queue), "cudaStreamSynchronize");
}

#else

struct Staging::Pinned {};

void Staging::each(const Buffer&, Stream, bool, const std::function<void(void*, int64_t)>&) {
  ALLMODES_FAIL(ExitCode::kUnavailable,
                "a collective on device memory, but this program was built without CUDA; configure "
                "with the preset gpu-release");
}

#endif

Staging::Staging(int64_t piece_bytes) : piece_bytes_(piece_bytes) {}
Staging::~Staging() = default;

}  // namespace allmodes::world
