// `allmodes completion`: what shells complete, and the manual page, from the command line's own
// description.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/version.h"
#include "cli/commands.h"

namespace allmodes::cli {
namespace {

std::vector<const CLI::App*> subcommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// Options of a command, without positionals: "--out".
std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  return command.get_options(
      [](const CLI::Option* option) { return !option->get_lnames().empty(); });
}

std::string joined_options(const CLI::App& command) {
  std::string text;
  for (const CLI::Option* option : options_of(command))
    for (const auto& name : option->get_lnames())
      text += fmt::format("{}--{}", text.empty() ? "" : " ", name);
  return text;
}

std::string joined_names(const std::vector<const CLI::App*>& commands) {
  std::string text;
  for (const CLI::App* command : commands)
    text += fmt::format("{}{}", text.empty() ? "" : " ", command->get_name());
  return text;
}

// Single-quoted text for a shell.
std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string bash(const CLI::App& app) {
  std::string cases;
  for (const CLI::App* command : subcommands(app)) {
    const auto within = subcommands(*command);
    std::string words = joined_options(*command);
    if (!within.empty()) {
      words.append(" ").append(joined_names(within));
      for (const CLI::App* each : within) words.append(" ").append(joined_options(*each));
    }
    cases += fmt::format("    {}) words={} ;;\n", command->get_name(), shell_quoted(words));
  }
  return fmt::format(
      R"(# Completion of allmodes for bash.
_allmodes() {{
  local words="" current="${{COMP_WORDS[COMP_CWORD]}}"
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W {} -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [[ "$current" != -* ]]; then
    mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
  fi
}}
complete -o filenames -F _allmodes allmodes
)",
      shell_quoted(joined_names(subcommands(app)) + " --help --version"), cases);
}

std::string zsh(const CLI::App& app) {
  std::string names, cases;
  for (const CLI::App* command : subcommands(app)) {
    const std::string name = command->get_name() + ":" + command->get_description();
    names += fmt::format("    {}\n", shell_quoted(name));
    std::string specifications;
    std::vector<const CLI::App*> all = subcommands(*command);
    all.insert(all.begin(), command);
    for (const CLI::App* each : all)
      for (const CLI::Option* option : options_of(*each)) {
        std::string words = option->get_description();
        std::erase_if(words, [](char c) { return c == '[' || c == ']' || c == ':'; });
        for (const auto& option_name : option->get_lnames())
          specifications.append(" ").append(shell_quoted(
              fmt::format("--{}[{}]{}", option_name, words,
                          option->get_items_expected_max() > 0 ? ":value:_files" : "")));
      }
    cases += fmt::format("    {}) _arguments{} '*:file:_files' ;;\n", command->get_name(),
                         specifications);
  }
  return fmt::format(R"(#compdef allmodes
_allmodes() {{
  local -a commands
  commands=(
{}  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  case "${{words[2]}}" in
{}  esac
}}
_allmodes "$@"
)",
                     names, cases);
}

std::string fish(const CLI::App& app) {
  std::string out = "# Completion of allmodes for fish.\n";
  for (const CLI::App* command : subcommands(app)) {
    out += fmt::format("complete -c allmodes -n __fish_use_subcommand -f -a {} -d {}\n",
                       command->get_name(), shell_quoted(command->get_description()));
    std::vector<const CLI::App*> all = subcommands(*command);
    for (const CLI::App* each : all)
      out +=
          fmt::format("complete -c allmodes -n '__fish_seen_subcommand_from {}' -a {} -d {}\n",
                      command->get_name(), each->get_name(), shell_quoted(each->get_description()));
    all.insert(all.begin(), command);
    for (const CLI::App* each : all)
      for (const CLI::Option* option : options_of(*each))
        for (const auto& name : option->get_lnames())
          out += fmt::format(
              "complete -c allmodes -n '__fish_seen_subcommand_from {}' -l {}{} -d {}\n",
              command->get_name(), name, option->get_items_expected_max() > 0 ? " -r" : "",
              shell_quoted(option->get_description()));
  }
  return out;
}

// Text for roff: backslashes, hyphens, and dots that begin a line.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

void add_section(const CLI::App& command, const std::string& path, std::string& out) {
  out += fmt::format(".SS {}\n{}\n", roff(path), roff(command.get_description()));
  for (const CLI::Option* option : command.get_options([](const CLI::Option*) { return true; })) {
    const std::string name = option->get_name(true, true);
    out += fmt::format(".TP\n.B {}\n{}\n", roff(name), roff(option->get_description()));
  }
  if (!command.get_footer().empty())
    out += fmt::format(".PP\n.nf\n{}\n.fi\n", roff(command.get_footer()));
  for (const CLI::App* each : subcommands(command))
    add_section(*each, path + " " + each->get_name(), out);
}

std::string manual(const CLI::App& app) {
  std::string out = fmt::format(
      ".TH ALLMODES 1 \"\" \"allmodes {}\" \"User Commands\"\n.SH NAME\nallmodes \\- train "
      "generative networks and say whether they lose part of their data\n.SH SYNOPSIS\n.B "
      "allmodes\nCOMMAND [OPTION]...\n.SH DESCRIPTION\n{}\n.SH COMMANDS\n",
      kVersionDescription, roff(app.get_description()));
  for (const CLI::App* command : subcommands(app)) add_section(*command, command->get_name(), out);
  return out + fmt::format(".SH EXAMPLES AND EXIT STATUS\n.nf\n{}\n.fi\n", roff(app.get_footer()));
}

void add_completion(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand(
      "completion", "Print what a shell completes, or the manual page, to be put where it belongs");
  auto form = std::make_shared<std::string>();
  command->add_option("FORM", *form, "bash, zsh, fish, or man")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish", "man"}));
  command->footer(R"(Examples:
  source <(allmodes completion bash)
  allmodes completion zsh > ~/.zfunc/_allmodes
  allmodes completion fish > ~/.config/fish/completions/allmodes.fish
  allmodes completion man > allmodes.1)");
  command->callback([&dispatch, &app, form] {
    dispatch.alone = [&app, form] {
      fmt::print("{}", *form == "bash"  ? bash(app)
                       : *form == "zsh" ? zsh(app)
                       : *form == "man" ? manual(app)
                                        : fish(app));
      return 0;
    };
  });
}

}  // namespace

extern const Command kCompletion{.place = 20, .add = add_completion};

}  // namespace allmodes::cli
