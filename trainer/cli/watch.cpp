#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include "cli/commands.h"
#include "records/coloured.h"
#include "records/terminal.h"
#include "report/run_table.h"

namespace allmodes::cli {
namespace {

std::string watched(const std::string& folder) {
  const auto runs = report::runs_in(folder);
  if (runs.size() == 1) {
    const std::string text =
        report::run_in_text(report::read_run(runs.front()),
                            static_cast<size_t>(records::terminal_columns(STDOUT_FILENO)));
    return records::coloured_for(STDOUT_FILENO, text);
  }
  std::vector<report::Glance> glances;
  for (const auto& run : runs) glances.push_back(report::glance_at(run));
  return report::runs_table(glances);
}

void add_watch(CLI::App& app, Dispatch& dispatch) {
  auto* command =
      app.add_subcommand("watch", "Show from any terminal what a run, or a folder of runs, does");
  struct Arguments {
    std::string folder = "runs";
    double every = 2;
    bool once = false;
  };
  auto arguments = std::make_shared<Arguments>();
  command->add_option("RUN", arguments->folder, "A run folder, or a folder of runs")
      ->capture_default_str();
  command->add_option("--every", arguments->every, "Seconds between two looks")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  command->add_flag("--once", arguments->once, "Look once and end");
  command->footer(
      R"(Reads the run's folder alone: it works on another host, over ssh, and while Slurm runs the job.
End it with Ctrl-C.

Examples:
  allmodes watch runs/00000-ring_gan
  allmodes watch runs --once)");
  command->callback([&dispatch, arguments] {
    dispatch.alone = [arguments] {
      const bool terminal = records::on_terminal(STDOUT_FILENO);
      for (;;) {
        const std::string text = watched(arguments->folder);
        // Home, then what is below the text is cleared: no flicker.
        fmt::print("{}{}{}", terminal && !arguments->once ? "\x1b[H\x1b[2J" : "", text,
                   terminal && !arguments->once ? "\x1b[J" : "");
        std::fflush(stdout);
        if (arguments->once) return 0;
        std::this_thread::sleep_for(std::chrono::duration<double>(arguments->every));
      }
    };
  });
}

}  // namespace

extern const Command kWatch{.place = 11, .add = add_watch};

}  // namespace allmodes::cli
