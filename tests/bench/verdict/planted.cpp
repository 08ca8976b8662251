// Planted collapses of samples.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/verdict/tables.h"
#include "diagnostics/statistics/principal.h"

namespace allmodes::diagnostics {
namespace {

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

// A direction of length 1 in the leading columns, the same chance for each.
std::vector<float> any_direction(int64_t width, Random& random) {
  std::vector<float> direction;
  double square = 0;
  for (int64_t j = 0; j < std::min(kComparedColumns, width); ++j) {
    direction.push_back(static_cast<float>(random.normal()));
    square += direction.back() * direction.back();
  }
  direction.resize(static_cast<size_t>(width), 0);
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
    const Verdict verdict = judge(evidence_of(calibrated, plant(rows, mode, random)), {}, once());
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
             of_mode && calibrated.data.modes_known ? fmt::format("{:.1f}", 100 * rates.modes) : "",
             100 * rates.collapsed);
  std::fflush(stdout);
}

}  // namespace

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
  // Where parts are looked for, half of a mode is a part that is lost.
  const std::vector<std::string> of_halves = {"within_mode_collapse", "mode_dropping",
                                              "mode_imbalance"};
  row(c, "half of one mode missing", mass(0.5), turns, of_halves, true,
      [&](const FeatureRows& rows, int64_t mode, Random&) {
        return half_lost(rows, mode, samples);
      });
  if (data.reference.width > 2)
    row(c, "half of one mode missing, in a random direction", mass(0.5), turns, of_halves, true,
        [&](const FeatureRows& rows, int64_t mode, Random& random) {
          return half_lost(rows, mode, samples, any_direction(rows.width, random));
        });
}

void thousand_modes(int64_t turns) {
  fmt::print(
      "\n| N | modes missing of 1,000 | detected % | collapsed alone % |\n|---|---|---|---|\n");
  for (const int64_t samples : {2000, 10'000, 26'000}) {
    for (const int64_t lost : {0, 1, 2, 5, 10, 30, 50, 80, 100, 120, 150, 200}) {
      double detected = 0, collapsed = 0;
      config::Verdict one = once();
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
        detected += judge(evidence, {}, once()).state != State::healthy ? 1 : 0;
        collapsed += judge(evidence, {}, one).state == State::collapsed ? 1 : 0;
      }
      fmt::print("| {} | {} | {:.1f} | {:.1f} |\n", samples, lost, 100 * detected / double(turns),
                 100 * collapsed / double(turns));
      std::fflush(stdout);
    }
  }
}

}  // namespace allmodes::diagnostics
