#include <algorithm>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/named_config.h"
#include "run/checked_run.h"

namespace allmodes::cli {
namespace {

ExitCode validate(const std::string& file, const std::vector<std::string>& overrides) {
  try {
    const run::CheckedRun run = run::check_run(file, overrides);
    if (run.good()) {
      fmt::print("{}: good\n", file);
    } else {
      fmt::print(stderr, "{}", run::problems_text(run.loaded));
    }
    return run.exit_code();
  } catch (const Error& error) {
    fmt::print(stderr, "allmodes: error: {}\n", error.what());
    return error.code();
  }
}

void add_validate(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("validate", "Check configurations; needs no GPU and no MPI");
  auto files = std::make_shared<std::vector<std::string>>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  command->add_option("CONFIG", *files, "Text-proto files, or names of those of configs/")
      ->required();
  command->add_option("--set", *overrides, "FIELD=VALUE, applied before checking")
      ->allow_extra_args(false);
  command->footer(
      "Prints every error as file:line:column: message and exits 78; 0 when good;\n65 or 66 "
      "when all that is wrong is a damaged or missing data file.");
  command->callback([&dispatch, files, overrides] {
    dispatch.alone = [files, overrides] {
      ExitCode code = ExitCode::kOk;
      // A file that cannot be read does not keep the others from being checked.
      for (const auto& file : *files)
        code = std::max(code, validate(named_config(file), *overrides));
      return static_cast<int>(code);
    };
  });
}

}  // namespace

extern const Command kValidate{.place = 2, .add = add_validate};

}  // namespace allmodes::cli
