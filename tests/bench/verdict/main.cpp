// How often the verdict is wrong: real samples in place of generated ones, and planted collapses,
// judged with the default levels. Prints the tables of docs/verdict.md.
//
//   verdict_bench [EVALUATIONS [PLANTS [known|unknown]]]      1000 200
//
// Of `unknown` modes the judge has, as in training without labels, the data as one mode. Samples
// are drawn from reals that neither the reference nor the null has seen. Of Fashion-MNIST the
// 70,000 images are split at random in two halves; modes are the labels themselves, so that what is
// measured is the verdict and not a classifier. All evaluations of one split share what its halves
// happen to differ by, so healthy evaluations are of ten splits.

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string_view>

#include "bench/verdict/tables.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kSplits = 10;

// Any test alone, whatever the effect.
bool significant(const Evidence& evidence, double rate) {
  config::Verdict levels;
  levels.significance = rate;
  const double level = test_level(evidence, levels);
  for (const CalibratedFigure& figure : evidence.calibrated)
    if (figure.log10_tail < std::log10(level)) return true;
  if (copies_log10_tail(*evidence.copies) < std::log10(level)) return true;
  // Of parts, which have a level of their own.
  if (evidence.parts && evidence.parts->lost_mass > 0) return true;
  if (!evidence.modes) return false;
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
          const State state = judge(evidence, {}, once()).state;
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

std::vector<float> normal_law(Random& random, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

std::vector<float> t_law(Random& random, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    double square = 0;
    for (int k = 0; k < 3; ++k) square += std::pow(random.normal(), 2);
    value = static_cast<float>(random.normal() / std::sqrt(square / 3));
  }
  return values;
}

void planted_head(int64_t samples) {
  fmt::print(
      "\nPlanted, N = {}\n\n| data | planted | mass moved | detected % | kind % | mode named % "
      "| collapsed % |\n|---|---|---|---|---|---|---|\n",
      samples);
}

void with_known_modes(const Fashion& fashion, const std::vector<Splits>& sets, int64_t evaluations,
                      int64_t turns) {
  fmt::print("Healthy\n\n");
  if (evaluations > 0) healthy_table(sets, evaluations);
  if (turns == 0) return;
  planted_head(2000);
  for (const Splits& set : sets) planted_rows(set(0), 2000, turns);
  std::vector<double> unbalanced(10, 1.0);
  unbalanced[9] = 0.2;
  planted_rows(fashion_data(fashion, "Fashion-MNIST, unbalanced", unbalanced, 0), 2000, turns);
  thousand_modes(std::min<int64_t>(turns, 200));
  fmt::print("\n| data | planted | | detected % | collapsed % | |\n|---|---|---|---|---|---|\n");
  posterior_rows(turns);
  fmt::print(
      "\n| shift of each coordinate | scale | MMD significant % | at_risk % | kind % "
      "|\n|---|---|---|---|---|\n");
  aggregate_rows(std::min<int64_t>(turns, 100));
}

void with_unknown_modes(const std::vector<Splits>& sets, int64_t evaluations, int64_t turns) {
  std::vector<Splits> unknown;
  for (const Splits& set : sets)
    unknown.emplace_back([&set](uint64_t split) { return without_modes(set(split)); });
  const auto planted_in = std::ssize(unknown);
  unknown.emplace_back(
      [](uint64_t split) { return law_data("normal law, 8", 8, normal_law, split); });
  unknown.emplace_back(
      [](uint64_t split) { return law_data("t law, 3 degrees, 8", 8, t_law, split); });
  fmt::print("\nHealthy, modes not known\n\n");
  if (evaluations > 0) healthy_table(unknown, evaluations);
  if (turns == 0) return;
  planted_head(2000);
  for (int64_t i = 0; i < planted_in; ++i) planted_rows(unknown[size_t(i)](0), 2000, turns);
  // Of pictures the classes lie amid each other, and more samples tell them apart.
  planted_head(10'000);
  planted_rows(unknown[size_t(planted_in - 1)](0), 10'000, turns);
}

std::vector<Splits> splits_of(const Fashion& fashion) {
  return {[](uint64_t split) {
            return mixture_data("ring of 8", data::ring_mixture(8, 2, 0.05), split);
          },
          [](uint64_t split) {
            return mixture_data("grid of 25", data::grid_mixture(25, 0.7067, 0.01767), split);
          },
          [&](uint64_t split) {
            return fashion_data(fashion, "Fashion-MNIST", std::vector<double>(10, 1.0), split);
          }};
}

int run(int64_t evaluations, int64_t turns, std::string_view modes) {
  const Fashion fashion = fashion_rows(kPlaceColumns);
  const std::vector<Splits> sets = splits_of(fashion);
  if (modes != "unknown") with_known_modes(fashion, sets, evaluations, turns);
  if (modes != "known") with_unknown_modes(sets, evaluations, turns);
  return 0;
}

}  // namespace
}  // namespace allmodes::diagnostics

int main(int count, char** arguments) {
  const auto number = [&](int i, int64_t otherwise) {
    return i < count ? std::atoll(arguments[i]) : otherwise;
  };
  return allmodes::diagnostics::run(number(1, 1000), number(2, 200), count > 3 ? arguments[3] : "");
}
