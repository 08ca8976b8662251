#include "diagnostics/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diagnostics/witnesses.h"

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
  return values;
}

Verdict judge(const Evidence& evidence, const std::vector<PastEvaluation>& history,
              const config::Verdict& levels) {
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
  collect(found, witness_duplicates(evidence, history), worst);
  collect(found, unformed, worst);
  collect(found, witness_dropping(evidence, verdict.missing, levels), worst_of_modes);
  collect(found, witness_imbalance(evidence, history, levels), worst_of_modes);
  collect(found, witness_aggregate(evidence), worst);
  std::ranges::stable_sort(found,
                           [](const Witness& a, const Witness& b) { return a.state > b.state; });

  if (found.empty()) {
    verdict.reason = describe(evidence);
    return verdict;
  }
  verdict.state = found.front().state;
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
  return verdict;
}

std::string to_line(const Verdict& verdict, uint64_t step) {
  const std::string head = fmt::format("verdict at step {}: {}: ", step, to_string(verdict.state));
  if (verdict.state == State::healthy) return head + verdict.reason;
  return fmt::format("{}{}, {}", head, verdict.kind, verdict.reason);
}

}  // namespace allmodes::diagnostics
