#pragma once

// The subcommands, one a file.

#include <CLI/CLI.hpp>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes::cli {

// What main() runs after the command line was understood; the result is the exit code.
struct Dispatch {
  // Of a command that works on one process alone.
  std::function<int()> alone;
  // Of a command that all ranks of the job run together.
  std::function<int(world::Runtime&)> together;
  // The same of one that a signal asks to end in good order, from the beginning of main() on.
  std::function<int(world::Runtime&, const world::StopRequest&)> stoppable;
  std::vector<std::string> command_line;  // of this process
};

// A subcommand: a row `extern const Command kNAME{...}` at the end of its file; the build finds the
// rows (docs/extending.md).
struct Command {
  int place;  // in --help, from the top
  // Registers it on the application; its callback says in `dispatch` what to run.
  void (*add)(CLI::App& app, Dispatch& dispatch);
};

// All rows, by cmake/Rooms.cmake.
std::span<const Command* const> commands();

// Registers all of them, in their places.
void add_commands(CLI::App& app, Dispatch& dispatch);

}  // namespace allmodes::cli
