// `allmodes diagnose --posterior`: what an encoder's codes say, and the intervals of it.

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "diagnosis/diagnosis.h"
#include "diagnostics/latents/mutual_information.h"
#include "diagnostics/latents/posterior.h"

namespace allmodes::diagnosis {
namespace {

using diagnostics::RowRange;

constexpr int64_t kFewestPosteriors = 20;  // of which the jackknife leaves out a tenth

// Sums over posteriors and their information, of each group that the jackknife leaves out.
struct PosteriorParts {
  std::vector<diagnostics::LatentSums> sums;  // [kJackknifeGroups]
  std::vector<double> information;            // [kJackknifeGroups], of all posteriors as a mixture
};

PosteriorParts posterior_parts(world::Communicator& control, const DiagnosedSamples& means,
                               const DiagnosedSamples& log_variances, uint64_t seed) {
  const int64_t width = means.shape.values();
  const diagnostics::Features centres{means.values, width}, widths{log_variances.values, width};
  PosteriorParts parts;
  for (int group = 0; group < diagnostics::kJackknifeGroups; ++group) {
    const RowRange rows =
        diagnostics::rows_of_rank(means.count, group, diagnostics::kJackknifeGroups);
    auto sums = diagnostics::make_latent_sums(width);
    if (rows.count() > 0)
      diagnostics::add(sums, centres.part(rows.first, rows.count()).values,
                       widths.part(rows.first, rows.count()).values);
    parts.sums.push_back(std::move(sums));
    const RowRange mine = diagnostics::rows_of_rank(rows.count(), control.rank(), control.size());
    parts.information.push_back(world::all_reduce_value(
        control,
        diagnostics::information_sum(means.values, log_variances.values, width,
                                     rows.first + mine.first, rows.first + mine.last,
                                     {seed, Purpose("diagnose information")}),
        world::ReduceOp::sum));
  }
  return parts;
}

// All groups but one; all for -1.
diagnostics::LatentSums merged(const PosteriorParts& parts, int without) {
  auto whole = diagnostics::make_latent_sums(std::ssize(parts.sums.front().kl));
  for (int group = 0; group < std::ssize(parts.sums); ++group)
    if (group != without) diagnostics::merge(whole, parts.sums[static_cast<size_t>(group)]);
  return whole;
}

double information_of(const PosteriorParts& parts, int without) {
  double sum = 0;
  int64_t count = 0;
  for (int group = 0; group < std::ssize(parts.sums); ++group) {
    if (group == without) continue;
    sum += parts.information[static_cast<size_t>(group)];
    count += parts.sums[static_cast<size_t>(group)].count;
  }
  return sum / static_cast<double>(count);
}

double total_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// By the jackknife over groups of posteriors.
void add_intervals(const PosteriorParts& parts, Diagnosis& diagnosis) {
  const double unbounded = std::numeric_limits<double>::infinity();
  const auto of = [&](double value, double highest, const auto& figure) {
    std::vector<double> without;
    for (int group = 0; group < diagnostics::kJackknifeGroups; ++group)
      without.push_back(figure(group));
    return diagnostics::clamped(diagnostics::interval_of_jackknife(value, without), 0, highest);
  };
  const auto total = [&](int group) { return diagnostics::kl_total(merged(parts, group)); };
  const auto information = [&](int group) { return information_of(parts, group); };
  for (Line& line : diagnosis.lines) {
    if (line.name == "kl_total") line.interval = of(line.value, unbounded, total);
    if (line.name == "mutual_information")
      line.interval = of(line.value, std::log(static_cast<double>(diagnosis.samples)), information);
    if (line.name == "marginal_kl")
      line.interval =
          of(line.value, unbounded, [&](int group) { return total(group) - information(group); });
    if (line.name == "aggregate_kl")
      line.interval = of(line.value, unbounded, [&](int group) {
        return total_of(diagnostics::aggregate_kl_per_dimension(merged(parts, group)));
      });
    if (line.name == "active_units")
      line.interval =
          of(line.value, static_cast<double>(diagnosis.kl_per_dimension.size()), [&](int group) {
            return static_cast<double>(diagnostics::active_units(merged(parts, group)));
          });
  }
  std::vector<std::vector<double>> without;
  for (int group = 0; group < diagnostics::kJackknifeGroups; ++group)
    without.push_back(diagnostics::kl_per_dimension(merged(parts, group)));
  for (size_t j = 0; j < diagnosis.kl_per_dimension.size(); ++j)
    diagnosis.kl_intervals.push_back(of(diagnosis.kl_per_dimension[j], unbounded, [&](int group) {
      return without[static_cast<size_t>(group)][j];
    }));
}

}  // namespace

Diagnosis diagnose_posterior(world::Communicator& control, const DiagnosedSamples& means,
                             const DiagnosedSamples& log_variances,
                             const DiagnoseOptions& options) {
  if (!(means.shape == log_variances.shape) || means.count != log_variances.count) {
    ALLMODES_FAIL(ExitCode::kDataError, "{} holds {} {}, {} holds {} {}: one shape was expected",
                  means.source, means.count, shape_text(means.shape), log_variances.source,
                  log_variances.count, shape_text(log_variances.shape));
  }
  const int64_t width = means.shape.values();
  const PosteriorParts parts = posterior_parts(control, means, log_variances, options.seed);
  const diagnostics::LatentSums sums = merged(parts, -1);
  const double information = information_of(parts, -1);
  const double total = diagnostics::kl_total(sums);
  const double aggregate = total_of(diagnostics::aggregate_kl_per_dimension(sums));
  Diagnosis diagnosis;
  diagnosis.features = fmt::format("posterior ({} dimensions)", width);
  diagnosis.samples = means.count;
  diagnosis.kl_per_dimension = diagnostics::kl_per_dimension(sums);
  diagnosis.evidence.step = 1;
  diagnosis.evidence.kl_total = total;
  diagnosis.evidence.aggregate_kl = aggregate;
  diagnosis.evidence.information = information;
  diagnosis.evidence.active_units = diagnostics::active_units(sums);
  diagnosis.evidence.latent_dimensions = width;
  diagnosis.lines = {{"kl_total", total},
                     {"active_units", static_cast<double>(*diagnosis.evidence.active_units),
                      fmt::format("of {} dimensions", width)},
                     {"mutual_information", information,
                      fmt::format("at most ln N = {:.2f} can be seen",
                                  std::log(static_cast<double>(means.count)))},
                     {"marginal_kl", total - information},
                     {"aggregate_kl", aggregate}};
  if (means.count >= kFewestPosteriors) add_intervals(parts, diagnosis);
  // The codes are all there is here: no second instrument could agree.
  config::Verdict alone;
  alone.grace_steps = 0;
  alone.witnesses = 1;
  alone.confirmations = 1;
  diagnosis.verdict = diagnostics::judge(diagnosis.evidence, {}, alone);
  return diagnosis;
}

}  // namespace allmodes::diagnosis
