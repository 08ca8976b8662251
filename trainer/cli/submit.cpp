#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/named_config.h"

namespace allmodes::cli {
namespace {

// Becomes launch/slurm/submit.sh, which knows everything else.
int submit(std::vector<std::string> words) {
  const auto script = own_file("launch/slurm/submit.sh");
  if (!script)
    ALLMODES_FAIL(ExitCode::kNoInput,
                  "launch/slurm/submit.sh lies neither beside this program's folder nor in an "
                  "installation's share/allmodes; run it from a checkout");
  if (const auto program = own_program())
    ::setenv("ALLMODES_BINARY", program->c_str(), /*replace=*/1);
  std::string bash = "bash", file = script->string();
  std::vector<char*> arguments{bash.data(), file.data()};
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execvp("bash", arguments.data());
  ALLMODES_FAIL(ExitCode::kOsError, "cannot start bash: {}", std::strerror(errno));
}

void add_submit(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("submit", "Submit a training to Slurm");
  // Its words are the script's, --help among them.
  command->set_help_flag();
  command->prefix_command();
  command->footer(
      R"(Checks the configuration, writes its batch script beside the run, shows it and submits it. The job
comes back after time limits, preemptions and lost nodes. `allmodes submit --help` has all options.

Examples:
  allmodes submit ring_gan --nodes 2 --ranks-per-node 4 --time 12:00:00
  allmodes submit mine.txtpb --array 5 -- --steps 20000 --on-collapse stop)");
  command->callback([&dispatch, command] {
    dispatch.alone = [words = command->remaining()] { return submit(words); };
  });
}

}  // namespace

extern const Command kSubmit{.place = 14, .add = add_submit};

}  // namespace allmodes::cli
