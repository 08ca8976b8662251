#include "run/parts_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::run {
namespace {

nlohmann::ordered_json part_json(const diagnostics::Part& part, const char* finding,
                                 const std::function<int64_t(int64_t)>& number_in_data) {
  auto reals = nlohmann::ordered_json::array();
  for (const int64_t real : part.reals) reals.push_back(number_in_data(real));
  return {{"name", part.name},
          {"finding", finding},
          {"share", number_json(part.share)},
          {"made", number_json(part.made)},
          {"made_99", {number_json(part.made_low), number_json(part.made_high)}},
          {"width", number_json(part.width)},
          {"log10_p", number_json(part.log10_tail)},
          {"reals", std::move(reals)}};
}

}  // namespace

nlohmann::ordered_json number_json(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();
}

nlohmann::ordered_json parts_json(const diagnostics::Evidence& evidence,
                                  const diagnostics::Verdict& verdict,
                                  const std::function<int64_t(int64_t)>& number_in_data) {
  auto list = nlohmann::ordered_json::array();
  if (!evidence.parts) return list;
  const auto& found = *evidence.parts;
  const std::pair<const char*, const std::vector<diagnostics::Part>*> kinds[] = {
      {"missing", &found.missing}, {"starved", &found.starved}, {"narrow", &found.narrow}};
  for (const auto& [kind, parts] : kinds)
    for (const auto& part : *parts) list.push_back(part_json(part, kind, number_in_data));
  for (const auto& witness : verdict.witnesses) {
    if (witness.too_many && evidence.crowded &&
        std::ranges::find(witness.modes, evidence.crowded->part.name) != witness.modes.end())
      list.push_back(part_json(evidence.crowded->part, "crowded", number_in_data));
    if (const auto* place = diagnostics::lost_place(evidence, witness))
      list.push_back(part_json(place->part, witness.kind == "mode_dropping" ? "missing" : "starved",
                               number_in_data));
  }
  return list;
}

}  // namespace allmodes::run
