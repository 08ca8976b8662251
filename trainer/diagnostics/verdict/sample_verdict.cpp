#include "diagnostics/verdict/sample_verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kDeviations = 5;
constexpr double kShortfallAtRisk = 0.03;
constexpr double kShortfallCollapsed = 0.05;
constexpr double kRecallShort = 0.05;
constexpr double kVendiShort = 0.9;
constexpr double kDensityAway = 0.5;

double deviation_of_share(double share, int64_t n, int64_t m) {
  return std::sqrt(share * (1 - share) * (1 / static_cast<double>(n) + 1 / static_cast<double>(m)));
}

}  // namespace

double expected_coverage(int64_t reals, int64_t fakes, int64_t k) {
  ALLMODES_CHECK(1 <= k && k < reals && fakes >= 1, "k {}, {} reals, {} fakes", k, reals, fakes);
  double missed = 1;
  for (int64_t i = 1; i <= k; ++i)
    missed *= static_cast<double>(reals - i) / static_cast<double>(reals + fakes - i);
  return 1 - missed;
}

double coverage_deviation(int64_t reals, int64_t fakes, int64_t k) {
  return deviation_of_share(expected_coverage(reals, fakes, k), reals, fakes);
}

std::optional<Witness> witness_coverage(const SampleFigures& figures) {
  const double expected = expected_coverage(figures.reals, figures.fakes, figures.coverage_k);
  const double deviation = coverage_deviation(figures.reals, figures.fakes, figures.coverage_k);
  const double shortfall = 1 - figures.coverage / expected;
  if (figures.coverage >= expected - kDeviations * deviation || shortfall < kShortfallAtRisk)
    return std::nullopt;
  std::string reason =
      fmt::format("coverage {:.3f} where equal distributions have {:.3f} +- {:.3f}, density {:.3g}",
                  figures.coverage, expected, deviation, figures.density);
  if (figures.density < kDensityAway && figures.recall >= figures.precision) {
    return Witness{State::at_risk, "unformed",
                   reason + ": the samples do not lie where the data lies"};
  }
  bool agreed = false;
  if (figures.recall < (1 - kRecallShort) * figures.precision) {
    agreed = true;
    reason +=
        fmt::format("; recall {:.3f} beside precision {:.3f}", figures.recall, figures.precision);
  }
  if (figures.vendi && figures.vendi_real && *figures.vendi < kVendiShort * *figures.vendi_real) {
    agreed = true;
    reason +=
        fmt::format("; Vendi score {:.3g}, the data's {:.3g}", *figures.vendi, *figures.vendi_real);
  }
  const bool collapsed = agreed && shortfall >= kShortfallCollapsed;
  return Witness{
      collapsed ? State::collapsed : State::at_risk, "mode_dropping",
      fmt::format("about {:.0f} % of the data is not reached: {}", 100 * shortfall, reason),
      agreed ? std::vector<std::string>{"coverage", "dispersion"}
             : std::vector<std::string>{"coverage"}};
}

Verdict judge_samples(const Evidence& evidence, const SampleFigures& figures,
                      const config::Verdict& levels) {
  std::vector<Witness> more;
  if (auto coverage = witness_coverage(figures)) more.push_back(std::move(*coverage));
  Verdict verdict = judge(evidence, {}, levels, std::move(more));
  if (verdict.witnesses.empty()) {
    verdict.reason = fmt::format(
        "coverage {:.3f} (equal distributions have {:.3f} +- {:.3f}), precision {:.3f}, recall "
        "{:.3f}",
        figures.coverage, expected_coverage(figures.reals, figures.fakes, figures.coverage_k),
        coverage_deviation(figures.reals, figures.fakes, figures.coverage_k), figures.precision,
        figures.recall);
    return verdict;
  }
  return verdict;
}

}  // namespace allmodes::diagnostics
