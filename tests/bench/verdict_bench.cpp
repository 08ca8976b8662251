// How often the verdict is wrong: real samples in place of generated ones, and planted collapses,
// judged with the default levels. Prints the tables of docs/verdict.md; needs no Torch.
//
//   verdict_bench [EVALUATIONS [PLANTS]]      1000 200
//
// Samples are drawn from reals that neither the reference nor the null has seen. Of Fashion-MNIST
// the 70,000 images are split at random in two halves; modes are the labels themselves, so that
// what is measured is the verdict and not a classifier. All evaluations of one split share what its
// halves happen to differ by, so healthy evaluations are of ten splits.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>

#include "base/error.h"
#include "data/dataset.h"
#include "data/mixture.h"
#include "diagnostics/comparison_evidence.h"
#include "diagnostics/latent.h"
#include "diagnostics/latent_aggregate.h"
#include "diagnostics/mixture_scores.h"
#include "diagnostics/principal.h"
#include "diagnostics/verdict.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kDraws = 200;
constexpr int64_t kReference = 5000;
constexpr int64_t kPool = 20'000;
constexpr int64_t kSplits = 10;

// Real samples in two parts: what calibrates, and what is drawn in place of generated samples.
struct Data {
  std::string name;
  std::string noun;
  std::vector<std::string> names;
  std::vector<double> shares;
  FeatureRows reference, pool, fresh;
  std::vector<double> means, stds;  // of a mixture
};

struct Calibrated {
  const Data& data;
  int64_t samples;
  Comparison comparison;
  Copies of_reals;  // among as many reals as there are samples
};

FeatureRows part(const FeatureRows& rows, int64_t first, int64_t count) {
  std::vector<int64_t> chosen(static_cast<size_t>(count));
  std::iota(chosen.begin(), chosen.end(), first);
  return rows_of(rows, chosen);
}

using Splits = std::function<Data(uint64_t split)>;

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
  constexpr int64_t kAll = 400'000;
  FeatureRows all{.width = 2, .features = std::vector<float>(2 * kAll), .modes = {}};
  data::sample_mixture(mixture, 1 + split, 0, kAll, all.features.data());
  all.modes = nearest_modes(all.features, {made.means, made.stds});
  made.reference = part(all, 0, kReference);
  made.pool = part(all, kReference, 95'000);
  made.fresh = part(all, 100'000, 300'000);
  return made;
}

struct Fashion {
  FeatureRows rows;
  std::vector<std::string> names;
};

// All images as their eight principal components.
Fashion fashion_rows() {
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
  const Projection projection =
      principal_projection(std::span<const float>(values).first(2000 * width),
                           static_cast<int64_t>(width), 8, {1, Purpose("principal directions")});
  return {{.width = 8, .features = project(projection, values), .modes = labels},
          train->class_names()};
}

// `keep`: share of each class that stays.
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

Copies copies_of(const FeatureRows& rows) {
  return count_copies(row_hashes(rows.features, rows.width));
}

Calibrated calibrate(const Data& data, int64_t samples) {
  Calibrated made{data,
                  samples,
                  {.reference = make_reference(data.reference, std::ssize(data.names)),
                   .nulls = {},
                   .names = data.names,
                   .shares = data.shares},
                  {}};
  made.of_reals = copies_of(part(data.pool, 0, std::min(samples, data.pool.size())));
  const int64_t pool = std::min(data.pool.size(), std::max(kPool, 8 * samples));
  const int64_t count = std::min(samples, pool / 2);
  const FeatureRows rows = part(data.pool, 0, pool);
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
  evidence.copies = CopyFigures{copies_of(samples), calibrated.of_reals};
  add_comparison(calibrated.comparison, samples, evidence);
  return evidence;
}

// Any test alone, whatever the effect.
bool significant(const Evidence& evidence, double rate) {
  config::Verdict levels;
  levels.significance = rate;
  const double level = test_level(evidence, levels);
  for (const CalibratedFigure& figure : evidence.calibrated)
    if (figure.log10_tail < std::log10(level)) return true;
  if (copies_log10_tail(*evidence.copies) < std::log10(level)) return true;
  const ModeHistogram& modes = *evidence.modes;
  return !missing_modes(modes, 0.999999, level).empty() ||
         unseen_modes(modes).log10_tail < std::log10(level) ||
         kl_reverse(modes) > sampling_ceiling(modes, level);
}

void healthy_table(const std::vector<Splits>& sets, int64_t evaluations) {
  fmt::print(
      "| data | N | evaluations | a test alone at 0.05 | at 0.001 | at_risk | collapsed |\n"
      "|---|---|---|---|---|---|---|\n");
  for (const Splits& set : sets) {
    std::map<int64_t, std::array<int64_t, 4>> alarms;
    std::string name;
    for (int64_t split = 0; split < kSplits; ++split) {
      const Data data = set(static_cast<uint64_t>(split));
      name = data.name;
      for (const int64_t samples : {500, 2000, 10'000}) {
        const Calibrated calibrated = calibrate(data, samples);
        auto& counts = alarms[samples];
        for (int64_t turn = split; turn < evaluations; turn += kSplits) {
          const Evidence evidence =
              evidence_of(calibrated, draw(data, samples, static_cast<uint64_t>(turn)));
          const State state = judge(evidence, {}, config::Verdict{}).state;
          counts[0] += significant(evidence, 0.05) ? 1 : 0;
          counts[1] += significant(evidence, 0.001) ? 1 : 0;
          counts[2] += state == State::at_risk ? 1 : 0;
          counts[3] += state == State::collapsed ? 1 : 0;
        }
      }
    }
    for (const auto& [samples, counts] : alarms)
      fmt::print("| {} | {} | {} | {} ({:.3f}) | {} | {} | {} |\n", name, samples, evaluations,
                 counts[0], static_cast<double>(counts[0]) / static_cast<double>(evaluations),
                 counts[1], counts[2], counts[3]);
    std::fflush(stdout);
  }
}

// ---- planted collapses -----------------------------------------------------------------------

// Samples `rows` of draw `turn`, of which `mode` (where one matters) is spoilt.
using Plant = std::function<FeatureRows(const FeatureRows& rows, int64_t mode, Random& random)>;

FeatureRows thinned(const FeatureRows& rows, int64_t mode, double keep, int64_t count,
                    Random& random) {
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < rows.size() && std::ssize(chosen) < count; ++i)
    if (rows.modes[static_cast<size_t>(i)] != mode || random.uniform() < keep) chosen.push_back(i);
  return rows_of(rows, chosen);
}

// The first of each mode (of all, with `as_one`) in place of a share of the others.
FeatureRows repeated(const FeatureRows& rows, double share, bool as_one, int64_t count,
                     Random& random) {
  std::vector<int64_t> chosen;
  std::vector<int64_t> first(64, -1);
  for (int64_t i = 0; i < count; ++i) {
    const auto mode = as_one ? size_t{0} : static_cast<size_t>(rows.modes[static_cast<size_t>(i)]);
    if (first[mode] < 0) first[mode] = i;
    chosen.push_back(random.uniform() < share ? first[mode] : i);
  }
  return rows_of(rows, chosen);
}

FeatureRows noisy(FeatureRows rows, double deviation, Random& random) {
  if (deviation > 0)
    for (float& value : rows.features) value += static_cast<float>(deviation * random.normal());
  return rows;
}

// Features of each sample moved towards its mode's mean: mean + scale (x - mean) + noise.
FeatureRows shrunk(const FeatureRows& rows, double scale, double noise, int64_t count,
                   Random& random) {
  const auto w = static_cast<size_t>(rows.width);
  std::vector<double> mean(64 * w, 0.0), counts(64, 0.0);
  for (size_t i = 0; i < rows.modes.size(); ++i) {
    const auto k = static_cast<size_t>(rows.modes[i]);
    ++counts[k];
    for (size_t j = 0; j < w; ++j) mean[k * w + j] += rows.features[i * w + j];
  }
  FeatureRows made = part(rows, 0, count);
  for (size_t i = 0; i < made.modes.size(); ++i) {
    const auto k = static_cast<size_t>(made.modes[i]);
    for (size_t j = 0; j < w; ++j) {
      const double center = mean[k * w + j] / counts[k];
      made.features[i * w + j] = static_cast<float>(
          center + scale * (made.features[i * w + j] - center) + noise * random.normal());
    }
  }
  return made;
}

// A direction of length 1, the same chance for each.
std::vector<float> any_direction(int64_t width, Random& random) {
  std::vector<float> direction;
  double square = 0;
  for (int64_t j = 0; j < width; ++j) {
    direction.push_back(static_cast<float>(random.normal()));
    square += direction.back() * direction.back();
  }
  for (float& value : direction) value /= static_cast<float>(std::sqrt(square));
  return direction;
}

// Of `mode` only the side above its median, along its own leading principal direction or along
// `direction`.
FeatureRows half_lost(const FeatureRows& rows, int64_t mode, int64_t count,
                      const std::vector<float>& direction = {}) {
  std::vector<int64_t> of_mode;
  for (int64_t i = 0; i < rows.size(); ++i)
    if (rows.modes[size_t(i)] == mode) of_mode.push_back(i);
  Projection leading =
      principal_projection(rows_of(rows, of_mode).features, rows.width,
                           std::min<int64_t>(1, rows.width - 1), {1, Purpose("leading direction")});
  if (!direction.empty()) leading.directions = direction;
  const std::vector<float> score = project(leading, rows.features);
  std::vector<float> along;
  for (const int64_t i : of_mode) along.push_back(score[size_t(i)]);
  const auto middle = along.begin() + std::ssize(along) / 2;
  std::nth_element(along.begin(), middle, along.end());
  // The kept side stands for both: a mode that is narrower, not rarer.
  std::vector<int64_t> chosen, kept;
  for (int64_t i = 0; i < rows.size(); ++i)
    if (rows.modes[size_t(i)] == mode && score[size_t(i)] > *middle) kept.push_back(i);
  size_t next = 0;
  for (int64_t i = 0; i < count; ++i)
    chosen.push_back(rows.modes[size_t(i)] == mode ? kept[next++ % kept.size()] : i);
  return rows_of(rows, chosen);
}

struct Rates {
  double detected = 0, kind = 0, modes = 0, collapsed = 0;
  std::string other = {};  // a kind that was not expected
};

// `kinds`: those that name it rightly. With `of_mode` the spoilt mode must be in the sentence.
Rates rates_of(const Calibrated& calibrated, int64_t turns, const std::vector<std::string>& kinds,
               bool of_mode, const Plant& plant) {
  Rates rates;
  for (int64_t turn = 0; turn < turns; ++turn) {
    const auto modes = std::ssize(calibrated.data.names);
    int64_t mode = turn % modes;
    // Of unbalanced data the rarest.
    if (calibrated.data.name.ends_with("unbalanced"))
      mode = std::ranges::min_element(calibrated.data.shares) - calibrated.data.shares.begin();
    Random random({.seed = 5, .purpose = Purpose("plant"), .step = static_cast<uint64_t>(turn)});
    // More than are needed, for what is left out.
    const FeatureRows rows =
        draw(calibrated.data, 3 * calibrated.samples, static_cast<uint64_t>(1'000'000 + turn));
    const Verdict verdict =
        judge(evidence_of(calibrated, plant(rows, mode, random)), {}, config::Verdict{});
    const double one = 1 / static_cast<double>(turns);
    if (verdict.state != State::healthy) rates.detected += one;
    if (verdict.state == State::collapsed) rates.collapsed += one;
    if (std::ranges::find(kinds, verdict.kind) != kinds.end()) {
      rates.kind += one;
    } else if (verdict.state != State::healthy) {
      rates.other = ", else " + verdict.kind;
    }
    if (!of_mode || verdict.reason.find(calibrated.data.names[size_t(mode)]) != std::string::npos)
      rates.modes += verdict.state != State::healthy ? one : 0;
  }
  return rates;
}

void row(const Calibrated& calibrated, const std::string& what, const std::string& moved,
         int64_t turns, const std::vector<std::string>& kinds, bool of_mode, const Plant& plant) {
  const Rates rates = rates_of(calibrated, turns, kinds, of_mode, plant);
  fmt::print("| {} | {} | {} | {:.1f} | {:.1f} ({}{}) | {} | {:.1f} |\n", calibrated.data.name,
             what, moved, 100 * rates.detected, 100 * rates.kind, kinds.front(), rates.other,
             of_mode ? fmt::format("{:.1f}", 100 * rates.modes) : "", 100 * rates.collapsed);
  std::fflush(stdout);
}

void planted_rows(const Data& data, int64_t samples, int64_t turns) {
  const Calibrated c = calibrate(data, samples);
  const auto modes = static_cast<double>(data.names.size());
  const auto mass = [&](double lost) {
    const double share =
        data.name.ends_with("unbalanced") ? std::ranges::min(data.shares) : 1 / modes;
    return fmt::format("{:.1f} %", 100 * lost * share);
  };
  const auto one_mode = [&](double keep) {
    return [&, keep](const FeatureRows& rows, int64_t mode, Random& random) {
      return thinned(rows, mode, keep, samples, random);
    };
  };
  row(c, "one mode missing", mass(1), turns, {"mode_dropping"}, true, one_mode(0));
  if (data.name.ends_with("unbalanced")) return;
  for (const double keep : {0.1, 0.2, 0.25, 0.3})
    row(c, fmt::format("one mode at {} of its share", keep), mass(1 - keep), turns,
        {"mode_imbalance", "mode_dropping"}, true, one_mode(keep));
  // As it is, and with noise that leaves no two equal.
  for (const double noise : {0.0, 0.01}) {
    for (const bool of_all : {true, false}) {
      for (const double share : {0.01, 0.02, 0.1, 0.3, 0.5, 0.7, 1.0}) {
        row(c,
            fmt::format("{:.0f} % of {} are one sample{}{}", 100 * share,
                        of_all ? "the samples" : "each mode", of_all ? "" : " of it",
                        noise > 0 ? ", nearly" : ""),
            fmt::format("{:.0f} %", 100 * share), turns,
            {"duplicates", "within_mode_collapse", "mode_imbalance", "mode_dropping"}, false,
            [&, share, noise, of_all](const FeatureRows& rows, int64_t, Random& random) {
              return noisy(repeated(rows, share, of_all, samples, random),
                           noise * (data.means.empty() ? 1.0 : data.stds[0]), random);
            });
      }
    }
  }
  row(c, "each mode's mean and a little noise", "100 %", turns,
      {"within_mode_collapse", "mode_dropping"}, false,
      [&](const FeatureRows& rows, int64_t, Random& random) {
        return shrunk(rows, 0, data.means.empty() ? 0.1 : 0.1 * data.stds[0], samples, random);
      });
  for (const double scale : {0.8, 0.7, 0.6, 0.5})
    row(c, fmt::format("each mode shrunk to {} of its width", scale), "", turns,
        {"within_mode_collapse"}, false,
        [&, scale](const FeatureRows& rows, int64_t, Random& random) {
          return shrunk(rows, scale, 0, samples, random);
        });
  row(c, "half of one mode missing", mass(0.5), turns, {"within_mode_collapse"}, true,
      [&](const FeatureRows& rows, int64_t mode, Random&) {
        return half_lost(rows, mode, samples);
      });
  if (data.reference.width > 2)
    row(c, "half of one mode missing, in a random direction", mass(0.5), turns,
        {"within_mode_collapse"}, true,
        [&](const FeatureRows& rows, int64_t mode, Random& random) {
          return half_lost(rows, mode, samples, any_direction(rows.width, random));
        });
}

// 1,000 equal modes, known by their counts alone.
void thousand_modes(int64_t turns) {
  fmt::print(
      "\n| N | modes missing of 1,000 | detected % | collapsed alone % |\n|---|---|---|---|\n");
  for (const int64_t samples : {2000, 10'000, 26'000}) {
    for (const int64_t lost : {0, 1, 2, 5, 10, 30, 50, 80, 100, 120, 150, 200}) {
      double detected = 0, collapsed = 0;
      config::Verdict one = {};
      one.witnesses = 1;
      for (int64_t turn = 0; turn < turns; ++turn) {
        Random random({.seed = 9, .purpose = Purpose("thousand"), .step = uint64_t(turn)});
        ModeHistogram modes;
        for (int k = 0; k < 1000; ++k) modes.names.push_back(fmt::format("{}", k));
        modes.expected_share.assign(1000, 1e-3);
        modes.observed.assign(1000, 0);
        modes.samples = samples;
        for (int64_t i = 0; i < samples; ++i)
          ++modes.observed[size_t(lost) + random.below(1000 - uint64_t(lost))];
        const Evidence evidence{.step = 1000, .modes = std::move(modes)};
        detected += judge(evidence, {}, config::Verdict{}).state != State::healthy ? 1 : 0;
        collapsed += judge(evidence, {}, one).state == State::collapsed ? 1 : 0;
      }
      fmt::print("| {} | {} | {:.1f} | {:.1f} |\n", samples, lost, 100 * detected / double(turns),
                 100 * collapsed / double(turns));
      std::fflush(stdout);
    }
  }
}

// ---- codes ------------------------------------------------------------------------------------

constexpr int64_t kDimensions = 8;

std::vector<float> normals(uint64_t step, const char* purpose, int64_t rows) {
  std::vector<float> values(static_cast<size_t>(rows * kDimensions));
  fill_normal({.seed = 4, .purpose = Purpose(purpose), .step = step}, 0, rows, kDimensions,
              values.data());
  return values;
}

// A posterior N(mu, s^2) of active dimensions with aggregate N(0, 1), of which `dead` say nothing.
void posterior_rows(int64_t turns) {
  for (const int64_t dead : {int64_t{1}, int64_t{4}, kDimensions}) {
    double detected = 0, collapsed = 0;
    for (int64_t turn = 0; turn < turns; ++turn) {
      const double variance = 0.05;
      auto mean = normals(uint64_t(turn), "posterior means", 2000);
      std::vector<float> log_variance(mean.size());
      for (size_t i = 0; i < mean.size(); ++i) {
        const bool active = int64_t(i) % kDimensions >= dead;
        mean[i] = active ? static_cast<float>(std::sqrt(1 - variance) * mean[i]) : 0.0F;
        log_variance[i] = active ? static_cast<float>(std::log(variance)) : 0.0F;
      }
      LatentSums sums = make_latent_sums(kDimensions);
      add(sums, mean, log_variance);
      const double used = 1 - static_cast<double>(dead) / static_cast<double>(kDimensions);
      const Verdict verdict = judge({.step = 1000,
                                     .r2_mean = 0.6 * used,
                                     .kl_total = kl_total(sums),
                                     .decoder_sensitivity = 0.5 * used,
                                     .active_units = active_units(sums),
                                     .latent_dimensions = kDimensions},
                                    {}, config::Verdict{});
      detected += verdict.kind == "posterior_collapse" ? 1 : 0;
      collapsed += verdict.state == State::collapsed ? 1 : 0;
    }
    fmt::print("| codes | {} of {} dimensions collapsed to the prior | | {:.1f} | {:.1f} | |\n",
               dead, kDimensions, 100 * detected / double(turns), 100 * collapsed / double(turns));
  }
}

void aggregate_rows(int64_t turns) {
  constexpr int64_t kCodes = 500;
  std::vector<double> widths;
  for (const double scale : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0})
    widths.push_back(2 * double(kDimensions) * scale);
  const Null null(null_of_halves(normals(0, "pool", 2 * kCodes), kDimensions, widths, 100,
                                 {.seed = 4, .purpose = Purpose("halves")}),
                  Worse::high);
  struct Case {
    double shift, scale;
  };
  for (const auto& [shift, scale] :
       {Case{0, 1}, Case{0.1, 1}, Case{0.2, 1}, Case{0.5, 1}, Case{0.8, 1}, Case{1, 1},
        Case{1.2, 1}, Case{0, 0.9}, Case{0, 0.7}, Case{0, 0.5}, Case{0, 0.4}, Case{0, 0.3},
        Case{0, 0.2}, Case{0, 0}}) {
    double detected = 0, certain = 0, right = 0;
    for (int64_t turn = 0; turn < turns; ++turn) {
      auto codes = normals(uint64_t(turn), "codes", kCodes);
      for (float& value : codes) value = static_cast<float>(scale * value + shift);
      const auto prior = normals(uint64_t(turn), "prior", kCodes);
      const KernelMeans means = kernel_means(codes, prior, kDimensions, widths);
      Evidence evidence{.step = 1000,
                        .aggregate_mmd = squared_mmd(means),
                        .aggregate_mmd_null_q99 = quantile(null.draws(), 0.99),
                        .aggregate_discrepancy = discrepancy(means)};
      evidence.aggregate_mmd_log10_tail = null.log10_tail(*evidence.aggregate_mmd);
      const Verdict verdict = judge(evidence, {}, config::Verdict{});
      certain += *evidence.aggregate_mmd_log10_tail < -3 ? 1 : 0;
      detected += verdict.state != State::healthy ? 1 : 0;
      right += verdict.kind == "aggregate_mismatch" ? 1 : 0;
    }
    fmt::print("| {} | {} | {:.1f} | {:.1f} | {:.1f} |\n", shift, scale,
               100 * certain / double(turns), 100 * detected / double(turns),
               100 * right / double(turns));
    std::fflush(stdout);
  }
}

int run(int64_t evaluations, int64_t turns) {
  const Fashion fashion = fashion_rows();
  const std::vector<double> whole(10, 1.0);
  std::vector<double> unbalanced(10, 1.0);
  unbalanced[9] = 0.2;
  const std::vector<Splits> sets = {
      [](uint64_t split) { return mixture_data("ring of 8", data::ring_mixture(8, 2, 0.05), split); },
      [](uint64_t split) {
        return mixture_data("grid of 25", data::grid_mixture(25, 0.7067, 0.01767), split);
      },
      [&](uint64_t split) { return fashion_data(fashion, "Fashion-MNIST", whole, split); }};
  fmt::print("Healthy\n\n");
  if (evaluations > 0) healthy_table(sets, evaluations);
  if (turns == 0) return 0;
  fmt::print(
      "\nPlanted, N = 2000\n\n| data | planted | mass moved | detected % | kind % | mode named % "
      "| collapsed % |\n|---|---|---|---|---|---|---|\n");
  for (const Splits& set : sets) planted_rows(set(0), 2000, turns);
  planted_rows(fashion_data(fashion, "Fashion-MNIST, unbalanced", unbalanced, 0), 2000, turns);
  thousand_modes(std::min<int64_t>(turns, 200));
  fmt::print("\n| data | planted | | detected % | collapsed % | |\n|---|---|---|---|---|---|\n");
  posterior_rows(turns);
  fmt::print(
      "\n| shift of each coordinate | scale | MMD significant % | at_risk % | kind % "
      "|\n|---|---|---|---|---|\n");
  aggregate_rows(std::min<int64_t>(turns, 100));
  return 0;
}

}  // namespace
}  // namespace allmodes::diagnostics

int main(int count, char** arguments) {
  const auto number = [&](int i, int64_t otherwise) {
    return i < count ? std::atoll(arguments[i]) : otherwise;
  };
  return allmodes::diagnostics::run(number(1, 1000), number(2, 200));
}
