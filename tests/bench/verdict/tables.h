#pragma once

// What the tables of how often the verdict is wrong are made of (main.cpp).

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/mixture.h"
#include "diagnostics/metrics/place_evidence.h"
#include "diagnostics/verdict/comparison_evidence.h"

namespace allmodes::diagnostics {

// Leading columns that modes and parts are compared in, and that places are looked for in.
inline constexpr int64_t kComparedColumns = 8;
inline constexpr int64_t kPlaceColumns = 32;

// Real samples in two parts: what calibrates, and what is drawn in place of generated samples.
struct Data {
  std::string name;
  std::string noun;
  std::vector<std::string> names;
  std::vector<double> shares;
  FeatureRows reference, pool, fresh;
  std::vector<double> means, stds;  // of a mixture
  // False: as in training without labels, the judge has the data as one mode.
  bool modes_known = true;
};

struct Calibrated {
  const Data& data;
  int64_t samples;
  Comparison comparison;
  PlaceReference places;  // where parts are looked for
  Copies of_reals;        // among as many reals as there are samples
};

// Rows [first, first + count).
FeatureRows part(const FeatureRows& rows, int64_t first, int64_t count);

// The data in one of many random splits.
using Splits = std::function<Data(uint64_t split)>;
Data mixture_data(const std::string& name, const data::Mixture& mixture, uint64_t split);
// Rows of the law that `sample` draws `count` values of, without modes.
using Law = std::function<std::vector<float>(Random& random, int64_t count)>;
Data law_data(const std::string& name, int64_t width, const Law& sample, uint64_t split);
// The same rows for a judge that does not know their modes.
Data without_modes(Data data);

struct Fashion {
  FeatureRows rows;
  std::vector<std::string> names;
};

// All images as so many principal components.
Fashion fashion_rows(int64_t components);
// `keep`: share of each class that stays.
Data fashion_data(const Fashion& fashion, const std::string& name, const std::vector<double>& keep,
                  uint64_t split);

Calibrated calibrate(const Data& data, int64_t samples);
// `count` of the fresh reals, a function of `turn`.
FeatureRows draw(const Data& data, int64_t count, uint64_t turn);
Evidence evidence_of(const Calibrated& calibrated, FeatureRows samples);

// Rows of the tables, printed; `turns` planted collapses each.
void planted_rows(const Data& data, int64_t samples, int64_t turns);
// 1,000 equal modes, known by their counts alone.
void thousand_modes(int64_t turns);
// A posterior of which some or all dimensions say nothing.
void posterior_rows(int64_t turns);
// Codes that are shifted from their prior or narrower.
void aggregate_rows(int64_t turns);

// Levels for one evaluation, which nothing could confirm.
inline config::Verdict once() {
  config::Verdict levels;
  levels.grace_steps = 0;
  levels.confirmations = 1;
  return levels;
}

}  // namespace allmodes::diagnostics
