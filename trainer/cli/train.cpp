#include <spdlog/fmt/fmt.h>

#include "cli/commands.h"
#include "cli/named_config.h"
#include "run/session.h"

namespace allmodes::cli {

namespace {

void add_train(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("train", "Train a model and say whether it collapses");
  struct Arguments {
    run::TrainOptions options;
    std::optional<int64_t> steps;
    std::string device;
    std::string on_collapse;
    bool deterministic = false;
  };
  auto arguments = std::make_shared<Arguments>();
  auto& options = arguments->options;
  command
      ->add_option("CONFIG", options.config,
                   "Text-proto file, or the name of one of configs/ (ring_gan)")
      ->required();
  command->add_option("--out", options.out, "Folder in which the run's folder is made")
      ->capture_default_str();
  command->add_option("--set", options.overrides, "FIELD=VALUE: overrides a field of the schema")
      ->allow_extra_args(false);
  command->add_option("--steps", arguments->steps, "Short for --set steps=N");
  command->add_option(
      "--resume", options.resume,
      "auto: the newest run of this name under --out; or a run or checkpoint folder");
  auto* from = command->add_option(
      "--from", options.from,
      "A run or checkpoint folder: begin a new run with its weights, on whatever data. With "
      "--resume auto, only where there is no run to resume");
  command
      ->add_flag("--from-partly", options.from_partly,
                 "Take the weights that fit, and list the others")
      ->needs(from);
  command
      ->add_option(
          "--allow-change", options.allow_changes,
          "A field that may differ from the resumed run's although it makes it another run")
      ->allow_extra_args(false);
  command->add_option("--device", arguments->device, "Short for --set device=cpu|cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
  command
      ->add_option("--on-collapse", arguments->on_collapse, "Short for --set verdict.on_collapse=")
      ->check(CLI::IsMember({"warn", "stop", "rollback"}));
  command->add_flag("--deterministic", arguments->deterministic,
                    "Short for --set deterministic_shards=8: the same bits on 1, 2, 4 and 8 ranks");
  command->add_flag("--dry-run", options.dry_run, "Print the resolved configuration and stop");
  auto* quiet = command->add_flag("--quiet", options.quiet, "Warnings and the verdict only");
  command->add_flag("--verbose", options.verbose, "Verdicts with their whole sentences, too")
      ->excludes(quiet);
  command->footer(R"(Examples:
  allmodes train configs/ring_gan.txtpb
  mpirun -np 4 allmodes train configs/ring_gan.txtpb --set batch=512 --steps 2000
  allmodes train configs/ring_gan.txtpb --resume auto --on-collapse stop
  allmodes train configs/npy_vae.txtpb --set data.path=more.npy --from runs/00000-npy_vae)");
  command->callback([&dispatch, arguments] {
    auto& set = arguments->options.overrides;
    if (arguments->steps) set.push_back(fmt::format("steps={}", *arguments->steps));
    if (arguments->deterministic) set.push_back("deterministic_shards=8");
    if (!arguments->device.empty()) set.push_back("device=" + arguments->device);
    if (!arguments->on_collapse.empty())
      set.push_back("verdict.on_collapse=" + arguments->on_collapse);
    if (arguments->options.from && arguments->options.resume.value_or("auto") != "auto")
      throw CLI::ValidationError("--from begins a new run, and --resume names one to go on with",
                                 "give one of the two, or --resume auto");
    arguments->options.command = dispatch.command_line;
    dispatch.stoppable = [arguments](world::Runtime& runtime, const world::StopRequest& signals) {
      arguments->options.config = named_config(arguments->options.config);
      return run::train(arguments->options, runtime, signals);
    };
  });
}

}  // namespace

extern const Command kTrain{.place = 1, .add = add_train};

}  // namespace allmodes::cli
