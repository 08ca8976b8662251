#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "config/load.h"
#include "config/reference.h"
#include "data/dataset.h"
#include "diagnosis/figures.h"
#include "networks/registry.h"
#include "objectives/augment.h"
#include "objectives/registry.h"

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

int explain(const std::string& word) {
  const auto figures = diagnosis::figure_tables();
  const std::string text =
      config::explain_field(word, registered_names()) + records::explain_figure(figures, word);
  if (text.empty()) {
    auto names = config::field_paths();
    for (auto& name : records::figure_names(figures)) names.push_back(std::move(name));
    const std::string guess = config::nearest(word, names);
    ALLMODES_FAIL(ExitCode::kUsage, "unknown field or figure '{}'; {}", word,
                  guess.empty() ? "`allmodes explain --all` and `--figures` print all of them"
                                : fmt::format("did you mean '{}'?", guess));
  }
  fmt::print("{}", text);
  return 0;
}

void add_explain(CLI::App& app, Dispatch& dispatch) {
  auto* command =
      app.add_subcommand("explain", "What a field of the configuration, or a figure, means");
  auto word = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  auto* field = command->add_option(
      "NAME", *word,
      "A field as in --set (gan.penalty[0].weight), or the end of it (packing); or a figure of "
      "records.jsonl or diagnosis.json (kl_reverse)");
  command->add_flag("--all", *all, "Every field, as the page docs/configuration.md")
      ->excludes(field);
  auto figures = std::make_shared<bool>(false);
  command->add_flag("--figures", *figures, "Every figure, as the page docs/records.md")
      ->excludes(field)
      ->excludes("--all");
  command->footer("Example:\n  allmodes explain label_smoothing\n  allmodes explain kl_reverse");
  command->callback([&dispatch, word, all, figures] {
    if (word->empty() && !*all && !*figures) throw CLI::RequiredError("NAME");
    dispatch.alone = [word, all, figures] {
      if (*figures) {
        fmt::print("{}", records::figures_page(diagnosis::figure_tables()));
        return 0;
      }
      if (!*all) return explain(*word);
      fmt::print("{}", config::reference_page(registered_names()));
      return 0;
    };
  });
}

}  // namespace

extern const Command kExplain{.place = 7, .add = add_explain};

}  // namespace allmodes::cli
