#include "report/page.h"

#include <spdlog/fmt/fmt.h>

#include <string>
#include <vector>

#include "base/durable_file.h"
#include "base/error.h"
#include "cli/commands.h"
#include "records/run_folder.h"
#include "run/figures.h"

namespace allmodes::cli {
namespace {

void add_report(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("report", "Write a run's report.html, a page of one file");
  struct Arguments {
    std::vector<std::string> runs;
    std::string frame;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* runs = command->add_option("RUN", arguments->runs, "Run folders (runs/00000-NAME)");
  command
      ->add_option("--frame", arguments->frame,
                   "Print an empty page of this title instead, style and script within: for pages "
                   "of other programs, whose contents go between <main> and </main>")
      ->type_name("TITLE")
      ->excludes(runs);
  command->footer(
      R"(Training keeps the page by itself; this makes it anew, of older runs too. It needs no network and
can be sent as it is.

Example:
  allmodes report runs/00000-ring_gan)");
  command->callback([&dispatch, arguments] {
    dispatch.alone = [arguments] {
      if (!arguments->frame.empty()) {
        fmt::print("{}<main>\n</main>{}", report::page_head(arguments->frame), report::page_end());
        return 0;
      }
      if (arguments->runs.empty()) ALLMODES_FAIL(ExitCode::kUsage, "which run? See report --help");
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
