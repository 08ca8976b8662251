#pragma once

// Samples beside a fixed reference of real ones, in a space of few features (principal.h): whether
// every part of the data is reached, and whether each mode is as wide as the data's. Pure functions
// of the two, calibrated by drawing real samples in place of generated ones (calibration.h).

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "diagnostics/modes/parts.h"
#include "diagnostics/statistics/null_distribution.h"

namespace allmodes::diagnostics {

// Samples as features, each with the mode that it is taken for.
struct FeatureRows {
  int64_t width = 0;
  std::vector<float> features;  // [n][width]
  std::vector<int64_t> modes;   // [n], 0 .. K-1; all 0 where modes are not known

  int64_t size() const { return static_cast<int64_t>(modes.size()); }
};

// Real samples and what is asked of them again and again.
struct Reference {
  FeatureRows reals;
  int64_t mode_count = 1;
  struct Moments {
    int64_t samples = 0;
    std::vector<double> mean;  // [width]
    // [directions][width], of the leading directions of the covariance C: W C W^T = I; empty where
    // the mode is not measured.
    std::vector<double> whitening;
    // [directions], along each of them about `mean`, and the share of the reals below it.
    std::vector<double> medians;
    std::vector<double> below;
  };
  std::vector<Moments> moments = {};        // [mode_count]
  int64_t balls = 0;                        // of the first so many reals:
  std::vector<float> square_radii = {};     // [balls], squared distance to the 5th nearest of them
  std::vector<int64_t> balls_of_mode = {};  // [mode_count]
  bool modes_are_large = true;  // false: too few reals a mode, so that all are taken as one mode
  double median_distance = 0;   // of two of the reals
  int64_t near_count = 0;       // of the first so many reals one in a hundred has another one
  float near_square = 0;        // as near as this squared distance
  std::vector<double> widths = {};  // [width], median absolute offset of each feature
  // Where something may be hidden within modes: the parts of the reals (parts.h).
  std::optional<PartReference> parts = std::nullopt;
};

inline constexpr int64_t kMostBalls = 1000;
inline constexpr int64_t kNearest = 5;
inline constexpr int64_t kFewestBalls = 10;   // of a mode whose coverage is said
inline constexpr int64_t kFewestInMode = 16;  // samples of a mode whose spread is said
inline constexpr int64_t kSpreadDirections = 2;

// `mode_count` modes, of which none or all may be in `reals`. Throws ExitCode::kSoftware for rows
// that do not fit or fewer than 2.
Reference make_reference(FeatureRows reals, int64_t mode_count);

// Of one mode; -1 for all together.
struct ModeShare {
  int64_t mode;
  double share;
};

// Share of each mode's reals in whose ball (radius: the distance to the fifth nearest real) at
// least one sample lies, in [0, 1]; modes with ten balls or more. The coverage of Naeem et al.,
// arXiv 2002.09797, section 3.2, mode by mode: a mode that the generator leaves out has 0 whatever
// a classifier takes its samples for. Of 1000 samples at most: with ever more of them a mode at a
// tenth of its share would be reached as a whole mode is. Costs 1000 x 1000 distances.
std::vector<ModeShare> coverage_by_mode(const FeatureRows& samples, const Reference& reference);

// Share of those samples that lie in the ball of some real, in [0, 1].
double share_on_data(const FeatureRows& samples, const Reference& reference);

// How wide each mode is in the direction in which it falls shortest of the data, of those that the
// mode's two leading principal directions span: the smallest eigenvalue there of the samples'
// covariance in coordinates in which the reals' is I, in [0, inf). (Directions of little variance
// are left out: in those every autoencoder falls short, whose samples are means.) 1 for
// the data's own width up to sampling; 1 - 2 / pi = 0.36 where the samples are one half of a normal
// mode; 0 where they lie on a line, or are one sample. The sampling error of the smallest
// eigenvalue falls with the square root of the samples, so
//   deficit = (1 - spread) sqrt(n m / (n + m)),  n samples, m reals,
// has about one law for all n, and modes of different size compare. Modes with 16 samples and
// reals.
struct ModeDeficit {
  int64_t mode;  // -1 for all together
  double value;
  double deficit;
};
std::vector<ModeDeficit> spread_by_mode(const FeatureRows& samples, const Reference& reference);

// Whether both sides of a mode are there: along each of its two leading principal directions its
// reals' median cuts it in halves, and the value is the share of its samples in the half that has
// fewest of them, over that of the reals, in [0, 1]; the lowest of the two directions. 0 where a
// half is missing, whatever the mode's shape (the spread of one that is not normal may not show
// it); 0.5 where that half lies aslant between the two. The deficit is as above, of this value.
std::vector<ModeDeficit> halves_by_mode(const FeatureRows& samples, const Reference& reference);

// Median distance of pairs of samples over that of reals, >= 0; of 4,096 random pairs keyed by
// `key`. (A mean would be set by a few far samples.)
double distance_ratio(const FeatureRows& samples, const Reference& reference, const NoiseKey& key);
inline const NoiseKey kDistanceKey{.seed = 1, .purpose = Purpose("distance ratio")};

// Share of samples that nearly equal another one, in [0, 1]: of the first 2,000, or half as many as
// the reference holds, those whose nearest other one is no farther than that of the nearest
// hundredth of as many reals, the samples' own scale
// (distance_ratio) over the reals' taken out, so that samples that are all a little closer together
// do not count. About 0.01 for equal distributions; one sample repeated in a share s of them adds
// s, copies or not. Directions in which the samples have hardly any variance (below a tenth of the
// reals') where they have it in others are left out on both sides: means of a decoder lie closer
// together than noisy data in those, and are no duplicates for that.
inline constexpr int64_t kMostNear = 2000;
double near_duplicates(const FeatureRows& samples, const Reference& reference);

// All that is measured mode by mode.
struct ByMode {
  std::vector<ModeShare> coverage;
  std::vector<ModeDeficit> spread;
  std::vector<ModeDeficit> halves;
};
ByMode measure_by_mode(const FeatureRows& samples, const Reference& reference);

// A figure of samples beside the reference that is calibrated; `by_mode` is theirs. One more is one
// more line of the table in comparison.cpp.
struct Figure {
  std::string name;
  Worse worse;
  std::function<double(const FeatureRows& samples, const Reference& reference,
                       const ByMode& by_mode)>
      value;
};
const std::vector<Figure>& figures();

// Throws ExitCode::kSoftware for features that make no whole rows.
void check(const FeatureRows& rows);

// Squared distance of two rows of `width` numbers.
inline float square_distance(const float* a, const float* b, size_t width) {
  float sum = 0;
  for (size_t j = 0; j < width; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

// What make_reference() asks of each subject: radii of the first `balls` reals (mode_coverage.cpp),
// the reals' moments by mode (mode_spread.cpp), their distances (sample_distances.cpp).
std::vector<float> ball_square_radii(const FeatureRows& reals, int64_t balls);
std::vector<Reference::Moments> moments_of(const FeatureRows& reals, int64_t modes, bool as_one);
void measure_distances(Reference& reference);

// The rows `chosen` of a pool.
FeatureRows rows_of(const FeatureRows& pool, std::span<const int64_t> chosen);

// Of each figure its value for `draw`-th sample of `count` different rows of the pool: one
// real-against-real evaluation, a function of (seed, draw) alone. [figures]
std::vector<double> null_draw(const FeatureRows& pool, const Reference& reference, int64_t count,
                              uint64_t seed, uint64_t draw);

// Draws of `count` different rows of a pool vary less than fresh samples do, by 1 - count / pool in
// variance, and about the pool's own value, which is off by count / pool of a fresh sample's
// variance. Returns the draws stretched about their median by sqrt((1 + f) / (1 - f)), f = count /
// pool < 1: as wide as fresh samples are about the pool (exact for means).
std::vector<double> as_fresh(std::vector<double> draws, int64_t count, int64_t pool);

}  // namespace allmodes::diagnostics
