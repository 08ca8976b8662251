#include "diagnosis/class_evidence.h"

#include <algorithm>
#include <numeric>

#include "diagnostics/metrics/moved_samples.h"
#include "diagnostics/modes/corrected_shares.h"

namespace allmodes::diagnosis {
namespace {

constexpr int64_t kFewestOfClass = 10;  // reals, of every class, to correct shares by
constexpr size_t kMostCorrected = 64;   // classes
constexpr int64_t kFewestClassified = 20;

// The class of the i-th real that was asked about.
size_t label_of(const DiagnosedSamples& reals, const diagnostics::SeenClasses& seen, size_t i) {
  return static_cast<size_t>(reals.labels[static_cast<size_t>(seen.rows[i])]);
}

int64_t count_right(const DiagnosedSamples& reals, const diagnostics::SeenClasses& seen) {
  int64_t right = 0;
  for (size_t i = 0; i < seen.rows.size(); ++i)
    right += seen.of_reals[i] == static_cast<int64_t>(label_of(reals, seen, i)) ? 1 : 0;
  return right;
}

std::vector<int64_t> labels_at(const DiagnosedSamples& reals, const std::vector<int64_t>& rows) {
  std::vector<int64_t> labels;
  for (const int64_t row : rows) labels.push_back(reals.labels[static_cast<size_t>(row)]);
  return labels;
}

// Of every class its corrected share over that of the reals; empty where that cannot be told.
std::vector<double> made_ratios(const DiagnosedSamples& reals, const ClassEye& eye,
                                const std::vector<int64_t>& observed) {
  const size_t classes = observed.size();
  if (classes > kMostCorrected) return {};
  std::vector<int64_t> of_class(classes, 0);
  diagnostics::Confusion confusion(classes, std::vector<int64_t>(classes, 0));
  for (size_t i = 0; i < eye.seen.rows.size(); ++i) {
    const size_t label = label_of(reals, eye.seen, i);
    ++of_class[label];
    ++confusion[static_cast<size_t>(eye.seen.of_reals[i])][label];
  }
  if (std::ranges::min(of_class) < kFewestOfClass) return {};
  std::vector<double> ratios = diagnostics::corrected_shares(confusion, observed);
  for (size_t k = 0; k < classes; ++k)
    ratios[k] *= static_cast<double>(eye.seen.rows.size()) / static_cast<double>(of_class[k]);
  return ratios;
}

ClassEye kernel_eye(world::Communicator& control, const DiagnosedSamples& reals,
                    const diagnostics::Features& real_rows,
                    const diagnostics::Features& fake_rows) {
  ClassEye kernel{.name = "a kernel classifier",
                  .seen = diagnostics::classify_by_kernel(
                      control, real_rows, reals.labels, std::ssize(reals.class_names), fake_rows)};
  kernel.right = count_right(reals, kernel.seen);
  return kernel;
}

}  // namespace

ClassEye class_eye(world::Communicator& control, const DiagnosedSamples& reals,
                   const diagnostics::Features& real_rows, const diagnostics::Features& fake_rows,
                   const diagnostics::SampleMetrics& metrics) {
  const bool few = reals.count < kFewestClassified;
  if (!few && diagnostics::are_sparse(reals.labels))
    return kernel_eye(control, reals, real_rows, fake_rows);
  ClassEye nearest{.name = "the nearest real",
                   .seen = {.rows = std::vector<int64_t>(reals.labels.size()),
                            .of_reals = labels_at(reals, metrics.nearest_of_real),
                            .of_samples = labels_at(reals, metrics.nearest_real)}};
  std::iota(nearest.seen.rows.begin(), nearest.seen.rows.end(), 0);
  nearest.right = count_right(reals, nearest.seen);
  if (few) return nearest;
  ClassEye kernel = kernel_eye(control, reals, real_rows, fake_rows);
  return kernel.right >= nearest.right ? kernel : nearest;
}

diagnostics::ModeHistogram class_histogram(const DiagnosedSamples& reals, const ClassEye& eye) {
  const size_t classes = reals.class_names.size();
  // Half a real more of each class: one with hardly any is nobody's neighbour, and a fake that is
  // taken for it is no infinite divergence.
  const double total =
      static_cast<double>(eye.seen.rows.size()) + 0.5 * static_cast<double>(classes);
  diagnostics::ModeHistogram histogram{.names = reals.class_names,
                                       .expected_share = std::vector<double>(classes, 0.5 / total),
                                       .observed = std::vector<int64_t>(classes, 0),
                                       .samples = std::ssize(eye.seen.of_samples),
                                       .real_counts = std::vector<int64_t>(classes, 0)};
  for (const int64_t seen : eye.seen.of_reals) {
    histogram.expected_share[static_cast<size_t>(seen)] += 1 / total;
    ++histogram.real_counts[static_cast<size_t>(seen)];
  }
  for (const int64_t seen : eye.seen.of_samples) ++histogram.observed[static_cast<size_t>(seen)];
  histogram.made_ratio = made_ratios(reals, eye, histogram.observed);
  return histogram;
}

std::optional<diagnostics::ModeHistogram> histogram_when_moved(
    world::Communicator& control, const DiagnosedSamples& reals,
    const diagnostics::Features& real_rows, const diagnostics::Features& fake_rows,
    const diagnostics::ModeHistogram& histogram, const config::Verdict& levels) {
  const bool lost = diagnostics::kl_reverse(histogram) > levels.imbalance_kl ||
                    !missing_modes(histogram, levels.dropped_share, levels.significance).empty();
  if (!lost || reals.count < kFewestClassified) return std::nullopt;
  const auto moved = diagnostics::moved_onto_reals(real_rows, fake_rows);
  if (!moved) return std::nullopt;
  return class_histogram(reals, kernel_eye(control, reals, real_rows, {*moved, fake_rows.width}));
}

ClassCoverage coverage_by_class(const DiagnosedSamples& reals,
                                const std::vector<uint8_t>& covered) {
  std::vector<int64_t> found(reals.class_names.size(), 0);
  std::vector<int64_t> total(found.size(), 0);
  for (size_t i = 0; i < covered.size(); ++i) {
    const auto label = static_cast<size_t>(reals.labels[i]);
    found[label] += covered[i];
    ++total[label];
  }
  ClassCoverage made;
  for (size_t i = 0; i < found.size(); ++i) {
    const int64_t of = std::max<int64_t>(1, total[i]);
    made.shares.push_back(static_cast<double>(found[i]) / static_cast<double>(of));
    made.intervals.push_back(diagnostics::interval_of_share(found[i], of));
    // Of a class without a real nothing is known.
    if (total[i] == 0) made.intervals.back() = {0, 1, "Clopper-Pearson"};
  }
  return made;
}

bool take_classes(DiagnosedSamples& fakes, DiagnosedSamples& reals) {
  std::vector<int64_t> number(fakes.class_names.size(), -1);
  for (size_t i = 0; i < number.size(); ++i) {
    const auto found = std::ranges::find(reals.class_names, fakes.class_names[i]);
    if (found != reals.class_names.end()) number[i] = found - reals.class_names.begin();
  }
  const auto known = std::ranges::count_if(
      fakes.labels, [&](int64_t label) { return number[static_cast<size_t>(label)] >= 0; });
  if (reals.labels.empty() || 2 * known <= std::ssize(fakes.labels)) {
    fakes.labels.clear();
    return false;
  }
  for (int64_t& label : fakes.labels) {
    const auto at = static_cast<size_t>(label);
    // A rare class, of which there is no real.
    if (number[at] < 0) {
      number[at] = std::ssize(reals.class_names);
      reals.class_names.push_back(fakes.class_names[at]);
    }
    label = number[at];
  }
  fakes.class_names = reals.class_names;
  return true;
}

diagnostics::LabelFigures asked_classes(const DiagnosedSamples& reals,
                                        const DiagnosedSamples& fakes, const ClassEye& eye) {
  diagnostics::LabelFigures figures{.samples = fakes.count, .accuracy = 0};
  for (const std::string& name : reals.class_names) figures.by_class.push_back({.name = name});
  for (size_t i = 0; i < fakes.labels.size(); ++i) {
    const int64_t label = fakes.labels[i];
    auto& of_class = figures.by_class[static_cast<size_t>(label)];
    const int64_t same = eye.seen.of_samples[i] == label ? 1 : 0;
    ++of_class.asked;
    of_class.right += same;
    figures.right += same;
  }
  std::vector<double> right(figures.by_class.size(), 0);
  std::vector<double> all(right.size(), 0);
  for (size_t i = 0; i < eye.seen.rows.size(); ++i) {
    const size_t label = label_of(reals, eye.seen, i);
    all[label] += 1;
    right[label] += eye.seen.of_reals[i] == static_cast<int64_t>(label) ? 1 : 0;
  }
  // Classes as often as they were asked for, which need not be as often as the data have them.
  for (size_t k = 0; k < right.size(); ++k) {
    auto& of_class = figures.by_class[k];
    of_class.accuracy = right[k] / std::max(1.0, all[k]);
    of_class.chance = static_cast<double>(of_class.asked) / static_cast<double>(fakes.count);
    figures.accuracy += of_class.chance * of_class.accuracy;
    figures.chance += of_class.chance * of_class.chance;
  }
  // Of shares that sum to 1 up to rounding.
  figures.accuracy = std::min(1.0, figures.accuracy);
  figures.chance = std::min(1.0, figures.chance);
  return figures;
}

}  // namespace allmodes::diagnosis
