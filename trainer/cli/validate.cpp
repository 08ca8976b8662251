#include "base/error.h"
#include "cli/check_run.h"
#include "cli/commands.h"

namespace allmodes::cli {

void add_validate(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("validate", "Check configurations; needs no GPU and no MPI");
  auto files = std::make_shared<std::vector<std::string>>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  command->add_option("CONFIG", *files, "Text-proto files")->required();
  command->add_option("--set", *overrides, "FIELD=VALUE, applied before checking")
      ->allow_extra_args(false);
  command->footer("Prints every error as file:line:column: message and exits 78; 0 when good.");
  command->callback([&dispatch, files, overrides] {
    dispatch.alone = [files, overrides] {
      ExitCode code = ExitCode::kOk;
      for (const auto& file : *files) {
        const CheckedRun run = check_run(file, *overrides);
        if (run.good()) {
          fmt::print("{}: good\n", file);
        } else {
          fmt::print(stderr, "{}", problems_text(run.loaded));
          code = ExitCode::kConfiguration;
        }
      }
      return static_cast<int>(code);
    };
  });
}

}  // namespace allmodes::cli
