#pragma once

// Parts of the data that have their share of samples, which are few things in many copies: samples
// have each other as neighbours there, and few of the reals lie among them.

#include <cstdint>
#include <vector>

namespace allmodes::diagnostics {

// What neighbours say of single rows; all empty where it is not known.
struct NeighbourHints {
  // [reals], 1: within the ball of a sample, to its k-th nearest other sample; within that of
  // another real, to its k-th nearest other real. Equal on average where samples are as the data,
  // whatever the numbers of both.
  std::vector<uint8_t> recalled = {};
  std::vector<uint8_t> recalled_by_reals = {};
  std::vector<uint8_t> own_neighbours = {};  // [samples], how many of the two nearest are samples
};

// Sums of these over the rows of a part.
struct PartNeighbours {
  int64_t reals = 0;
  int64_t samples = 0;
  int64_t recalled = 0;
  int64_t recalled_by_reals = 0;
  int64_t own_neighbours = 0;
};

// `holds_real` [reals] and `holds_sample` [samples], 1: the row belongs to the part.
PartNeighbours neighbours_of(const NeighbourHints& hints, const std::vector<uint8_t>& holds_real,
                             const std::vector<uint8_t>& holds_sample);

// Reals that samples reach over those that real samples would, beside the same of all rows where
// that is below 1 (samples that are narrower as a whole reach less everywhere); 1 where none would
// be reached.
double reached_share(const PartNeighbours& part, const PartNeighbours& whole);

// What a thin part reaches less than.
inline constexpr double kThin = 0.65;

// Whether the part's samples have each other as neighbours significantly more often than in a
// random order of its rows (Schilling, JASA 81, 1986; Henze, Annals of Statistics 16, 1988), and so
// reach less than kThin of the reals that they should. `log10_level`: of this test alone.
bool is_thin(const PartNeighbours& part, const PartNeighbours& whole, double log10_level);

}  // namespace allmodes::diagnostics
