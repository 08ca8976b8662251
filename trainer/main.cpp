#include <unistd.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/heap.h"
#include "base/standard_streams.h"
#include "base/system_call.h"
#include "base/version.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "run/failure.h"
#include "world/lost_mapping.h"
#include "world/runtime.h"
#include "world/start_watch.h"

namespace {

using allmodes::ExitCode;

// A result that could not be written, to a full disk say, is no result.
int flushed(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::fputs("allmodes: error: standard output cannot be written\n", stderr);
  return code != 0 ? code : static_cast<int>(ExitCode::kInputOutput);
}

// Ends the process without the destructors of libraries' objects, in whose fifth of a second a
// signal that asked for the end already would have its default action again, and change the code.
[[noreturn]] void leave(int code) {
  std::fflush(nullptr);
  ::_exit(code);
}

const std::string kFooter = R"(Examples:
  allmodes validate configs/*.txtpb
  allmodes train configs/ring_gan.txtpb --set batch=512
  mpirun -np 2 allmodes train configs/fashion_vae.txtpb --resume auto
  allmodes sample runs/00000-ring_gan --count 64 --out samples.npy
  allmodes diagnose --real reals.npy --fake samples.npy

)";

}  // namespace

int main(int argc, char** argv) {
  allmodes::keep_freed_memory();
  allmodes::open_standard_streams();
  allmodes::report_file_size_limits_as_errors();
  allmodes::world::report_lost_mappings();
  CLI::App app{
      "allmodes trains generative networks over many nodes and says, in numbers and while it "
      "trains,\nwhether they lose part of their data.",
      "allmodes"};
  app.set_version_flag("--version", std::string("allmodes ") + allmodes::kVersionDescription);
  app.footer(kFooter + allmodes::cli::exit_codes_in_brief());
  app.require_subcommand(1);
  allmodes::cli::Dispatch dispatch;
  dispatch.command_line.assign(argv, argv + argc);
  allmodes::cli::add_commands(app, dispatch);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return flushed(app.exit(asked));
  } catch (const CLI::ParseError& error) {
    // Ranks commonly have the same command line: rank 0 says it for all, and its end ends the
    // others, as soon as the launcher has noticed.
    if (allmodes::world::launched_rank(std::getenv) > 0)
      std::this_thread::sleep_for(std::chrono::seconds(5));
    fmt::print(stderr, "allmodes: error: {}\nRun with --help for more information.\n",
               allmodes::cli::command_line_complaint(app, error));
    return static_cast<int>(ExitCode::kUsage);
  }

  std::optional<allmodes::world::StopRequest> signals;
  std::unique_ptr<allmodes::world::Runtime> runtime;
  try {
    if (dispatch.alone) return flushed(dispatch.alone());
    // Before MPI starts and data are read, which may take minutes.
    if (dispatch.stoppable) signals.emplace();
    runtime = std::make_unique<allmodes::world::Runtime>();
    if (!dispatch.stoppable) return flushed(dispatch.together(*runtime));
    const int code = flushed(dispatch.stoppable(*runtime, *signals));
    runtime.reset();  // when all ranks have come to the end
    leave(code);
  } catch (const std::exception& error) {
    const int code = allmodes::run::report(error, runtime.get());
    if (runtime == nullptr) return code;
    runtime->abort(code);
  }
}
