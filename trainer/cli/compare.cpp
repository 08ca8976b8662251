#include <spdlog/fmt/fmt.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/durable_file.h"
#include "cli/commands.h"
#include "records/run_folder.h"
#include "report/page.h"
#include "report/run_table.h"

namespace allmodes::cli {
namespace {

// The reports of the runs, seen from the page's folder; none for a run that has no report.
std::vector<std::string> links_from(const std::filesystem::path& page,
                                    const std::vector<std::string>& runs) {
  std::vector<std::string> links;
  for (const auto& run : runs) {
    const auto report = records::RunFolder{run}.report();
    std::error_code error;
    const auto folder = std::filesystem::absolute(page, error).parent_path();
    const bool there = std::filesystem::exists(report, error);
    links.push_back(there ? std::filesystem::proximate(report, folder, error).string() : "");
  }
  return links;
}

void add_compare(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand(
      "compare", "Put runs beside each other: what differs in their configurations, and what came");
  auto folders = std::make_shared<std::vector<std::string>>();
  command->add_option("RUN", *folders, "Two run folders or more")->required()->expected(2, -1);
  auto page = std::make_shared<std::string>();
  command->add_option("--out", *page, "Also as a page of one file, FILE.html, with curves")
      ->type_name("FILE");
  command->footer(
      "Examples:\n  allmodes compare runs/00000-ring_gan runs/00001-ring_gan\n"
      "  allmodes compare runs/* --out comparison.html");
  command->callback([&dispatch, folders, page] {
    dispatch.alone = [folders, page] {
      std::vector<report::RunView> runs;
      for (const auto& folder : *folders) runs.push_back(report::read_run(folder));
      fmt::print("{}", report::comparison_of(runs));
      if (!page->empty())
        write_file_atomically(*page, report::comparison_page(runs, links_from(*page, *folders)));
      return 0;
    };
  });
}

}  // namespace

extern const Command kCompare{.place = 13, .add = add_compare};

}  // namespace allmodes::cli
