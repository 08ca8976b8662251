#include "world/device.h"

#include "base/error.h"

#include <cstdlib>
#include <map>

#ifdef ALLMODES_WITH_CUDA
#include "world/cuda_check.h"
#include "world/nccl_communicator.h"
#endif

namespace allmodes::world {

#ifdef ALLMODES_WITH_CUDA

namespace {

// The form that nvidia-smi prints.
std::string uuid_text(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned char>(uuid.bytes[i]));
  }
  return text;
}

}  // namespace

bool built_with_cuda() {
  return true;
}

std::vector<DeviceChoice> visible_gpus(std::string* why) {
  int count = 0;
  if (const cudaError_t code = cudaGetDeviceCount(&count); code != cudaSuccess || count == 0) {
    static_cast<void>(cudaGetLastError());  // else the next unrelated check would report it
    if (why != nullptr)
      *why = code == cudaSuccess ? "no GPU is visible" : std::string(cudaGetErrorString(code));
    return {};
  }
  std::vector<DeviceChoice> gpus;
  for (int index = 0; index < count; ++index) {
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
    gpus.push_back({.cuda = true,
                    .index = index,
                    .name = properties.name,
                    .uuid = uuid_text(properties.uuid),
                    .memory = static_cast<int64_t>(properties.totalGlobalMem)});
  }
  return gpus;
}

void bind_device(const DeviceChoice& device) {
  if (device.cuda) check_cuda(cudaSetDevice(device.index), "cudaSetDevice");
}

#else

bool built_with_cuda() {
  return false;
}

std::vector<DeviceChoice> visible_gpus(std::string* why) {
  if (why != nullptr)
    *why = "this program was built without CUDA; configure with the preset gpu-release";
  return {};
}

void bind_device(const DeviceChoice& device) {
  ALLMODES_CHECK(!device.cuda, "a GPU was chosen in a build without CUDA");
}

#endif

DeviceChoice choose_device(const std::string& wanted, const World& world) {
  if (wanted == "cpu") return {};
  if (wanted != "auto" && wanted != "cuda")
    ALLMODES_FAIL(ExitCode::kConfiguration, "device '{}' is none of auto, cpu, cuda", wanted);
  std::string why;
  const std::vector<DeviceChoice> gpus = visible_gpus(&why);
  if (!gpus.empty()) return gpus[static_cast<size_t>(world.local_rank) % gpus.size()];
  if (wanted == "auto") return {};
  ALLMODES_FAIL(ExitCode::kUnavailable,
                "device cuda was asked for, but {} (rank {} on {}). `nvidia-smi` shows the driver "
                "and its GPUs, CUDA_VISIBLE_DEVICES which of them are hidden; device cpu runs "
                "without",
                why, world.rank, world.host);
}

std::optional<std::string> shared_gpu_complaint(std::span<const Member> members) {
  std::map<std::string, const Member*> owners;
  for (const Member& member : members) {
    if (member.device_uuid.empty()) continue;
    const auto [owner, is_new] = owners.emplace(member.device_uuid, &member);
    if (is_new) continue;
    return fmt::format(
        "rank {} on {} and rank {} on {} have the same GPU, {} ({}). Start at most as many ranks "
        "on a node as it has GPUs; to try several on one GPU, give each rank its own NCCL_HOSTID",
        owner->second->rank, owner->second->host, member.rank, member.host, member.device,
        member.device_uuid);
  }
  return std::nullopt;
}

std::unique_ptr<Communicator> make_device_communicator(Communicator& control, const World& world,
                                                       const DeviceChoice& device,
                                                       DeviceExchange exchange) {
  if (control.size() == 1) return make_self_communicator();
  if (!device.cuda || exchange == DeviceExchange::staged) return control.split(0, control.rank());
#ifdef ALLMODES_WITH_CUDA
  const bool own_identity = std::getenv("NCCL_HOSTID") != nullptr;
  const int64_t all_own = all_reduce_value<int64_t>(control, own_identity ? 1 : 0, ReduceOp::min);
  const std::vector<Member> members = roster(control, world, device.name, device.uuid);
  if (const auto complaint = shared_gpu_complaint(members); complaint.has_value() && all_own == 0)
    throw Error(ExitCode::kUnavailable, *complaint);
  auto group = make_nccl_communicator(control, device.index);
  group->record_into(control.flight_log());
  return group;
#else
  ALLMODES_FAIL(ExitCode::kUnavailable,
                "a GPU was chosen on {}, but this program was built without CUDA", world.host);
#endif
}

}  // namespace allmodes::world
