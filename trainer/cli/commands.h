#pragma once

// The subcommands. Each file registers one on the application and says what to run.

#include <CLI/CLI.hpp>

#include <functional>
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

void add_train(CLI::App& app, Dispatch& dispatch);
void add_validate(CLI::App& app, Dispatch& dispatch);
void add_diagnose(CLI::App& app, Dispatch& dispatch);
void add_sample(CLI::App& app, Dispatch& dispatch);
void add_export(CLI::App& app, Dispatch& dispatch);
void add_data(CLI::App& app, Dispatch& dispatch);
void add_report(CLI::App& app, Dispatch& dispatch);
void add_watch(CLI::App& app, Dispatch& dispatch);
void add_runs(CLI::App& app, Dispatch& dispatch);
void add_compare(CLI::App& app, Dispatch& dispatch);
void add_verify(CLI::App& app, Dispatch& dispatch);
void add_doctor(CLI::App& app, Dispatch& dispatch);

}  // namespace allmodes::cli
