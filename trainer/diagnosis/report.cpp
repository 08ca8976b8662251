// A diagnosis as a table, and as JSON.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "diagnosis/diagnosis.h"
#include "diagnosis/figure_table.h"
#include "run/parts_json.h"
#include "run/verdict_words.h"

namespace allmodes::diagnosis {
namespace {

using run::number_json;

constexpr size_t kTableRows = 20;  // classes, dimensions or parts printed, of each

nlohmann::ordered_json interval_json(const diagnostics::Interval& interval) {
  return {{"low", number_json(interval.low)},
          {"high", number_json(interval.high)},
          {"method", interval.method}};
}

// Of many classes and dimensions the first ones; diagnosis.json and the page have them all.
void add_each(const Diagnosis& diagnosis, TextTable& table) {
  std::map<std::string, size_t> of_kind;
  for (const Line& line : lines_of_each(diagnosis))
    if (++of_kind[line.name.substr(0, line.name.find(' '))] <= kTableRows)
      table.add_plain(line, line.beside);
}

}  // namespace

report::VerdictText verdict_words(const Diagnosis& diagnosis) {
  report::VerdictText words = run::words_of(diagnosis.verdict);
  if (diagnosis.verdict.state != diagnostics::State::healthy)
    words.help = diagnosis.config ? report::suggestions(words.kind, *diagnosis.config)
                                  : report::suggestions(words.kind);
  return words;
}

std::string to_text(const Diagnosis& diagnosis, size_t columns, bool verbose) {
  const std::string beside = diagnosis.reals > 0 && diagnosis.reals != diagnosis.samples
                                 ? fmt::format(" samples beside {} reals", diagnosis.reals)
                                 : "";
  std::string text =
      fmt::format("N = {}{}, features: {}\n", diagnosis.samples, beside, diagnosis.features);
  TextTable table(verbose);
  for (const auto& line : diagnosis.lines) table.add(line);
  add_each(diagnosis, table);
  text += table.text();
  report::VerdictText words = verdict_words(diagnosis);
  if (verbose) words.whole.clear();
  return text + report::in_full(words, columns);
}

std::string to_json(const Diagnosis& diagnosis) {
  const auto& verdict = diagnosis.verdict;
  nlohmann::ordered_json json = {{"state", to_string(verdict.state)},
                                 {"kind", verdict.kind},
                                 {"reason", verdict.reason},
                                 {"features", diagnosis.features},
                                 {"samples", diagnosis.samples}};
  if (diagnosis.reals > 0) json["reals"] = diagnosis.reals;
  for (const auto& line : diagnosis.lines) json[line.name] = number_json(line.value);
  for (const auto& line : diagnosis.lines)
    if (line.interval) json["intervals_99"][line.name] = interval_json(*line.interval);
  for (size_t i = 0; i < diagnosis.kl_intervals.size(); ++i)
    json["intervals_99"]["kl_per_dim"].push_back(interval_json(diagnosis.kl_intervals[i]));
  for (size_t i = 0; i < diagnosis.class_intervals.size(); ++i)
    json["intervals_99"]["class_coverage"].push_back(interval_json(diagnosis.class_intervals[i]));
  if (diagnosis.neighborhood_cpu_s > 0) json["neighborhood_cpu_s"] = diagnosis.neighborhood_cpu_s;
  report::add_words(verdict_words(diagnosis), json);
  json["witnesses"] = nlohmann::ordered_json::array();
  for (const auto& witness : verdict.witnesses)
    json["witnesses"].push_back(
        {{"state", to_string(witness.state)}, {"kind", witness.kind}, {"reason", witness.reason}});
  if (!diagnosis.kl_per_dimension.empty()) json["kl_per_dim"] = diagnosis.kl_per_dimension;
  if (const auto& modes = diagnosis.evidence.modes) {
    json["class_names"] = modes->names;
    json["expected_share"] = modes->expected_share;
    json["histogram"] = modes->observed;
    if (!diagnosis.class_coverage.empty()) json["class_coverage"] = diagnosis.class_coverage;
    json["missing_modes"] = nlohmann::ordered_json::array();
    for (const auto& mode : verdict.missing)
      json["missing_modes"].push_back({{"name", mode.name},
                                       {"expected", mode.expected},
                                       {"observed", mode.observed},
                                       {"log10_p", number_json(mode.log10_tail)}});
  }
  json["missing"] = verdict.lost;
  json["starved"] = verdict.starved;
  json["narrow"] = verdict.narrow;
  json["crowded"] = verdict.crowded;
  if (diagnosis.evidence.smallest_loss)
    json["smallest_loss"] = number_json(*diagnosis.evidence.smallest_loss);
  if (const auto& found = diagnosis.evidence.parts) {
    json["lost_mass"] = number_json(found->lost_mass);
    json["lost_mass_at_least"] = number_json(found->lost_mass_low);
    json["parts"] = run::parts_json(diagnosis.evidence, verdict, [&](int64_t real) {
      const auto& numbers = diagnosis.real_numbers;
      return numbers.empty() ? real : numbers.at(static_cast<size_t>(real));
    });
  }
  if (!diagnosis.evaluation.empty())
    json["evaluation"] = nlohmann::ordered_json::parse(diagnosis.evaluation);
  // Names come from files: what is no UTF-8 is replaced.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace allmodes::diagnosis
