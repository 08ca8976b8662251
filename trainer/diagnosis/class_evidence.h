#pragma once

// What the reals' classes say of samples: which class a sample is taken for, by the better of two
// eyes. Neither has seen what it is asked about.

#include <cstdint>
#include <string>
#include <vector>

#include "diagnosis/inputs.h"
#include "diagnostics/metrics/kernel_classifier.h"
#include "diagnostics/metrics/sample_metrics.h"
#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnosis {

struct ClassEye {
  std::string name;  // "a kernel classifier", "the nearest real"
  diagnostics::SeenClasses seen;
  int64_t right = 0;  // of the reals that were asked about
};

// Collective. A classifier (kernel_classifier.h), or the nearest (other) real where that is right
// more often and classes are not sparse (are_sparse(); `metrics` is not asked then). `reals` have
// labels, here and below.
ClassEye class_eye(world::Communicator& control, const DiagnosedSamples& reals,
                   const diagnostics::Features& real_rows, const diagnostics::Features& fake_rows,
                   const diagnostics::SampleMetrics& metrics);

// What the eye says of the reals is the expectation, so that mistakes are on both sides; where
// they are few enough, the shares are corrected by them.
diagnostics::ModeHistogram class_histogram(const DiagnosedSamples& reals, const ClassEye& eye);

// Collective. class_histogram() of the fakes as moved_onto_reals() has them, by the classifier,
// where a class has less than `dropped_share` of its samples (significantly, at `significance`) or
// their proportions are wrong; nothing where none seems to be lost, or where that is no move.
std::optional<diagnostics::ModeHistogram> histogram_when_moved(
    world::Communicator& control, const DiagnosedSamples& reals,
    const diagnostics::Features& real_rows, const diagnostics::Features& fake_rows,
    const diagnostics::ModeHistogram& histogram, const config::Verdict& levels);

// Share of each class's reals in whose ball a fake lies, [classes].
struct ClassCoverage {
  std::vector<double> shares;
  std::vector<diagnostics::Interval> intervals;
};
ClassCoverage coverage_by_class(const DiagnosedSamples& reals, const std::vector<uint8_t>& covered);

// The fakes' labels in the numbers of the reals' classes of the same names; classes that no real
// has, as rare ones may, are added to the reals'. False, and no labels, where half of the fakes or
// more are of such (a folder's subfolders may have any names), or there are none.
bool take_classes(DiagnosedSamples& fakes, DiagnosedSamples& reals);

// Whether the fakes have the classes of their own labels, which were asked for. Labels as
// take_classes() makes them.
diagnostics::LabelFigures asked_classes(const DiagnosedSamples& reals,
                                        const DiagnosedSamples& fakes, const ClassEye& eye);

}  // namespace allmodes::diagnosis
