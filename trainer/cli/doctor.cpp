#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/version.h"
#include "cli/commands.h"
#include "data/dataset.h"
#include "run/protobuf_version.h"
#include "run/versions.h"
#include "world/device.h"
#include "world/versions.h"

namespace allmodes::cli {
namespace {

bool on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::string rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const auto folder = rest.substr(0, colon);
    if (::access((std::filesystem::path(folder) / program).c_str(), X_OK) == 0) return true;
    if (colon == std::string::npos) break;
    rest = rest.substr(colon + 1);
  }
  return false;
}

void line(const std::string& what, const std::string& value) {
  fmt::print("{:<18}{}\n", what, value);
}

int doctor() {
  line("allmodes", kVersionDescription);
  line("LibTorch", run::libtorch_version());
  line("MPI", world::mpi_version());
  line("protobuf", run::protobuf_version());
  line("NCCL", world::nccl_version());
  line("CUDA runtime", world::cuda_runtime_version());
  line("CUDA driver", world::cuda_driver_version());
  line("CPU cores", fmt::format("{}", std::thread::hardware_concurrency()));
  std::string why;
  const auto gpus = world::visible_gpus(&why);
  for (const auto& gpu : gpus)
    line("GPU", fmt::format("{}: {}, {:.0f} GiB, {}", gpu.index, gpu.name,
                            static_cast<double>(gpu.memory) / (1 << 30), gpu.uuid));
  if (gpus.empty()) line("GPU", "none: " + why);
  line("mpirun", on_path("mpirun") ? "found" : "missing: apt-get install openmpi-bin");
  line("srun", on_path("srun") ? "found" : "not found (needed on Slurm clusters only)");
  try {
    const auto dataset = data::make_dataset(config::Data(), 1);
    line("Fashion-MNIST", fmt::format("found, {} images", dataset->size()));
  } catch (const Error& error) {
    line("Fashion-MNIST", error.what());
  }
  return 0;
}

}  // namespace

void add_doctor(CLI::App& app, Dispatch& dispatch) {
  auto* command =
      app.add_subcommand("doctor", "What this machine offers, what is missing and how to get it");
  command->footer("Example:\n  allmodes doctor");
  command->callback([&dispatch] { dispatch.alone = doctor; });
}

}  // namespace allmodes::cli
