// Real samples, split in parts that have not seen each other.

#include <algorithm>
#include <numeric>

#include "bench/verdict/tables.h"
#include "data/dataset.h"
#include "diagnostics/modes/mixture_scores.h"
#include "diagnostics/statistics/principal.h"
#include "world/runtime.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kDraws = 200;
constexpr int64_t kReference = 5000;
constexpr int64_t kPool = 20'000;
constexpr int64_t kAll = 400'000;  // rows of a law, of which a quarter calibrate

Copies copies_of(const FeatureRows& rows) {
  return count_copies(row_hashes(rows.features, rows.width));
}

// As the judge compares them.
FeatureRows seen_of(const Data& data, FeatureRows rows) {
  FeatureRows seen{.width = std::min(kComparedColumns, rows.width),
                   .features = {},
                   .modes = std::move(rows.modes)};
  if (!data.modes_known) std::ranges::fill(seen.modes, 0);
  for (size_t i = 0; i < rows.features.size(); ++i)
    if (static_cast<int64_t>(i) % rows.width < seen.width)
      seen.features.push_back(rows.features[i]);
  return seen;
}

// As in training: not of mixtures whose modes are known.
bool has_parts(const Data& data) {
  return !data.modes_known || data.means.empty();
}

world::Communicator& alone() {
  static world::Runtime runtime;
  return runtime.control();
}

void split_among(Data& made, const FeatureRows& all) {
  made.reference = part(all, 0, kReference);
  made.pool = part(all, kReference, kAll / 4 - kReference);
  made.fresh = part(all, kAll / 4, kAll - kAll / 4);
}

}  // namespace

FeatureRows part(const FeatureRows& rows, int64_t first, int64_t count) {
  std::vector<int64_t> chosen(static_cast<size_t>(count));
  std::iota(chosen.begin(), chosen.end(), first);
  return rows_of(rows, chosen);
}

Data mixture_data(const std::string& name, const data::Mixture& mixture, uint64_t split) {
  Data made{.name = name,
            .noun = "modes",
            .names = {},
            .shares = mixture.weights,
            .reference = {},
            .pool = {},
            .fresh = {},
            .means = {},
            .stds = mixture.stds};
  for (int64_t k = 0; k < mixture.modes(); ++k) made.names.push_back(mixture.name(k));
  for (const auto& mean : mixture.means)
    made.means.insert(made.means.end(), mean.begin(), mean.end());
  FeatureRows all{.width = 2, .features = std::vector<float>(2 * kAll), .modes = {}};
  data::sample_mixture(mixture, 1 + split, 0, kAll, all.features.data());
  all.modes = nearest_modes(all.features, {made.means, made.stds});
  split_among(made, all);
  return made;
}

Data law_data(const std::string& name, int64_t width, const Law& sample, uint64_t split) {
  Data made;
  made.name = name;
  made.noun = "modes";
  made.names = {"the data"};
  made.shares = {1.0};
  made.modes_known = false;
  Random random({.seed = 1, .purpose = Purpose("law"), .step = split});
  const FeatureRows all{.width = width,
                        .features = sample(random, kAll * width),
                        .modes = std::vector<int64_t>(kAll)};
  split_among(made, all);
  return made;
}

Data without_modes(Data data) {
  data.modes_known = false;
  data.name += ", modes not known";
  return data;
}

Fashion fashion_rows(int64_t components) {
  config::Data settings;
  settings.dataset = "fashion_mnist";
  const auto train = data::make_dataset(settings, 1);
  const auto test = data::make_held_out_dataset(settings, 1);
  const auto width = static_cast<size_t>(train->shape().values());
  std::vector<float> values;
  std::vector<int64_t> labels;
  for (const data::Dataset* set : {train.get(), test.get()}) {
    std::vector<int64_t> indices(static_cast<size_t>(set->size()));
    std::iota(indices.begin(), indices.end(), int64_t{0});
    const size_t before = labels.size();
    values.resize((before + indices.size()) * width);
    labels.resize(before + indices.size());
    set->copy(indices, &values[before * width], &labels[before]);
  }
  const Projection projection = principal_projection(
      std::span<const float>(values).first(2000 * width), static_cast<int64_t>(width), components,
      {1, Purpose("principal directions")});
  return {{.width = components, .features = project(projection, values), .modes = labels},
          train->class_names()};
}

Data fashion_data(const Fashion& fashion, const std::string& name, const std::vector<double>& keep,
                  uint64_t split) {
  Random random({.seed = 1, .purpose = Purpose("split"), .step = split});
  std::vector<int64_t> order;
  for (size_t i = 0; i < fashion.rows.modes.size(); ++i)
    if (random.uniform() < keep[static_cast<size_t>(fashion.rows.modes[i])])
      order.push_back(static_cast<int64_t>(i));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  const FeatureRows all = rows_of(fashion.rows, order);
  const int64_t half = all.size() / 2;
  Data made{.name = name,
            .noun = "classes",
            .names = fashion.names,
            .shares = std::vector<double>(keep.size()),
            .reference = part(all, 0, kReference),
            .pool = part(all, kReference, half - kReference),
            .fresh = part(all, half, all.size() - half),
            .means = {},
            .stds = {}};
  for (const int64_t mode : all.modes)
    made.shares[static_cast<size_t>(mode)] += 1 / static_cast<double>(all.size());
  return made;
}

Calibrated calibrate(const Data& data, int64_t samples) {
  Calibrated made{data,
                  samples,
                  {.reference = {}, .nulls = {}, .names = data.names, .shares = data.shares},
                  {},
                  {}};
  if (!data.modes_known) {
    made.comparison.names = {"the data"};
    made.comparison.shares = {1.0};
  }
  made.comparison.reference =
      make_reference(seen_of(data, data.reference), std::ssize(made.comparison.names));
  if (has_parts(data)) {
    const FeatureRows& reals = made.comparison.reference.reals;
    made.comparison.reference.parts = make_part_reference({reals.features, reals.width});
    made.places = {data.reference.features, data.reference.width};
  }
  made.of_reals = copies_of(part(data.pool, 0, std::min(samples, data.pool.size())));
  const int64_t pool = std::min(data.pool.size(), std::max(kPool, 8 * samples));
  const int64_t count = std::min(samples, pool / 2);
  const FeatureRows rows = seen_of(data, part(data.pool, 0, pool));
  std::vector<std::vector<double>> values(figures().size());
  for (uint64_t draw = 0; draw < kDraws; ++draw) {
    const auto found = null_draw(rows, made.comparison.reference, count, 1, draw);
    for (size_t f = 0; f < found.size(); ++f) values[f].push_back(found[f]);
  }
  for (size_t f = 0; f < values.size(); ++f)
    made.comparison.nulls.emplace_back(as_fresh(values[f], count, pool), figures()[f].worse);
  return made;
}

FeatureRows draw(const Data& data, int64_t count, uint64_t turn) {
  std::vector<int64_t> order(data.fresh.modes.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  Random random({.seed = 77, .purpose = Purpose("evaluation"), .step = turn});
  for (size_t i = 0; i < static_cast<size_t>(count); ++i)
    std::swap(order[i], order[i + random.below(order.size() - i)]);
  return rows_of(data.fresh, std::span(order).first(static_cast<size_t>(count)));
}

Evidence evidence_of(const Calibrated& calibrated, FeatureRows samples) {
  const Data& data = calibrated.data;
  Evidence evidence{.step = 1000, .mode_noun = data.noun};
  evidence.copies = CopyFigures{copies_of(samples), calibrated.of_reals};
  const double significance = config::Verdict{}.significance;
  const auto compare = [&] {
    const FeatureRows seen = seen_of(data, samples);
    add_comparison(calibrated.comparison, seen, significance, evidence);
    if (has_parts(data))
      add_places_of_run(alone(), calibrated.places, {samples.features, samples.width},
                        calibrated.comparison, {seen.features, seen.width}, significance, 1,
                        evidence);
  };
  if (!data.modes_known) {
    compare();
    return evidence;
  }
  ModeHistogram modes{data.names, data.shares, std::vector<int64_t>(data.names.size()), 0};
  if (!data.means.empty()) {
    const Mixture mixture{data.means, data.stds};
    samples.modes = nearest_modes(samples.features, mixture);
    const auto counts = count_modes(samples.features, mixture);
    evidence.high_quality = high_quality_share(counts);
    evidence.modes_covered = modes_with_quality(counts);
  }
  for (const int64_t mode : samples.modes) {
    ++modes.observed[static_cast<size_t>(mode)];
    ++modes.samples;
  }
  evidence.modes = std::move(modes);
  compare();
  return evidence;
}

}  // namespace allmodes::diagnostics
