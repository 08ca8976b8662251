#include "diagnostics/verdict/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "diagnostics/verdict/deciding.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kFaintestOfNarrow = 0.2;  // detail over that of reals, per width
constexpr double kSortedWell = 0.7;        // share of the reals, for an acquittal of classes

bool has_modes(const Evidence& evidence) {
  return evidence.modes && evidence.modes->samples > 0;
}

// What a healthy evaluation saw: the sentence that stands where a reason would.
std::string describe(const Evidence& evidence) {
  std::vector<std::string> parts;
  const double accuracy = evidence.class_accuracy.value_or(1);
  if (evidence.class_accuracy)
    parts.push_back(
        fmt::format("{:.0f} % of real samples are sorted into their class{}", 100 * accuracy,
                    accuracy < kSortedWell ? ", too few to say that none is lost" : ""));
  if (has_modes(evidence) && accuracy >= kSortedWell) {
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
  const auto figure = [&](const char* name) {
    if (const CalibratedFigure* found = calibrated_figure(evidence, name))
      parts.push_back(fmt::format("{} {:.3f} (of real samples {:.3f})", name, found->value,
                                  found->null_median));
  };
  for (const char* name : {"precision", "recall"}) figure(name);
  if (evidence.smallest_loss)
    parts.push_back(
        fmt::format("a loss of {:.1f} % of the data or more would have been found (99 %, of a part "
                    "that stands apart, amid other data only a larger one)",
                    100 * *evidence.smallest_loss));
  if (evidence.codes)
    parts.push_back(fmt::format("{} of {} codes used, perplexity {:.4g}", evidence.codes->used,
                                evidence.codes->codes, evidence.codes->perplexity));
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
  static const std::set<std::string> kOfModes = {
      "mode_dropping", "mode_imbalance", "within_mode_collapse", "duplicates", "label_ignored"};
  static const std::set<std::string> kOfCodes = {"posterior_collapse", "mean_collapse",
                                                 "duplicates"};
  return a == b || (kOfModes.contains(a) && kOfModes.contains(b)) ||
         (kOfCodes.contains(a) && kOfCodes.contains(b));
}

// Whether two findings are about one mode; those that name none are about all of the data.
bool share_a_mode(const Witness& a, const Witness& b) {
  if (a.modes.empty() || b.modes.empty()) return true;
  return std::ranges::any_of(a.modes, [&](const std::string& name) {
    return std::ranges::find(b.modes, name) != b.modes.end();
  });
}

// A collapse that too few instruments see is a risk.
void corroborate(std::vector<Witness>& witnesses, int64_t needed) {
  std::vector<size_t> alone;
  for (size_t i = 0; i < witnesses.size(); ++i) {
    if (witnesses[i].state != State::collapsed || witnesses[i].proof) continue;
    std::set<std::string> sources;
    for (const Witness& other : witnesses)
      if (go_together(witnesses[i].kind, other.kind) && share_a_mode(witnesses[i], other))
        sources.insert(other.sources.begin(), other.sources.end());
    if (static_cast<int64_t>(sources.size()) < needed) alone.push_back(i);
  }
  // The histogram that shows wrong proportions shows the missing modes that make them so.
  const auto is_of_histogram = [&](size_t i, const char* kind) {
    return witnesses[i].kind == kind &&
           witnesses[i].sources == std::vector<std::string>{"histogram"};
  };
  for (size_t i = 0; i < witnesses.size(); ++i)
    if (is_of_histogram(i, "mode_imbalance") && witnesses[i].state == State::collapsed &&
        std::ranges::find(alone, i) == alone.end())
      std::erase_if(alone, [&](size_t j) { return is_of_histogram(j, "mode_dropping"); });
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
  // What is not a number does not become one at the next evaluation.
  const bool broken = !verdict.witnesses.empty() && verdict.witnesses.front().kind == "divergence";
  const int64_t needed = broken ? 1 : levels.confirmations;
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

// Reals that are not reached are a sign beside another one, of whose kind it then is; alone they
// say that samples lie elsewhere, not that mass is lost.
void place_coverage(std::vector<Witness>& found, std::optional<Witness> coverage, State worst) {
  if (!coverage) return;
  static const std::set<std::string> kOfMass = {"mode_dropping", "mode_imbalance",
                                                "within_mode_collapse"};
  const auto bears_out = std::ranges::find_if(found, [&](const Witness& other) {
    return kOfMass.contains(other.kind) && share_a_mode(other, *coverage);
  });
  if (bears_out != found.end()) {
    coverage->kind = bears_out->kind;
    collect(found, std::move(coverage), worst);
    return;
  }
  coverage->kind = "unformed";
  coverage->reason += "; no histogram shows that mass is lost there";
  collect(found, std::move(coverage), State::at_risk);
}

// Whether the samples that lie off the data could not make up for what is lost: had all of them
// been meant for it, kSurelyLost of all samples would still be missing there.
bool exceeds_scatter(double lost, const Evidence& evidence) {
  constexpr double kSurelyLost = 0.05;
  constexpr double kMostlyOff = 0.7;  // of what then lies nowhere, nothing is told
  const double off = share_off_data(evidence);
  return off < kMostlyOff && lost >= off + kSurelyLost;
}

// Causes before their effects; sorting by state keeps this order within a state. Samples that lie
// on no mode say little of the modes: "unformed" then goes before what their histogram says.
std::vector<Witness> witnesses_of(const Evidence& evidence,
                                  const std::vector<PastEvaluation>& history,
                                  const config::Verdict& levels,
                                  const std::vector<MissingMode>& missing, State worst) {
  const std::optional<Witness> unformed = witness_unformed(evidence, levels);
  const std::optional<Witness> away = witness_away(evidence, levels);
  const std::optional<Witness> detail = witness_detail(evidence, levels);
  const State worst_of_modes = unformed || away || detail ? State::at_risk : worst;
  // A loss that scatter cannot explain goes before it.
  const auto dropping = witness_dropping(evidence, missing, levels);
  const bool formed = !unformed && !detail;
  const bool dropped = formed && exceeds_scatter(lost_share(evidence, missing), evidence);
  const State worst_of_parts =
      formed && evidence.parts && exceeds_scatter(evidence.parts->lost_mass_low, evidence)
          ? worst
          : worst_of_modes;
  std::vector<Witness> found;
  collect(found, witness_divergence(evidence), worst);
  collect(found, witness_posterior(evidence, levels), worst);
  collect(found, witness_codebook(evidence, levels), worst);
  collect(found, witness_overpowered(evidence, history, levels), worst);
  collect(found, witness_mean(evidence, history, levels), worst);
  const auto copied = witness_copied(evidence, levels);
  const auto memory = witness_memory(evidence, levels);
  const auto trained = witness_trained(evidence, levels);
  const bool drawn_anew = (copied || trained) && handed_back(evidence);
  if (!drawn_anew) collect(found, witness_copies(evidence, levels), worst);
  collect(found, trained, worst);
  collect(found, copied, worst);
  if (!copied) collect(found, memory, worst);
  collect(found, witness_duplicates(evidence, history), worst);
  collect(found, witness_distances(evidence, levels), worst);
  const auto clumps = witness_clumps(evidence, levels);
  collect(found, clumps, worst);
  if (!clumps && !drawn_anew) collect(found, witness_repeated(evidence, levels), worst);
  collect(found, unformed, worst);
  collect(found, witness_flat(evidence, levels), worst);
  // What is drawn together to its mean lies off the data, and is fainter in its details, for that.
  const auto narrow_parts = witness_narrow_parts(evidence);
  // Noise, and blur that takes more of the details than of the width, are causes of their own.
  const CalibratedFigure* strength = calibrated_figure(evidence, "detail");
  const bool other = detail && (strength->value > 1 || strength->value < kFaintestOfNarrow);
  // Parts of which one half is gone, or rare, seem narrow for that.
  const bool gone = lacks_places_alone(evidence);
  const bool narrow_first = mostly_narrow(evidence) && !other && !gone;
  if (narrow_first) collect(found, narrow_parts, worst_of_modes);
  if (dropped) collect(found, dropping, worst);
  collect(found, away, worst);
  collect(found, detail, worst);
  collect(found, witness_labels(evidence, levels), worst);
  if (!dropped) collect(found, dropping, worst_of_modes);
  collect(found, witness_parts(evidence), worst_of_parts);
  collect(found, witness_local_loss(evidence, levels), worst_of_modes);
  collect(found, witness_side(evidence, levels), worst_of_modes);
  collect(found, witness_imbalance(evidence, history, levels), worst_of_modes);
  if (!narrow_first && !gone) collect(found, narrow_parts, worst_of_modes);
  collect(found, witness_spread(evidence, levels), worst_of_modes);
  collect(found, witness_halves(evidence, levels), worst_of_modes);
  collect(found, witness_near_duplicates(evidence, levels), worst);
  place_coverage(found, witness_coverage(evidence, levels), worst_of_modes);
  collect(found, witness_smooth(evidence, levels), worst);
  collect(found, witness_aggregate(evidence, levels), worst);
  collect(found, witness_saturation(evidence, history), worst);
  collect(found, witness_idle_discriminator(evidence, history, levels), worst);
  for (const Instrument* each : instruments())
    if (each->find != nullptr) collect(found, each->find(evidence, levels), worst);
  if (gone) collect(found, narrow_parts, worst_of_modes);
  for (Witness& trend : witness_trends(evidence, history, levels)) {
    // Of what is already said only the fall would be news.
    if (std::ranges::none_of(found, [&](const Witness& w) { return w.kind == trend.kind; }))
      found.push_back(std::move(trend));
  }
  if (found.empty()) collect(found, witness_reach(evidence, levels), worst);
  if (found.empty()) collect(found, witness_whole(evidence, levels), worst);
  if (found.empty()) collect(found, witness_density(evidence, levels), worst);
  if (std::ranges::none_of(found, [](const Witness& w) { return w.state == State::collapsed; }))
    collect(found, witness_few_samples(evidence), worst);
  return found;
}

// The modes of the witnesses, by what is wrong with them.
void name_modes(Verdict& verdict, const Evidence& evidence) {
  const auto add = [](std::vector<std::string>& names, const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const MissingMode& mode : verdict.missing) add(verdict.lost, mode.name);
  for (const Witness& witness : verdict.witnesses) {
    const bool of_parts = std::ranges::find(witness.sources, "parts") != witness.sources.end();
    if (of_parts) {
      for (const Part& part : evidence.parts->missing) add(verdict.lost, part.name);
      for (const Part& part : evidence.parts->starved) add(verdict.starved, part.name);
    } else if (const EmptiedRegion* place = lost_place(evidence, witness)) {
      const bool lost = witness.kind == "mode_dropping";
      add(lost ? verdict.lost : verdict.starved, place->part.name);
      if (!lost)
        for (const std::string& name : place->classes) add(verdict.starved, name);
    } else if (witness.too_many) {
      for (const std::string& name : witness.modes) add(verdict.crowded, name);
    } else if (witness.kind == "mode_imbalance") {
      for (const std::string& name : witness.modes) add(verdict.starved, name);
    } else if (witness.kind == "within_mode_collapse") {
      for (const std::string& name : witness.modes) add(verdict.narrow, name);
    }
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
  if (evidence.reconstruction) {
    keep("reconstruction_error", evidence.reconstruction->error);
    keep("reconstruction_standard_error", evidence.reconstruction->standard_error);
  }
  if (evidence.pairs && evidence.pairs->pairs > 0)
    keep("told_apart",
         static_cast<double>(evidence.pairs->told) / static_cast<double>(evidence.pairs->pairs));
  return values;
}

NamedValues summary(const Evidence& evidence, const Verdict& verdict) {
  NamedValues values = summary(evidence);
  values.emplace_back("found", static_cast<double>(verdict.found));
  return values;
}

int64_t test_count(const Evidence& evidence) {
  int64_t count = 0;
  for (const Instrument* each : instruments()) count += each->tests(evidence);
  return std::max<int64_t>(1, count);
}

double test_level(const Evidence& evidence, const config::Verdict& levels) {
  return levels.significance / static_cast<double>(test_count(evidence));
}

Verdict judge(const Evidence& evidence, const std::vector<PastEvaluation>& history,
              const config::Verdict& configured) {
  config::Verdict levels = configured;
  levels.significance = test_level(evidence, configured);
  Verdict verdict;
  verdict.missing = missing_of(evidence, levels);
  const bool untrained =
      evidence.step <= static_cast<uint64_t>(std::max<int64_t>(0, levels.grace_steps));
  const State worst = untrained ? State::at_risk : State::collapsed;
  verdict.witnesses = witnesses_of(evidence, history, levels, verdict.missing, worst);
  name_modes(verdict, evidence);
  std::vector<Witness>& found = verdict.witnesses;
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
  mark_explained(found, evidence);
  verdict.reason = found.front().reason;
  verdict.reason.insert(std::min(verdict.reason.find("; "), verdict.reason.size()),
                        losses_beside(verdict, evidence));
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
