#include "run/verdict_words.h"

#include <fmt/format.h>

namespace allmodes::run {

std::vector<report::Finding> findings_of(const diagnostics::Verdict& verdict) {
  std::vector<report::Finding> findings;
  for (const diagnostics::Witness& witness : verdict.witnesses) {
    findings.push_back({.state = diagnostics::to_string(witness.state),
                        .kind = witness.kind,
                        .what = witness.measured.what,
                        .parts = witness.modes,
                        .found = witness.measured.found,
                        .expected = witness.measured.expected,
                        .log10_p = witness.measured.log10_p,
                        .explained = witness.explained});
  }
  return findings;
}

report::VerdictText words_of(const diagnostics::Verdict& verdict) {
  const bool healthy = verdict.state == diagnostics::State::healthy;
  return {.place = "verdict",
          .state = diagnostics::to_string(verdict.state),
          .kind = healthy ? "none" : verdict.kind,
          .brief = healthy ? verdict.reason : report::brief_of(verdict.reason),
          .since = {},
          .findings = findings_of(verdict),
          .help = {},
          .see = {}};
}

report::VerdictText words_of(const checkpoints::State::Verdict& verdict,
                             const config::RunConfig& config) {
  const bool healthy = verdict.state == "healthy";
  return {.place = fmt::format("verdict at step {}", verdict.step),
          .state = verdict.state,
          .kind = verdict.kind,
          .brief = healthy ? verdict.reason : report::brief_of(verdict.reason),
          .since = {},
          .findings = {},
          .help = healthy ? std::vector<report::Suggestion>()
                          : report::suggestions(verdict.kind, config),
          .see = {}};
}

}  // namespace allmodes::run
