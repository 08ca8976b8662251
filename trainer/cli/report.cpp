#include "report/page.h"

#include <spdlog/fmt/fmt.h>

#include <string>
#include <vector>

#include "base/durable_file.h"
#include "cli/commands.h"
#include "records/run_folder.h"
#include "run/figures.h"

namespace allmodes::cli {
namespace {

void add_report(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("report", "Write a run's report.html, a page of one file");
  struct Arguments {
    std::vector<std::string> runs;
  };
  auto arguments = std::make_shared<Arguments>();
  command->add_option("RUN", arguments->runs, "Run folders (runs/00000-NAME)")->required();
  command->footer(
      R"(Training keeps the page by itself; this makes it anew, of older runs too. It needs no network and
can be sent as it is.

Example:
  allmodes report runs/00000-ring_gan)");
  command->callback([&dispatch, arguments] {
    dispatch.alone = [arguments] {
      for (const std::string& run : arguments->runs) {
        const auto view = report::read_run(run);
        const auto page = records::RunFolder{run}.report();
        write_file_atomically(page, report::run_page(view, run::figure_tables()));
        fmt::print("{}\n", page.string());
      }
      return 0;
    };
  });
}

}  // namespace

extern const Command kReport{.place = 10, .add = add_report};

}  // namespace allmodes::cli
