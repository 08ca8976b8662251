#pragma once

// Which processor this rank computes on, and how gradients travel from there.

#include "world/communicator.h"
#include "world/handshake.h"
#include "world/runtime.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace allmodes::world {

struct DeviceChoice {
  bool cuda = false;
  int index = 0;             // CUDA ordinal, among the GPUs this process may see
  std::string name = "cpu";  // "NVIDIA H100 80GB HBM3"
  std::string uuid = {};     // "GPU-5ca1ab1e-..."; empty for the CPU
  int64_t memory = 0;        // bytes in all; 0 for the CPU
};

// Whether this program was built with CUDA and NCCL.
bool built_with_cuda();

// The GPUs that this process may see; none without a driver or without CUDA. `why` (if given) says
// in words why there are none.
std::vector<DeviceChoice> visible_gpus(std::string* why = nullptr);

// `wanted`: "cpu"; "cuda", which throws kUnavailable with the reason and the remedy when there is
// none; "auto", the GPU if there is one. With several GPUs the ranks of a node take turns:
// index = local_rank mod count. "auto" can fall differently on different nodes: agree() about
// `cuda` before use. Throws kConfiguration for other words. Binds nothing.
DeviceChoice choose_device(const std::string& wanted, const World& world);

// Makes a chosen GPU the calling thread's current one; nothing for the CPU.
void bind_device(const DeviceChoice& device);

// What is wrong if two members share a GPU, which NCCL refuses or hangs on; nullopt if none do.
std::optional<std::string> shared_gpu_complaint(std::span<const Member> members);

enum class DeviceExchange {
  nccl,    // GPU to GPU
  staged,  // through host memory and MPI; slower, needs nothing of the GPUs
};

// Collective over `control`. The communicator for data on `device`, over the ranks of `control`:
// NCCL or staged MPI for a GPU, MPI for the CPU; nothing but a copy of itself for a group of one.
// Throws kUnavailable on every rank if two ranks have one GPU and NCCL_HOSTID is not set.
std::unique_ptr<Communicator> make_device_communicator(
    Communicator& control, const World& world, const DeviceChoice& device,
    DeviceExchange exchange = DeviceExchange::nccl);

}  // namespace allmodes::world
