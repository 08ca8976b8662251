#include "diagnostics/verdict/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

bool has_modes(const Evidence& evidence) {
  return evidence.modes && evidence.modes->samples > 0;
}

// What a healthy evaluation saw: the sentence that stands where a reason would.
std::string describe(const Evidence& evidence) {
  std::vector<std::string> parts;
  if (has_modes(evidence)) {
    const ModeHistogram& modes = *evidence.modes;
    parts.push_back(fmt::format("{} of {} {} covered",
                                evidence.modes_covered.value_or(modes_covered(modes)),
                                modes.observed.size(), evidence.mode_noun));
    parts.push_back(fmt::format("reverse KL {:.3g} nats (a perfect sampler has {:.2g})",
                                kl_reverse(modes), sampling_floor(modes)));
  }
  if (evidence.high_quality) {
    parts.push_back(fmt::format("{:.1f} % high quality", 100 * *evidence.high_quality));
  }
  if (evidence.diversity_ratio) {
    parts.push_back(fmt::format("diversity {:.3g} of the data's", *evidence.diversity_ratio));
  }
  if (evidence.r2_mean) parts.push_back(fmt::format("R2 {:.3g}", *evidence.r2_mean));
  if (evidence.kl_total) parts.push_back(fmt::format("KL {:.3g} nats", *evidence.kl_total));
  if (evidence.active_units && evidence.latent_dimensions) {
    parts.push_back(
        fmt::format("{} of {} units active", *evidence.active_units, *evidence.latent_dimensions));
  }
  if (parts.empty()) return "nothing was measured";
  return fmt::format("{}", fmt::join(parts, ", "));
}

void collect(std::vector<Witness>& witnesses, std::optional<Witness> witness, State at_most) {
  if (!witness) return;
  witness->state = std::min(witness->state, at_most);
  witnesses.push_back(std::move(*witness));
}

// Kinds that bear each other out: loss of modes or of what is within them; a code that says
// nothing.
bool go_together(const std::string& a, const std::string& b) {
  static const std::set<std::string> kOfModes = {"mode_dropping", "mode_imbalance",
                                                 "within_mode_collapse", "duplicates"};
  static const std::set<std::string> kOfCodes = {"posterior_collapse", "mean_collapse",
                                                 "duplicates"};
  return a == b || (kOfModes.contains(a) && kOfModes.contains(b)) ||
         (kOfCodes.contains(a) && kOfCodes.contains(b));
}

// A collapse that too few instruments see is a risk.
void corroborate(std::vector<Witness>& witnesses, int64_t needed) {
  std::vector<size_t> alone;
  for (size_t i = 0; i < witnesses.size(); ++i) {
    if (witnesses[i].state != State::collapsed || witnesses[i].proof) continue;
    std::set<std::string> sources;
    for (const Witness& other : witnesses)
      if (go_together(witnesses[i].kind, other.kind))
        sources.insert(other.sources.begin(), other.sources.end());
    if (static_cast<int64_t>(sources.size()) < needed) alone.push_back(i);
  }
  for (const size_t i : alone) {
    witnesses[i].state = State::at_risk;
    witnesses[i].reason += " (one witness alone)";
  }
}

double found_before(const PastEvaluation& past) {
  for (const auto& [name, value] : past.values)
    if (name == "found") return value;
  return 0;
}

// What the last evaluations make of what this one found.
void confirm(Verdict& verdict, const std::vector<PastEvaluation>& history,
             const config::Verdict& levels) {
  const auto collapsed = static_cast<double>(State::collapsed);
  const int64_t there_are = std::min(levels.window, static_cast<int64_t>(history.size()) + 1);
  int64_t said = verdict.found == State::collapsed ? 1 : 0;
  for (int64_t i = 1; i < there_are; ++i)
    said += found_before(history[history.size() - static_cast<size_t>(i)]) >= collapsed ? 1 : 0;
  const int64_t needed = std::min(levels.confirmations, there_are);
  if (verdict.found == State::collapsed && said < needed) {
    verdict.state = State::at_risk;
    verdict.reason += fmt::format("; to be confirmed: in {} of the last {} evaluations, {} needed",
                                  said, there_are, needed);
  } else if (verdict.found == State::healthy && said >= levels.confirmations) {
    verdict.state = State::at_risk;
    verdict.kind = "recovering";
    verdict.reason += fmt::format("; collapsed in {} of the last {} evaluations", said, there_are);
  }
}

}  // namespace

std::string to_string(State state) {
  switch (state) {
    case State::healthy:
      return "healthy";
    case State::at_risk:
      return "at_risk";
    case State::collapsed:
      return "collapsed";
  }
  ALLMODES_CHECK(false, "state {}", static_cast<int>(state));
}

NamedValues summary(const Evidence& evidence) {
  NamedValues values;
  const auto keep = [&](const char* name, std::optional<double> value) {
    if (value && std::isfinite(*value)) values.emplace_back(name, *value);
  };
  if (has_modes(evidence)) {
    keep("kl_excess", kl_reverse(*evidence.modes) - sampling_floor(*evidence.modes));
  }
  keep("diversity_ratio", evidence.diversity_ratio);
  keep("r2_mean", evidence.r2_mean);
  keep("coverage", evidence.coverage);
  keep("mode_spread", evidence.mode_spread);
  keep("kl_total", evidence.kl_total);
  keep("discriminator_margin", evidence.discriminator_margin);
  return values;
}

NamedValues summary(const Evidence& evidence, const Verdict& verdict) {
  NamedValues values = summary(evidence);
  values.emplace_back("found", static_cast<double>(verdict.found));
  return values;
}

int64_t test_count(const Evidence& evidence) {
  const auto calibrated = static_cast<int64_t>(evidence.calibrated.size());
  const int64_t count = (has_modes(evidence) ? 3 : 0) +
                        (evidence.aggregate_mmd_log10_tail ? 1 : 0) + (evidence.copies ? 1 : 0) +
                        calibrated;
  return std::max<int64_t>(1, count);
}

double test_level(const Evidence& evidence, const config::Verdict& levels) {
  return levels.significance / static_cast<double>(test_count(evidence));
}

Verdict judge(const Evidence& evidence, const std::vector<PastEvaluation>& history,
              const config::Verdict& configured, std::vector<Witness> more) {
  config::Verdict levels = configured;
  levels.significance = test_level(evidence, configured);
  Verdict verdict;
  if (has_modes(evidence)) {
    verdict.missing = missing_modes(*evidence.modes, levels.dropped_share, levels.significance);
  }
  const bool untrained =
      evidence.step <= static_cast<uint64_t>(std::max<int64_t>(0, levels.grace_steps));
  const State worst = untrained ? State::at_risk : State::collapsed;
  const std::optional<Witness> unformed = witness_unformed(evidence, levels);
  const State worst_of_modes = unformed ? State::at_risk : worst;

  // Causes before their effects; sorting by state keeps this order within a state. Samples that lie
  // on no mode say little of the modes: "unformed" then goes before what their histogram says.
  std::vector<Witness>& found = verdict.witnesses;
  collect(found, witness_divergence(evidence), worst);
  collect(found, witness_posterior(evidence, levels), worst);
  collect(found, witness_mean(evidence, history, levels), worst);
  collect(found, witness_copies(evidence, levels), worst);
  collect(found, witness_duplicates(evidence, history), worst);
  collect(found, witness_distances(evidence, levels), worst);
  collect(found, unformed, worst);
  collect(found, witness_dropping(evidence, verdict.missing, levels), worst_of_modes);
  collect(found, witness_imbalance(evidence, history, levels), worst_of_modes);
  collect(found, witness_spread(evidence, levels), worst_of_modes);
  collect(found, witness_halves(evidence, levels), worst_of_modes);
  collect(found, witness_near_duplicates(evidence, levels), worst);
  collect(found, witness_coverage(evidence, levels), worst_of_modes);
  collect(found, witness_aggregate(evidence, levels), worst);
  collect(found, witness_saturation(evidence, history), worst);
  for (Witness& each : more) collect(found, std::move(each), worst);
  for (Witness& trend : witness_trends(evidence, history, levels)) {
    // Of what is already said only the fall would be news.
    if (std::ranges::none_of(found, [&](const Witness& w) { return w.kind == trend.kind; }))
      found.push_back(std::move(trend));
  }
  corroborate(found, levels.witnesses);
  std::ranges::stable_sort(found,
                           [](const Witness& a, const Witness& b) { return a.state > b.state; });

  if (found.empty()) {
    verdict.reason = describe(evidence);
    confirm(verdict, history, levels);
    return verdict;
  }
  verdict.state = verdict.found = found.front().state;
  verdict.kind = found.front().kind;
  verdict.reason = found.front().reason;
  for (size_t i = 1; i < found.size(); ++i) {
    verdict.reason += fmt::format("; also {}, {}", found[i].kind, found[i].reason);
  }
  if (untrained) {
    verdict.reason += levels.grace_steps > 0
                          ? fmt::format("; in the grace period until step {}", levels.grace_steps)
                          : "; nothing is trained yet";
  }
  confirm(verdict, history, levels);
  return verdict;
}

std::string to_line(const Verdict& verdict, uint64_t step) {
  const std::string head = fmt::format("verdict at step {}: {}: ", step, to_string(verdict.state));
  if (verdict.state == State::healthy) return head + verdict.reason;
  return fmt::format("{}{}, {}", head, verdict.kind, verdict.reason);
}

}  // namespace allmodes::diagnostics
