#include "diagnostics/verdict/deciding.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace allmodes::diagnostics {
namespace {

constexpr double kMostOfTheData = 0.5;
constexpr size_t kNamedBeside = 3;

using Names = std::vector<std::string>;

bool is_among(const Names& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// The same of a place whose name says which part it is most like: "a side of the data, most like
// part 7".
bool is_told(const Names& names, const std::string& name) {
  return std::ranges::any_of(names, [&](const std::string& told) {
    return name == told || name.ends_with("most like " + told);
  });
}

// The parts that the evidence holds: those of the tree, and the places that neighbours found.
std::vector<const Part*> all_parts(const Evidence& evidence) {
  std::vector<const Part*> parts;
  if (evidence.parts)
    for (const auto* list :
         {&evidence.parts->missing, &evidence.parts->starved, &evidence.parts->narrow})
      for (const Part& part : *list) parts.push_back(&part);
  for (const auto* place :
       {&evidence.emptied, &evidence.shorted, &evidence.crowded, &evidence.side})
    if (*place) parts.push_back(&(*place)->part);
  return parts;
}

// Share of the data in what the finding names; 1 where it names nothing, being about all of them.
double share_of_data(const Witness& witness, const Evidence& evidence) {
  if (witness.modes.empty()) return 1;
  double of_modes = 0;
  if (evidence.modes)
    for (size_t k = 0; k < evidence.modes->names.size(); ++k)
      if (is_among(witness.modes, evidence.modes->names[k]))
        of_modes += evidence.modes->expected_share[k];
  double of_parts = 0;
  for (const Part* part : all_parts(evidence))
    if (is_among(witness.modes, part->name)) of_parts += part->share;
  return std::max(of_modes, of_parts);
}

bool follows(const Witness& effect, const Witness& cause, const Evidence& evidence) {
  if (cause.kind == "divergence") return true;
  const bool within = effect.modes.empty()
                          ? cause.modes.empty()
                          : std::ranges::all_of(effect.modes, [&](const std::string& name) {
                              return is_told(cause.modes, name);
                            });
  if (effect.kind == cause.kind && within) return true;
  // What is short of samples makes the proportions wrong; a mode without samples is narrow, too.
  if (cause.kind == "mode_dropping")
    return (effect.kind == "mode_imbalance" && (within || effect.modes.empty())) ||
           (effect.kind == "within_mode_collapse" && within && !effect.modes.empty());
  static const std::set<std::string> kOfModes = {"mode_dropping", "mode_imbalance",
                                                 "within_mode_collapse"};
  if (cause.kind == "unformed")
    return kOfModes.contains(effect.kind) && share_of_data(effect, evidence) > kMostOfTheData;
  // Causes that concern all samples alike, and what they bring about beside the above.
  static const std::map<std::string, std::set<std::string>> kOfAll = {
      {"duplicates", {"unformed"}},
      {"mean_collapse", {"duplicates", "unformed"}},
      {"posterior_collapse", {"mean_collapse", "duplicates", "unformed"}}};
  const auto found = kOfAll.find(cause.kind);
  if (found == kOfAll.end() || !cause.modes.empty()) return false;
  // Copies may be a few of many samples: only distances say that all of them are nearly one.
  if (cause.kind == "duplicates" && !is_among(cause.sources, "dispersion")) return false;
  return kOfModes.contains(effect.kind) || found->second.contains(effect.kind);
}

// "Trouser (21 of 250)" of a mode, "part 17 (0.1 of 2.3 %)" of a part.
std::string counted(const std::string& name, const Evidence& evidence,
                    const std::vector<MissingMode>& missing) {
  // Without what stands in brackets behind it, as the centre of a mode does.
  const size_t bracket = name.find(" (");
  const std::string called = bracket == 0 || !name.ends_with(')') ? name : name.substr(0, bracket);
  for (const MissingMode& mode : missing)
    if (mode.name == name)
      return fmt::format("{} ({} of {:.0f})", called, mode.observed, mode.expected);
  if (evidence.modes)
    for (size_t k = 0; k < evidence.modes->names.size(); ++k)
      if (evidence.modes->names[k] == name)
        return fmt::format(
            "{} ({} of {:.0f})", called, evidence.modes->observed[k],
            evidence.modes->expected_share[k] * static_cast<double>(evidence.modes->samples));
  for (const Part* part : all_parts(evidence))
    if (part->name == name)
      return fmt::format("{} ({:.1f} of {:.1f} %)", called, 100 * part->made, 100 * part->share);
  return name;
}

}  // namespace

void mark_explained(std::vector<Witness>& witnesses, const Evidence& evidence) {
  for (size_t i = 1; i < witnesses.size(); ++i)
    witnesses[i].explained = follows(witnesses[i], witnesses.front(), evidence);
}

std::string losses_beside(const Verdict& verdict, const Evidence& evidence) {
  if (verdict.witnesses.empty()) return {};
  Names told = verdict.witnesses.front().modes;
  // What follows from the first is no news, unless another finding says it, too.
  for (const Witness& witness : verdict.witnesses)
    for (const std::string& name : witness.modes)
      if (witness.explained && std::ranges::none_of(verdict.witnesses, [&](const Witness& other) {
            return !other.explained && is_among(other.modes, name);
          }))
        told.push_back(name);
  std::string text;
  for (const auto& [word, names] :
       {std::pair{"missing", &verdict.lost}, std::pair{"starved", &verdict.starved},
        std::pair{"crowded", &verdict.crowded}}) {
    Names items;
    size_t more = 0;
    for (const std::string& name : *names) {
      // A part that is mostly a class that was named is that class.
      const auto parts = all_parts(evidence);
      const auto part = std::ranges::find(parts, name, [](const Part* each) { return each->name; });
      if (is_told(told, name) || (part != parts.end() && is_among(told, (*part)->mostly))) continue;
      told.push_back(name);
      if (part != parts.end() && !(*part)->mostly.empty()) told.push_back((*part)->mostly);
      if (items.size() < kNamedBeside)
        items.push_back(counted(name, evidence, verdict.missing));
      else
        ++more;
    }
    if (items.empty()) continue;
    if (more > 0) items.push_back(fmt::format("+{}", more));
    text += fmt::format("{}{}: {}", text.empty() ? ", and " : ", ", word, fmt::join(items, ", "));
  }
  return text;
}

}  // namespace allmodes::diagnostics
