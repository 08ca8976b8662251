#include "diagnostics/metrics/flat_directions.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_solve.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "diagnostics/modes/part_width.h"
#include "diagnostics/statistics/moments.h"
#include "diagnostics/statistics/rank_sum.h"

namespace allmodes::diagnostics {
namespace {

// Of the variance in the direction that has most; the same in the half that did not choose.
constexpr double kHardlyVaries = 0.2;
constexpr double kHardlyVariesWhenSeen = 0.25;
constexpr double kNotable = 0.1;  // of the reals' largest variance
// Share of the reals in cells that samples are in, too. A cell of a coarse tree may hold several
// groups: samples that are in few of those have lost groups rather than a direction.
constexpr double kSharedCells = 0.1;
constexpr double kSharedCoarseCells = 0.5;
constexpr int64_t kFewLeaves = 20;
constexpr int64_t kRowsPerDirection = 4;
constexpr int64_t kFewestSeen = 30;
constexpr int64_t kFewestInSeenCell = 4;

at::Tensor as_rows(const Features& rows) {
  return at::from_blob(const_cast<float*>(rows.values.data()), {rows.rows(), rows.width},
                       at::kFloat)
      .to(at::kDouble);
}

// Some rows of a set, and the leaf of each.
struct PlacedRows {
  at::Tensor rows;  // [n][width]
  std::vector<int64_t> leaf;
};

// Of the rows of each leaf, less their mean: how they vary together.
class LeafResiduals {
 public:
  LeafResiduals(const PlacedRows& placed, int64_t leaves)
      : leaf_(at::from_blob(const_cast<int64_t*>(placed.leaf.data()), {std::ssize(placed.leaf)},
                            at::kLong)
                  .clone()),
        counts_(at::bincount(leaf_, {}, leaves).to(at::kDouble)) {
    const at::Tensor sums =
        at::zeros({leaves, placed.rows.size(1)}, at::kDouble).index_add(0, leaf_, placed.rows);
    const at::Tensor means = sums / counts_.clamp_min(1).unsqueeze(1);
    // So that the mean square of a leaf's rows is the variance.
    const at::Tensor stretch = (counts_ / (counts_ - 1).clamp_min(1)).sqrt();
    rows_ = (placed.rows - means.index({leaf_})) * stretch.index({leaf_}).unsqueeze(1);
  }

  // [leaves], 1: with two rows or more, so that they have a variance.
  at::Tensor used() const { return (counts_ >= 2).to(at::kDouble); }
  // [leaves], rows
  const at::Tensor& counts() const { return counts_; }

  // Mean over leaves, with these weights [leaves], of the rows' second moments, [width][width]. Not
  // all weights are 0; those of leaves that are not used are.
  at::Tensor second_moment(const at::Tensor& weights) const {
    const at::Tensor each = (weights / counts_.clamp_min(1)).index({leaf_}).sqrt();
    const at::Tensor weighted = rows_ * each.unsqueeze(1);
    return weighted.t().mm(weighted) / weights.sum();
  }

 private:
  at::Tensor leaf_;  // [n]
  at::Tensor counts_;
  at::Tensor rows_;  // [n][width]
};

// [directions][width]: numbers of a row of which each has the variance 1 within the reals' cells
// and that are uncorrelated there, and in which samples are flat.
struct Chosen {
  at::Tensor numbers;
  int64_t looked_at = 0;
  double share = 0;
  double scale = 1;  // variance of the samples in the direction in which they have most
};

// Directions of most variance, at most so many, among those above a share of the largest,
// [directions][width] and their variances; none where there is no variance.
std::pair<at::Tensor, at::Tensor> leading(const at::Tensor& covariance, double share,
                                          int64_t most) {
  const auto [variances, directions] = at::linalg_eigh(covariance);  // rising
  const double largest = variances[-1].item<double>();
  const int64_t above =
      largest > 0 ? (variances >= share * largest).sum().item<int64_t>() : int64_t{0};
  const int64_t count = std::min(above, most), from = variances.size(0) - count;
  return {directions.narrow(1, from, count).t(), variances.narrow(0, from, count)};
}

// `all`: the reals' rows, whatever their leaf. Of either set a leaf counts as the samples' rows in
// it say: groups that samples make too often are no direction.
std::optional<Chosen> choose(const at::Tensor& all, const LeafResiduals& reals,
                             const LeafResiduals& samples) {
  constexpr double kHardlyAny = 1e-6;
  const at::Tensor shared = reals.used() * samples.used();
  const auto freedom = [&](const LeafResiduals& of) {
    return static_cast<int64_t>(((of.counts() - 1) * shared).sum().item<double>());
  };
  const int64_t most = std::min(freedom(reals), freedom(samples)) / kRowsPerDirection;
  if (most < 1) return std::nullopt;
  const at::Tensor centred = all - all.mean(0);
  const at::Tensor basis =
      leading(centred.t().mm(centred) / static_cast<double>(all.size(0)), kNotable, most).first;
  if (basis.size(0) == 0) return std::nullopt;
  const at::Tensor weights = shared * samples.counts();
  const at::Tensor covariance = reals.second_moment(weights);
  const auto [axes, variances] =
      leading(basis.mm(covariance).mm(basis.t()), kHardlyAny, basis.size(0));
  const int64_t looked_at = axes.size(0);
  if (looked_at == 0) return std::nullopt;
  const at::Tensor whitening = axes.mm(basis) / variances.sqrt().unsqueeze(1);
  const at::Tensor of_samples = whitening.mm(samples.second_moment(weights)).mm(whitening.t());
  const auto [ratios, mixtures] = at::linalg_eigh(of_samples);
  const double scale = std::min(1.0, ratios[-1].item<double>());
  const int64_t flat = (ratios < kHardlyVaries * scale).sum().item<int64_t>();
  if (flat == 0 || !(scale > 0)) return std::nullopt;
  Chosen chosen{.numbers = mixtures.narrow(1, 0, flat).t().mm(whitening),
                .looked_at = looked_at,
                .scale = scale};
  // What the numbers, of variance 1 and uncorrelated, explain of the rows.
  chosen.share = chosen.numbers.mm(covariance).square().sum().item<double>() /
                 covariance.diagonal().sum().item<double>();
  return chosen;
}

// Squared distances of a leaf's rows from their middle, along the numbers, [leaves][rows there];
// none of leaves with fewer than kFewestInSeenCell rows. Medians: a mean that one far row moves
// would set all of them.
std::vector<std::vector<double>> squares_along(const at::Tensor& numbers, const PlacedRows& placed,
                                               int64_t leaves) {
  const at::Tensor along = placed.rows.mm(numbers.t()).contiguous();
  const auto* place = along.const_data_ptr<double>();
  const auto count = static_cast<size_t>(numbers.size(0));
  std::vector<std::vector<size_t>> of_leaf(static_cast<size_t>(leaves));
  for (size_t i = 0; i < placed.leaf.size(); ++i)
    of_leaf[static_cast<size_t>(placed.leaf[i])].push_back(i);
  std::vector<std::vector<double>> squares(of_leaf.size());
  for (size_t leaf = 0; leaf < of_leaf.size(); ++leaf) {
    const auto& members = of_leaf[leaf];
    if (std::ssize(members) < kFewestInSeenCell) continue;
    squares[leaf].resize(members.size(), 0.0);
    for (size_t d = 0; d < count; ++d) {
      std::vector<double> values;
      for (const size_t i : members) values.push_back(place[i * count + d]);
      const double middle = median(values);
      for (size_t i = 0; i < values.size(); ++i)
        squares[leaf][i] += (values[i] - middle) * (values[i] - middle);
    }
  }
  return squares;
}

// The squares of all leaves that both sets have rows in, in units of the median of the leaf's
// reals.
struct SeenSquares {
  std::vector<double> of_reals, of_samples;
};

SeenSquares in_shared_leaves(const std::vector<std::vector<double>>& reals,
                             const std::vector<std::vector<double>>& samples) {
  SeenSquares seen;
  for (size_t leaf = 0; leaf < reals.size(); ++leaf) {
    if (reals[leaf].empty() || samples[leaf].empty()) continue;
    const double unit = median(reals[leaf]);
    if (!(unit > 0)) continue;
    for (const double square : reals[leaf]) seen.of_reals.push_back(square / unit);
    for (const double square : samples[leaf]) seen.of_samples.push_back(square / unit);
  }
  return seen;
}

std::optional<FlatDirections> flat_of_half(const PartReference& reference, size_t half,
                                           const Features& samples) {
  const PartTree& tree = reference.halves[half].tree;
  const auto placed = [&](const Features& rows, const std::vector<int64_t>& chosen) {
    const auto gathered = gathered_rows(rows, chosen);
    return PlacedRows{as_rows({gathered, rows.width}), leaves_of(tree, {gathered, rows.width})};
  };
  std::vector<int64_t> fitted, seen;
  for (int64_t i = 0; i < samples.rows(); ++i)
    (i % 2 == static_cast<int64_t>(half) ? fitted : seen).push_back(i);
  if (fitted.empty() || seen.empty()) return std::nullopt;
  const Features reals{reference.reals, reference.width};

  const PlacedRows fitted_reals = placed(reals, reference.halves[1 - half].counted);
  const LeafResiduals of_samples(placed(samples, fitted), tree.leaves());
  const LeafResiduals of_reals(fitted_reals, tree.leaves());
  const double shared = (of_reals.counts() * of_samples.used()).sum().item<double>();
  const double needed = tree.leaves() < kFewLeaves ? kSharedCoarseCells : kSharedCells;
  if (shared < needed * static_cast<double>(fitted_reals.leaf.size())) return std::nullopt;
  const auto chosen = choose(fitted_reals.rows, of_reals, of_samples);
  if (!chosen) return std::nullopt;

  const auto squares = [&](const PlacedRows& of) {
    return squares_along(chosen->numbers, of, tree.leaves());
  };
  const auto [real_squares, sample_squares] = in_shared_leaves(
      squares(placed(reals, reference.halves[half].counted)), squares(placed(samples, seen)));
  if (std::ssize(real_squares) < kFewestSeen || std::ssize(sample_squares) < kFewestSeen)
    return std::nullopt;
  FlatDirections found{.directions = chosen->numbers.size(0),
                       .looked_at = chosen->looked_at,
                       .width = median(sample_squares) / median(real_squares),
                       .share = chosen->share};
  if (found.width >= kHardlyVariesWhenSeen * chosen->scale) return std::nullopt;
  found.log10_tail = std::min(0.0, rank_sum_log10(sample_squares, real_squares) + std::log10(2.0));
  const at::Tensor span = std::get<0>(at::linalg_qr(chosen->numbers.t())).t().contiguous();
  const auto* first = span.const_data_ptr<double>();
  found.span.assign(first, first + span.numel());
  return found;
}

at::Tensor as_span(std::span<const double> span, int64_t width) {
  return at::from_blob(const_cast<double*>(span.data()), {std::ssize(span) / width, width},
                       at::kDouble);
}

}  // namespace

std::optional<FlatDirections> flat_directions(const PartReference& reference,
                                              const Features& samples) {
  const at::NoGradGuard no_grad;
  if (reference.width > kWidestFlat) return std::nullopt;
  auto first = flat_of_half(reference, 0, samples);
  auto second = flat_of_half(reference, 1, samples);
  if (!first || (second && second->log10_tail < first->log10_tail)) return second;
  return first;
}

std::vector<float> rows_without(const Features& rows, std::span<const double> span) {
  const at::NoGradGuard no_grad;
  const at::Tensor all = as_rows(rows), along = as_span(span, rows.width);
  const at::Tensor left = (all - all.mm(along.t()).mm(along)).to(at::kFloat).contiguous();
  const auto* first = left.const_data_ptr<float>();
  return {first, first + left.numel()};
}

std::vector<double> explained_columns(const Features& rows, std::span<const double> span,
                                      const Features& columns) {
  const at::NoGradGuard no_grad;
  const auto centred = [](const at::Tensor& x) { return x - x.mean(0); };
  const at::Tensor along = centred(as_rows(rows).mm(as_span(span, rows.width).t()));
  const at::Tensor others = centred(as_rows(columns));
  const at::Tensor squares = along.t().mm(along);
  const at::Tensor ridge =
      1e-12 * squares.diagonal().mean() * at::eye(squares.size(0), at::kDouble) +
      1e-300 * at::eye(squares.size(0), at::kDouble);
  const at::Tensor crossed = along.t().mm(others);
  const at::Tensor explained = (crossed * at::linalg_solve(squares + ridge, crossed)).sum(0);
  const at::Tensor all = others.square().sum(0);
  std::vector<double> shares;
  for (int64_t j = 0; j < columns.width; ++j) {
    const double of = all[j].item<double>();
    shares.push_back(of > 0 ? std::clamp(explained[j].item<double>() / of, 0.0, 1.0) : 0);
  }
  return shares;
}

}  // namespace allmodes::diagnostics
