#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "config/load.h"
#include "config/reference.h"
#include "data/dataset.h"
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
  const std::string text = config::explain_field(word, registered_names());
  if (text.empty()) {
    const std::string guess = config::nearest(word, config::field_paths());
    ALLMODES_FAIL(ExitCode::kUsage, "unknown field '{}'; {}", word,
                  guess.empty() ? "`allmodes explain --all` prints all of them"
                                : fmt::format("did you mean '{}'?", guess));
  }
  fmt::print("{}", text);
  return 0;
}

void add_explain(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("explain", "What a field of the configuration means");
  auto word = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  auto* field = command->add_option(
      "FIELD", *word, "As in --set (gan.penalty[0].weight), or the end of it (packing)");
  command->add_flag("--all", *all, "Every field, as the page docs/configuration.md")
      ->excludes(field);
  command->footer("Example:\n  allmodes explain label_smoothing");
  command->callback([&dispatch, word, all] {
    if (word->empty() && !*all) throw CLI::RequiredError("FIELD");
    dispatch.alone = [word, all] {
      if (!*all) return explain(*word);
      fmt::print("{}", config::reference_page(registered_names()));
      return 0;
    };
  });
}

}  // namespace

extern const Command kExplain{.place = 7, .add = add_explain};

}  // namespace allmodes::cli
