#include <algorithm>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/named_config.h"
#include "run/agreement.h"
#include "run/checked_run.h"

namespace allmodes::cli {
namespace {

// `ranks`: how many shall train it; 0 where that is not asked.
ExitCode validate(const std::string& word, const std::vector<std::string>& overrides,
                  int64_t ranks) {
  try {
    const std::string file = named_config(word);
    const run::CheckedRun run = run::check_run(file, overrides);
    if (!run.good()) {
      fmt::print(stderr, "{}", run::problems_text(run.loaded));
      return run.exit_code();
    }
    if (const std::string uneven = ranks > 0 ? run::uneven_batch(run, ranks) : "";
        !uneven.empty()) {
      fmt::print(stderr, "{}", uneven);
      return ExitCode::kConfiguration;
    }
    fmt::print("{}: good\n", file);
    return ExitCode::kOk;
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
  auto ranks = std::make_shared<int64_t>(0);
  command
      ->add_option("--ranks", *ranks,
                   "Also check that so many ranks can share out the batch; says how many can")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  command->footer(
      "Prints every error as file:line:column: message and exits 78; 0 when good;\n65 or 66 "
      "when all that is wrong is a damaged or missing data file.");
  command->callback([&dispatch, files, overrides, ranks] {
    dispatch.alone = [files, overrides, ranks] {
      ExitCode code = ExitCode::kOk;
      // A file that cannot be read does not keep the others from being checked.
      for (const auto& file : *files) code = std::max(code, validate(file, *overrides, *ranks));
      return static_cast<int>(code);
    };
  });
}

}  // namespace

extern const Command kValidate{.place = 2, .add = add_validate};

}  // namespace allmodes::cli
