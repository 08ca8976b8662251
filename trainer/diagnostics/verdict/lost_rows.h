#pragma once

// What a verdict says is missing, as rows to be looked at. Torch-free.

#include <cstdint>
#include <span>
#include <vector>

#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {

// Parts of the data that the samples lack, where the verdict says so, most lost first: those of the
// tree, or else the place that local_loss found. They are the evidence's.
std::vector<const Part*> lost_parts(const Evidence& evidence, const Verdict& verdict);

// Up to kLostRows each, as Part::reals and Part::samples number them.
struct LostRows {
  std::vector<int64_t> reals;
  std::vector<int64_t> samples = {};  // nearest to there; of a known mode none are named
};
inline constexpr int64_t kLostRows = 12;

// Of the known modes that are missing, the first 16, and then of each lost part. `mode_of_real`:
// [reals], empty where modes are not known.
std::vector<LostRows> lost_rows(const Evidence& evidence, const Verdict& verdict,
                                std::span<const int64_t> mode_of_real);

}  // namespace allmodes::diagnostics
