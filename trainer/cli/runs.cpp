#include <spdlog/fmt/fmt.h>

#include <string>
#include <vector>

#include "cli/commands.h"
#include "report/run_table.h"

namespace allmodes::cli {
namespace {

void add_runs(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("runs", "List the runs in a folder, the newest first");
  auto folder = std::make_shared<std::string>("runs");
  command->add_option("DIR", *folder, "Folder of run folders")->capture_default_str();
  command->footer("Example:\n  allmodes runs");
  command->callback([&dispatch, folder] {
    dispatch.alone = [folder] {
      std::vector<report::Glance> glances;
      for (const auto& run : report::runs_in(*folder)) glances.push_back(report::glance_at(run));
      fmt::print("{}", report::runs_table(glances));
      return 0;
    };
  });
}

}  // namespace

extern const Command kRuns{.place = 12, .add = add_runs};

}  // namespace allmodes::cli
