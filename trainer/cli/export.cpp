#include <ATen/core/Tensor.h>

#include "base/error.h"
#include "checkpoints/safetensors.h"
#include "cli/commands.h"
#include "run/saved_model.h"

namespace allmodes::cli {
namespace {

// One file a network, tensors by their plain names.
void export_network(const training::NetworkState& network, bool raw, uint64_t step,
                    const std::filesystem::path& path) {
  const auto& flat = network.flat;
  std::vector<at::Tensor> storage;
  std::vector<checkpoints::TensorView> views;
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    storage.push_back(tensor.detach().contiguous());
    views.push_back({.name = name,
                     .shape = tensor.sizes().vec(),
                     .data = storage.back().data_ptr<float>(),
                     .bytes = static_cast<size_t>(storage.back().nbytes())});
  };
  for (size_t i = 0; i < flat.plan.parameters.size(); ++i)
    add(flat.plan.parameters[i].name, raw ? flat.parameter_views[i] : flat.average_views[i]);
  for (size_t i = 0; i < flat.plan.buffers.size(); ++i)
    add(flat.plan.buffers[i].name, flat.buffer_views[i]);
  checkpoints::write_safetensors(
      path, views,
      {{"network", flat.name}, {"weights", raw ? "raw" : "ema"}, {"step", std::to_string(step)}});
}

}  // namespace

void add_export(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("export", "Write each network's weights as safetensors");
  struct Arguments {
    std::string path;
    std::string out = "export";
    bool raw = false;
  };
  auto arguments = std::make_shared<Arguments>();
  command->add_option("PATH", arguments->path, "A run's or a checkpoint's folder")->required();
  command->add_option("--out", arguments->out, "Folder to write to")->capture_default_str();
  command->add_flag("--raw", arguments->raw, "The trained weights instead of their average (EMA)");
  command->footer("Example:\n  allmodes export runs/00000-ring_gan --out weights");
  command->callback([&dispatch, arguments] {
    dispatch.alone = [arguments] {
      const run::LoadedModel loaded = run::load_model(arguments->path);
      std::error_code failed;
      std::filesystem::create_directories(arguments->out, failed);
      if (failed)
        ALLMODES_FAIL(ExitCode::kCannotCreate, "{}: {}", arguments->out, failed.message());
      for (const auto& network : loaded.model->networks()) {
        const auto path =
            std::filesystem::path(arguments->out) / (network->flat.name + ".safetensors");
        export_network(*network, arguments->raw, loaded.checkpoint.state.step, path);
        fmt::print("{}\n", path.string());
      }
      return 0;
    };
  });
}

}  // namespace allmodes::cli
