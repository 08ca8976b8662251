#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "config/load.h"
#include "config/reference.h"
#include "data/dataset.h"
#include "diagnosis/figures.h"
#include "networks/registry.h"
#include "objectives/augment.h"
#include "objectives/registry.h"
#include "report/kinds.h"
#include "report/wrapped.h"

namespace allmodes::cli {
namespace {

config::Names registered_names() {
  config::Names names;
  names["data set"] = data::dataset_names();
  for (const auto name : networks::architecture_names()) names["architecture"].emplace_back(name);
  names["loss"] = objectives::names_of(objectives::gan_losses());
  names["penalty"] = objectives::names_of(objectives::penalties());
  names["likelihood"] = objectives::names_of(objectives::likelihoods());
  names["list of augmentations"] = objectives::augmentation_names();
  return names;
}

bool is_number(const std::string& word) {
  return !word.empty() &&
         std::ranges::all_of(word, [](unsigned char c) { return std::isdigit(c); });
}

void explain_exit_code(const std::string& word) {
  for (const ExitCodeRow& row : exit_codes()) {
    if (std::to_string(row.code) != word) continue;
    fmt::print("{}\n", report::wrapped(fmt::format("exit code {}: {}", row.code, row.meaning), 80));
    return;
  }
  ALLMODES_FAIL(ExitCode::kUsage,
                "{} is no exit code of allmodes; above 128 it is {} for the signal that ended the "
                "process",
                word, "128 and a number");
}

void explain(const std::string& word) {
  if (is_number(word)) {
    explain_exit_code(word);
    return;
  }
  if (const report::Kind* kind = report::find_kind(word)) {
    fmt::print("{}", report::kind_page(*kind));
    return;
  }
  const auto figures = diagnosis::figure_tables();
  const std::string text =
      config::explain_field(word, registered_names()) + records::explain_figure(figures, word);
  if (text.empty()) {
    auto names = config::field_paths();
    for (auto& name : records::figure_names(figures)) names.push_back(std::move(name));
    for (const report::Kind& kind : report::kinds()) names.emplace_back(kind.name);
    const std::string guess = config::nearest(word, names);
    ALLMODES_FAIL(ExitCode::kUsage, "unknown field, figure, kind or exit code '{}'; {}", word,
                  guess.empty() ? "`allmodes explain --all` and `--figures` print all of them"
                                : fmt::format("did you mean '{}'?", guess));
  }
  fmt::print("{}", text);
}

// With an empty line between two.
int explain_each(const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) fmt::print("\n");
    explain(words[i]);
  }
  return 0;
}

void add_explain(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand(
      "explain",
      "What a field of the configuration, a figure, a verdict's kind or an exit code means");
  auto words = std::make_shared<std::vector<std::string>>();
  auto all = std::make_shared<bool>(false);
  auto* field = command->add_option(
      "NAME", *words,
      "A field as in --set (gan.penalty[0].weight), or the end of it (packing); or a figure of "
      "records.jsonl or diagnosis.json (kl_reverse); a kind of verdict (mode_dropping); an exit "
      "code (68). Several are explained one after the other");
  command->add_flag("--all", *all, "Every field, as the page docs/configuration.md")
      ->excludes(field);
  auto figures = std::make_shared<bool>(false);
  command->add_flag("--figures", *figures, "Every figure, as the page docs/records.md")
      ->excludes(field)
      ->excludes("--all");
  command->footer(
      "Examples:\n  allmodes explain label_smoothing\n  allmodes explain kl_reverse\n  allmodes "
      "explain mode_dropping\n  allmodes explain 68");
  command->callback([&dispatch, words, all, figures] {
    if (words->empty() && !*all && !*figures) throw CLI::RequiredError("NAME");
    dispatch.alone = [words, all, figures] {
      if (*figures) {
        fmt::print("{}", records::figures_page(diagnosis::figure_tables()));
        return 0;
      }
      if (!*all) return explain_each(*words);
      fmt::print("{}", config::reference_page(registered_names()));
      return 0;
    };
  });
}

}  // namespace

extern const Command kExplain{.place = 7, .add = add_explain};

}  // namespace allmodes::cli
