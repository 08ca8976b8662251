#include <spdlog/fmt/fmt.h>

#include <string>
#include <vector>

#include "cli/commands.h"
#include "report/run_table.h"

namespace allmodes::cli {
namespace {

void add_compare(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand(
      "compare", "Put runs beside each other: what differs in their configurations, and what came");
  auto folders = std::make_shared<std::vector<std::string>>();
  command->add_option("RUN", *folders, "Two run folders or more")->required()->expected(2, -1);
  command->footer("Example:\n  allmodes compare runs/00000-ring_gan runs/00001-ring_gan");
  command->callback([&dispatch, folders] {
    dispatch.alone = [folders] {
      std::vector<report::RunView> runs;
      for (const auto& folder : *folders) runs.push_back(report::read_run(folder));
      fmt::print("{}", report::comparison_of(runs));
      return 0;
    };
  });
}

}  // namespace

extern const Command kCompare{.place = 13, .add = add_compare};

}  // namespace allmodes::cli
