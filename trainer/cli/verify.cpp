#include <spdlog/fmt/fmt.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "report/verify_run.h"

namespace allmodes::cli {
namespace {

// Prints a line for each thing that was looked at; kDataError when one is damaged.
int verify(const std::vector<std::string>& runs) {
  int64_t damaged = 0;
  for (const std::string& run : runs) {
    for (const auto& checked : report::verify_run(run)) {
      fmt::print("{:<8} {}: {}\n", checked.good ? "good" : "DAMAGED",
                 (std::filesystem::path(run) / checked.what).string(), checked.text);
      damaged += checked.good ? 0 : 1;
    }
  }
  return static_cast<int>(damaged == 0 ? ExitCode::kOk : ExitCode::kDataError);
}

void add_verify(CLI::App& app, Dispatch& dispatch) {
  auto* command =
      app.add_subcommand("verify", "Check every byte of a run's checkpoints and records");
  auto runs = std::make_shared<std::vector<std::string>>();
  command->add_option("RUN", *runs, "Run folders (runs/00000-NAME)")->required();
  command->footer(
      R"(One line for each checkpoint, file of records and verdict: what it holds, or what is wrong with
it. Ends with 65 when anything is damaged. Reads only, also while the run goes on.

Examples:
  allmodes verify runs/00000-ring_gan
  allmodes verify runs/*)");
  command->callback([&dispatch, runs] { dispatch.alone = [runs] { return verify(*runs); }; });
}

}  // namespace

extern const Command kVerify{.place = 9, .add = add_verify};

}  // namespace allmodes::cli
