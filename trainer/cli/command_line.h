#pragma once

// What was wrong with a command line, in words that help.

#include <CLI/CLI.hpp>

#include <string>

namespace allmodes::cli {

// One sentence on `error`, which `app` threw while parsing: an unknown command or option by its
// name, with the nearest known one; else what CLI11 says.
std::string command_line_complaint(const CLI::App& app, const CLI::ParseError& error);

}  // namespace allmodes::cli
