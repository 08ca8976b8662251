#include <fmt/format.h>

#include <vector>

#include "base/error.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/machine_checks.h"
#include "data/dataset.h"
#include "run/protobuf_version.h"
#include "run/versions.h"
#include "world/device.h"
#include "world/versions.h"

namespace allmodes::cli {
namespace {

std::vector<Finding> check_gpus() {
  std::string why;
  std::vector<Finding> findings;
  for (const auto& gpu : world::visible_gpus(&why))
    findings.push_back({Mark::kGood, "GPU",
                        fmt::format("{}: {}, {:.0f} GiB, {}", gpu.index, gpu.name,
                                    static_cast<double>(gpu.memory) / (1 << 30), gpu.uuid)});
  if (findings.empty()) findings.push_back({Mark::kNote, "GPU", "none: " + why});
  return findings;
}

Finding check_fashion_mnist() {
  try {
    const auto dataset = data::make_dataset(config::Data(), 1);
    return {Mark::kGood, "Fashion-MNIST", fmt::format("found, {} images", dataset->size())};
  } catch (const Error& error) {
    return {Mark::kNote, "Fashion-MNIST", error.what(),
            "the quickstart trains on it: apt-get install dataset-fashion-mnist"};
  }
}

std::vector<Finding> versions() {
  return {{Mark::kGood, "allmodes", kVersionDescription},
          {Mark::kGood, "LibTorch", run::libtorch_version()},
          {Mark::kGood, "MPI", world::mpi_version()},
          {Mark::kGood, "protobuf", run::protobuf_version()},
          {Mark::kGood, "NCCL", world::nccl_version()},
          {Mark::kGood, "CUDA runtime", world::cuda_runtime_version()},
          {Mark::kGood, "CUDA driver", world::cuda_driver_version()}};
}

int doctor() {
  std::vector<Finding> all;
  for (const auto& part : {versions(), check_gpus(), check_host(), check_launchers()})
    all.insert(all.end(), part.begin(), part.end());
  all.push_back(check_fashion_mnist());
  for (const auto& finding : all) fmt::print("{}", describe(finding));
  return exit_code(all);
}

void add_doctor(CLI::App& app, Dispatch& dispatch) {
  auto* command =
      app.add_subcommand("doctor", "What this machine offers, what is missing and how to get it");
  command->footer(
      "Example:\n  allmodes doctor\n\nok good, - a fact, ! works but not everywhere, x missing. "
      "Exit status: 0, or "
      "69 when something is missing that training needs.");
  command->callback([&dispatch] { dispatch.alone = doctor; });
}

}  // namespace

extern const Command kDoctor{.place = 6, .add = add_doctor};

}  // namespace allmodes::cli
