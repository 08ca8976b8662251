#include "cli/commands.h"
#include "run/exported_model.h"

namespace allmodes::cli {
namespace {

void add_export(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand(
      "export", "Write each network as safetensors, with what opens it in PyTorch");
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
      for (const auto& path : run::export_model(loaded, arguments->raw, arguments->out))
        fmt::print("{}\n", path.string());
      return 0;
    };
  });
}

}  // namespace

extern const Command kExport{.place = 5, .add = add_export};

}  // namespace allmodes::cli
