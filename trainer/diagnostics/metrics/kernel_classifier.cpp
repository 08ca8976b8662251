#include "diagnostics/metrics/kernel_classifier.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cdist.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kFolds = 5;
constexpr size_t kFewClasses = 10;  // whose counts hardly vary by more than chance
constexpr size_t kWellKnown = 20;   // reals of a class
constexpr int64_t kMostCentres = 2000;
constexpr int64_t kClassified = 1024;           // rows at once
constexpr double kWidths[] = {0.15, 0.3, 0.6};  // of the median distance of two reals
constexpr double kRidge = 0.03;

at::Tensor gathered(const Features& features, const std::vector<int64_t>& rows) {
  at::Tensor made = at::zeros({std::ssize(rows), features.width}, at::kFloat);
  float* out = made.data_ptr<float>();
  for (const int64_t row : rows) out = std::ranges::copy(features.row(row), out).out;
  return made;
}

std::vector<int64_t> first_rows(int64_t count) {
  std::vector<int64_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

// Rows that a machine is fitted on, and those that it is asked about.
struct Cut {
  std::vector<int64_t> fitted;
  std::vector<int64_t> asked;
};

// Every fifth row from `fold` on is asked about; of the others as many as a machine can hold are
// fitted on.
Cut fold_of(int64_t rows, int64_t fold) {
  Cut cut;
  for (int64_t row = 0; row < rows; ++row) {
    if (row % kFolds == fold)
      cut.asked.push_back(row);
    else if (std::ssize(cut.fitted) < kMostCentres)
      cut.fitted.push_back(row);
  }
  return cut;
}

// Half of the rows, or as many as a machine can hold, are fitted on, and it is asked about the
// rest.
Cut half_of(int64_t rows) {
  Cut cut;
  for (int64_t row = 0; row < rows; ++row)
    (row % 2 == 0 && std::ssize(cut.fitted) < kMostCentres ? cut.fitted : cut.asked).push_back(row);
  return cut;
}

double median_distance_of(const at::Tensor& rows) {
  const int64_t half = rows.size(0) / 2;
  const at::Tensor between = at::cdist(rows.narrow(0, 0, half), rows.narrow(0, half, half));
  return between.median().item<double>();
}

class Machine {
 public:
  Machine(at::Tensor centres, const at::Tensor& targets, double width)
      : centres_(std::move(centres)), width_(width) {
    const int64_t count = centres_.size(0);
    const at::Tensor kernel =
        similarity(centres_).to(at::kDouble) + kRidge * at::eye(count, at::kDouble);
    weights_ = at::linalg_solve(kernel, targets).to(at::kFloat);
  }

  std::vector<int64_t> classes_of(const Features& features,
                                  const std::vector<int64_t>& rows) const {
    std::vector<int64_t> found;
    for (size_t first = 0; first < rows.size(); first += kClassified) {
      const auto from = rows.begin() + static_cast<std::ptrdiff_t>(first);
      const std::vector<int64_t> part(
          from, from + std::min<std::ptrdiff_t>(kClassified, rows.end() - from));
      const at::Tensor best = at::mm(similarity(gathered(features, part)), weights_).argmax(1);
      const auto* values = best.const_data_ptr<int64_t>();
      found.insert(found.end(), values, values + best.numel());
    }
    return found;
  }

 private:
  at::Tensor similarity(const at::Tensor& rows) const {
    const at::Tensor distance = at::cdist(rows, centres_);
    return at::exp(distance * distance * (-0.5 / (width_ * width_)));
  }

  at::Tensor centres_;
  double width_;
  at::Tensor weights_;
};

class Machines {
 public:
  Machines(const Features& reals, std::span<const int64_t> labels, int64_t classes)
      : reals_(reals), labels_(labels), classes_(classes) {
    scale_ = median_distance_of(gathered(reals, first_rows(std::min<int64_t>(reals.rows(), 1000))));
    if (!(scale_ > 0)) scale_ = 1;
  }

  Machine machine(const std::vector<int64_t>& rows, double width) const {
    at::Tensor targets = at::zeros({std::ssize(rows), classes_}, at::kDouble);
    double* out = targets.data_ptr<double>();
    for (const int64_t row : rows) {
      out[labels_[static_cast<size_t>(row)]] = 1;
      out += classes_;
    }
    return {gathered(reals_, rows), targets, width * scale_};
  }

  double best_width(const Cut& cut) const {
    int64_t most = -1;
    double best = kWidths[0];
    for (const double width : kWidths) {
      const auto found = machine(cut.fitted, width).classes_of(reals_, cut.asked);
      int64_t right = 0;
      for (size_t i = 0; i < found.size(); ++i)
        right += found[i] == labels_[static_cast<size_t>(cut.asked[i])] ? 1 : 0;
      if (right <= most) continue;
      most = right;
      best = width;
    }
    return best;
  }

 private:
  const Features& reals_;
  std::span<const int64_t> labels_;
  int64_t classes_;
  double scale_ = 1;
};

SeenClasses seen_by_five(const Machines& machines, const Features& reals, const Features& samples) {
  SeenClasses seen{.rows = first_rows(reals.rows()),
                   .of_reals = std::vector<int64_t>(static_cast<size_t>(reals.rows())),
                   .of_samples = std::vector<int64_t>(static_cast<size_t>(samples.rows()))};
  const double width = machines.best_width(fold_of(reals.rows(), 0));
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    const Machine machine = machines.machine(fold_of(reals.rows(), fold).fitted, width);
    const auto place = [&](const Features& features, std::vector<int64_t>& into) {
      const auto rows = fold_of(features.rows(), fold).asked;
      const auto found = machine.classes_of(features, rows);
      for (size_t i = 0; i < rows.size(); ++i) into[static_cast<size_t>(rows[i])] = found[i];
    };
    place(reals, seen.of_reals);
    place(samples, seen.of_samples);
  }
  return seen;
}

SeenClasses seen_by_one(const Machines& machines, const Features& reals, const Features& samples) {
  Cut cut = half_of(reals.rows());
  // The width is chosen without the rows that are asked about.
  Cut of_fitted = fold_of(std::ssize(cut.fitted), 0);
  for (auto* rows : {&of_fitted.fitted, &of_fitted.asked})
    for (int64_t& row : *rows) row = cut.fitted[static_cast<size_t>(row)];
  const Machine machine = machines.machine(cut.fitted, machines.best_width(of_fitted));
  SeenClasses seen{.rows = std::move(cut.asked), .of_reals = {}, .of_samples = {}};
  seen.of_reals = machine.classes_of(reals, seen.rows);
  seen.of_samples = machine.classes_of(samples, first_rows(samples.rows()));
  return seen;
}

// Rank 0's on every rank.
void share(world::Communicator& control, std::vector<int64_t>& values) {
  auto count = std::ssize(values);
  world::broadcast_host(control, std::span(&count, 1), 0);
  values.resize(static_cast<size_t>(count));
  world::broadcast_host(control, std::span(values), 0);
}

}  // namespace

bool are_sparse(std::span<const int64_t> labels) {
  const std::set<int64_t> classes(labels.begin(), labels.end());
  return classes.size() > kFewClasses && labels.size() < kWellKnown * classes.size();
}

SeenClasses classify_by_kernel(world::Communicator& control, const Features& reals,
                               std::span<const int64_t> labels, int64_t classes,
                               const Features& samples) {
  ALLMODES_CHECK(std::ssize(labels) == reals.rows() && reals.rows() >= 2 * kFolds && classes >= 1,
                 "{} labels of {} reals, {} classes", labels.size(), reals.rows(), classes);
  const at::NoGradGuard no_grad;
  SeenClasses seen;
  if (control.rank() == 0) {
    const Machines machines(reals, labels, classes);
    seen = are_sparse(labels) ? seen_by_one(machines, reals, samples)
                              : seen_by_five(machines, reals, samples);
  }
  for (auto* values : {&seen.rows, &seen.of_reals, &seen.of_samples}) share(control, *values);
  return seen;
}

}  // namespace allmodes::diagnostics
