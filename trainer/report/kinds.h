#pragma once

// What a verdict's kinds mean and what helps against them: the one description of which the
// terminal, the report, `allmodes explain KIND` and docs/verdicts/ are made.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/run_config.h"

namespace allmodes::report {

// A change of a configuration that helps against a kind.
struct Remedy {
  std::string_view words;  // what it does, up to 40 characters
  // "FIELD=VALUE" as --set takes it, for this configuration; nothing where it does not belong to
  // the family, or is made already.
  std::function<std::optional<std::string>(const config::RunConfig&)> change;
  std::string_view fields;  // what it changes, for documents: "gan.packing"
};

struct Kind {
  std::string_view name;         // "mode_dropping"
  std::string_view title;        // "parts of the data are not made at all"
  std::string_view meaning;      // sentences
  std::string_view measured;     // by what it is seen, sentences
  std::string_view otherwise;    // what else looks like it
  std::string_view elsewhere;    // what to do with samples of a model from elsewhere
  std::vector<Remedy> remedies;  // those that help most first
};

// All kinds, by name.
std::span<const Kind> kinds();
// Null for a name that is none.
const Kind* find_kind(std::string_view name);

struct Suggestion {
  std::string change;  // "--set gan.packing=2", quoted for a shell where that is needed
  std::string words;
};

// What to try against the kind in this configuration, at most `most`: changes that the checks of
// the configuration (not those of the data) let pass and that change something.
std::vector<Suggestion> suggestions(std::string_view kind, const config::RunConfig& config,
                                    size_t most = 3);
// The same for samples of a model that is not known.
std::vector<Suggestion> suggestions(std::string_view kind);

// The page of a kind, Markdown in lines of at most 80 characters.
std::string kind_page(const Kind& kind);

}  // namespace allmodes::report
