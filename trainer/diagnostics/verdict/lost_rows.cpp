#include "diagnostics/verdict/lost_rows.h"

#include <algorithm>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr size_t kMissingModes = 16;

std::vector<int64_t> first_of_mode(int64_t mode, std::span<const int64_t> mode_of_real) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < std::ssize(mode_of_real) && std::ssize(rows) < kLostRows; ++row)
    if (mode_of_real[static_cast<size_t>(row)] == mode) rows.push_back(row);
  return rows;
}

}  // namespace

std::vector<const Part*> lost_parts(const Evidence& evidence, const Verdict& verdict) {
  const bool of_tree = std::ranges::any_of(verdict.witnesses, [](const Witness& witness) {
    return std::ranges::find(witness.sources, "parts") != witness.sources.end();
  });
  std::vector<const Part*> parts;
  if (evidence.parts && of_tree)
    for (const auto* list : {&evidence.parts->missing, &evidence.parts->starved})
      for (const auto& part : *list) parts.push_back(&part);
  for (const Witness& witness : verdict.witnesses)
    if (const EmptiedRegion* place = lost_place(evidence, witness);
        place != nullptr && parts.empty())
      parts.push_back(&place->part);
  return parts;
}

std::vector<LostRows> lost_rows(const Evidence& evidence, const Verdict& verdict,
                                std::span<const int64_t> mode_of_real) {
  std::vector<LostRows> lost;
  for (size_t m = 0; m < std::min(kMissingModes, verdict.missing.size()); ++m) {
    LostRows rows{.reals = first_of_mode(verdict.missing[m].mode, mode_of_real)};
    if (!rows.reals.empty()) lost.push_back(std::move(rows));
  }
  for (const Part* part : lost_parts(evidence, verdict))
    lost.push_back({.reals = part->reals, .samples = part->samples});
  return lost;
}

}  // namespace allmodes::diagnostics
