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

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kFolds = 5;
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

// The rows that a fold is asked about, and those that it is fitted on.
std::vector<int64_t> rows_of_fold(int64_t rows, int64_t fold) {
  std::vector<int64_t> chosen;
  for (int64_t row = fold; row < rows; row += kFolds) chosen.push_back(row);
  return chosen;
}

std::vector<int64_t> rows_but_fold(int64_t rows, int64_t fold) {
  std::vector<int64_t> chosen;
  for (int64_t row = 0; row < rows && std::ssize(chosen) < kMostCentres; ++row)
    if (row % kFolds != fold) chosen.push_back(row);
  return chosen;
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

class Folds {
 public:
  Folds(const Features& reals, std::span<const int64_t> labels, int64_t classes)
      : reals_(reals), labels_(labels), classes_(classes) {
    std::vector<int64_t> some(static_cast<size_t>(std::min<int64_t>(reals.rows(), 1000)));
    for (size_t i = 0; i < some.size(); ++i) some[i] = static_cast<int64_t>(i);
    scale_ = median_distance_of(gathered(reals, some));
    if (!(scale_ > 0)) scale_ = 1;
    width_ = best_width();
  }

  Machine machine(int64_t fold) const { return machine(fold, width_); }

 private:
  Machine machine(int64_t fold, double width) const {
    const auto rows = rows_but_fold(reals_.rows(), fold);
    at::Tensor targets = at::zeros({std::ssize(rows), classes_}, at::kDouble);
    double* out = targets.data_ptr<double>();
    for (const int64_t row : rows) {
      out[labels_[static_cast<size_t>(row)]] = 1;
      out += classes_;
    }
    return {gathered(reals_, rows), targets, width * scale_};
  }

  double best_width() const {
    const auto held_out = rows_of_fold(reals_.rows(), 0);
    int64_t most = -1;
    double best = kWidths[0];
    for (const double width : kWidths) {
      const auto found = machine(0, width).classes_of(reals_, held_out);
      int64_t right = 0;
      for (size_t i = 0; i < found.size(); ++i)
        right += found[i] == labels_[static_cast<size_t>(held_out[i])] ? 1 : 0;
      if (right <= most) continue;
      most = right;
      best = width;
    }
    return best;
  }

  const Features& reals_;
  std::span<const int64_t> labels_;
  int64_t classes_;
  double scale_ = 1;
  double width_ = 1;
};

}  // namespace

SeenClasses classify_by_kernel(world::Communicator& control, const Features& reals,
                               std::span<const int64_t> labels, int64_t classes,
                               const Features& samples) {
  ALLMODES_CHECK(std::ssize(labels) == reals.rows() && reals.rows() >= 2 * kFolds && classes >= 1,
                 "{} labels of {} reals, {} classes", labels.size(), reals.rows(), classes);
  const at::NoGradGuard no_grad;
  SeenClasses seen{.of_reals = std::vector<int64_t>(static_cast<size_t>(reals.rows())),
                   .of_samples = std::vector<int64_t>(static_cast<size_t>(samples.rows()))};
  if (control.rank() == 0) {
    const Folds folds(reals, labels, classes);
    for (int64_t fold = 0; fold < kFolds; ++fold) {
      const Machine machine = folds.machine(fold);
      const auto place = [&](const Features& features, std::vector<int64_t>& into) {
        const auto rows = rows_of_fold(features.rows(), fold);
        const auto found = machine.classes_of(features, rows);
        for (size_t i = 0; i < rows.size(); ++i) into[static_cast<size_t>(rows[i])] = found[i];
      };
      place(reals, seen.of_reals);
      place(samples, seen.of_samples);
    }
  }
  world::broadcast_host(control, std::span<int64_t>(seen.of_reals), 0);
  world::broadcast_host(control, std::span<int64_t>(seen.of_samples), 0);
  return seen;
}

}  // namespace allmodes::diagnostics
