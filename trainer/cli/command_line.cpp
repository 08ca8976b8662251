#include "cli/command_line.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "cli/commands.h"
#include "config/load.h"

namespace allmodes::cli {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* option : command.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

}  // namespace

void add_commands(CLI::App& app, Dispatch& dispatch) {
  const auto rows = commands();
  std::vector<const Command*> sorted(rows.begin(), rows.end());
  std::ranges::stable_sort(sorted, {}, &Command::place);
  for (const Command* command : sorted) command->add(app, dispatch);
}

std::string command_line_complaint(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const CLI::App& command = chosen.empty() ? app : *chosen.front();
  for (const auto& word : app.remaining(true)) {
    if (word.starts_with("-"))
      return config::unknown_name("option", word.substr(0, word.find('=')), option_names(command));
    if (chosen.empty()) return config::unknown_name("command", word, command_names(app));
    if (word.find('=') != std::string::npos && command.get_option_no_throw("--set") != nullptr)
      return fmt::format("'{0}' is not understood; each field has a --set of its own: --set '{0}'",
                         word);
  }
  return error.what();
}

}  // namespace allmodes::cli
