#include "objectives/density_fit.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>

#include "base/error.h"

namespace allmodes::objectives {
namespace {

constexpr double kReach = 8;        // deviations
constexpr double kMostSteps = 800;  // a side

void check(const PlaneMixture& mixture) {
  const size_t size = mixture.means.size();
  double sum = 0;
  bool fine = size > 0 && mixture.deviations.size() == size && mixture.weights.size() == size;
  for (size_t k = 0; fine && k < size; ++k) {
    sum += mixture.weights[k];
    fine = mixture.weights[k] >= 0 && mixture.deviations[k][0] > 0 && mixture.deviations[k][1] > 0;
  }
  ALLMODES_CHECK(fine && std::abs(sum - 1) < 1e-5, "a mixture of {} components and weight {}", size,
                 sum);
}

double log_add(double a, double b) {
  const double high = std::max(a, b);
  return std::isinf(high) ? high : high + std::log1p(std::exp(std::min(a, b) - high));
}

double log_normal(double x, double mean, double deviation) {
  const double z = (x - mean) / deviation;
  return -0.5 * z * z - std::log(deviation) - 0.5 * std::log(2 * std::numbers::pi);
}

double smallest_deviation(const PlaneMixture& mixture, size_t axis) {
  double least = std::numeric_limits<double>::infinity();
  for (const auto& deviation : mixture.deviations) least = std::min(least, deviation[axis]);
  return least;
}

// The places and weights of the rule for one Gaussian of one axis; the weights sum to 1.
struct Rule {
  std::vector<double> places, weights;
};

Rule rule(double mean, double deviation, double smallest) {
  const double steps = std::min(kMostSteps, std::ceil(2 * kReach * deviation / (smallest / 4)));
  Rule made;
  double sum = 0;
  for (int i = 0; i <= static_cast<int>(steps); ++i) {
    const double z = kReach * (2 * i / steps - 1);
    made.places.push_back(mean + deviation * z);
    made.weights.push_back(std::exp(-0.5 * z * z));
    sum += made.weights.back();
  }
  for (double& weight : made.weights) weight /= sum;
  return made;
}

// ln of a mixture's density on the points of two rules, row by row, from one exponent an axis.
std::vector<double> log_densities(const PlaneMixture& mixture, const Rule& across,
                                  const Rule& upward) {
  const size_t columns = across.places.size(), rows = upward.places.size();
  std::vector<double> total(rows * columns, -std::numeric_limits<double>::infinity());
  for (size_t k = 0; k < mixture.means.size(); ++k) {
    if (mixture.weights[k] == 0) continue;
    std::vector<double> of_column;
    for (const double x : across.places)
      of_column.push_back(log_normal(x, mixture.means[k][0], mixture.deviations[k][0]));
    for (size_t row = 0; row < rows; ++row) {
      const double of_row =
          std::log(mixture.weights[k]) +
          log_normal(upward.places[row], mixture.means[k][1], mixture.deviations[k][1]);
      for (size_t column = 0; column < columns; ++column) {
        double& sum = total[row * columns + column];
        sum = log_add(sum, of_row + of_column[column]);
      }
    }
  }
  return total;
}

struct Expectations {
  double log_ratio = 0;  // E ln own/other
  double to_middle = 0;  // E ln own/((own + other) / 2)
};

// Expectations under `own`.
Expectations expectations(const PlaneMixture& own, const PlaneMixture& other) {
  Expectations sums;
  std::array<double, 2> smallest{};
  for (size_t axis = 0; axis < 2; ++axis)
    smallest[axis] = std::min(smallest_deviation(own, axis), smallest_deviation(other, axis));
  for (size_t k = 0; k < own.means.size(); ++k) {
    if (own.weights[k] == 0) continue;
    const Rule across = rule(own.means[k][0], own.deviations[k][0], smallest[0]);
    const Rule upward = rule(own.means[k][1], own.deviations[k][1], smallest[1]);
    const auto of_own = log_densities(own, across, upward);
    const auto of_other = log_densities(other, across, upward);
    const size_t columns = across.places.size();
    for (size_t i = 0; i < of_own.size(); ++i) {
      const double weight =
          own.weights[k] * upward.weights[i / columns] * across.weights[i % columns];
      sums.log_ratio += weight * (of_own[i] - of_other[i]);
      sums.to_middle += weight * (of_own[i] - log_add(of_own[i], of_other[i]) + std::numbers::ln2);
    }
  }
  return sums;
}

PlaneMixture moments(const PlaneMixture& p) {
  PlaneMixture gaussian{{{0, 0}}, {{0, 0}}, {1}};
  for (size_t axis = 0; axis < 2; ++axis) {
    double mean = 0, square = 0;
    for (size_t k = 0; k < p.means.size(); ++k) {
      mean += p.weights[k] * p.means[k][axis];
      square += p.weights[k] * (std::pow(p.means[k][axis], 2) + std::pow(p.deviations[k][axis], 2));
    }
    gaussian.means[0][axis] = mean;
    gaussian.deviations[0][axis] = std::sqrt(square - mean * mean);
  }
  return gaussian;
}

using Point = std::array<double, 4>;  // means, log deviations

Point along(const Point& from, const Point& to, double share) {
  Point point;
  for (size_t i = 0; i < point.size(); ++i) point[i] = from[i] + share * (to[i] - from[i]);
  return point;
}

// Nelder and Mead, "A simplex method for function minimization", 1965, with its coefficients.
Point minimize(const std::function<double(const Point&)>& f, const Point& start, double reach,
               double tolerance) {
  struct Vertex {
    Point point;
    double value;
  };
  const auto vertex = [&](const Point& point) { return Vertex{point, f(point)}; };
  std::vector<Vertex> simplex{vertex(start)};
  for (size_t i = 0; i < start.size(); ++i) {
    Point point = start;
    point[i] += reach;
    simplex.push_back(vertex(point));
  }
  const auto size = [&] {
    double largest = 0;
    for (const Vertex& v : simplex)
      for (size_t i = 0; i < start.size(); ++i)
        largest = std::max(largest, std::abs(v.point[i] - simplex[0].point[i]));
    return largest;
  };
  for (int turn = 0; turn < 2000; ++turn) {
    std::ranges::sort(simplex, {}, &Vertex::value);
    if (size() < tolerance) break;
    Point centre{};
    for (size_t v = 0; v + 1 < simplex.size(); ++v)
      for (size_t i = 0; i < centre.size(); ++i)
        centre[i] += simplex[v].point[i] / static_cast<double>(simplex.size() - 1);
    Vertex& worst = simplex.back();
    const Vertex reflected = vertex(along(centre, worst.point, -1));
    if (reflected.value < simplex[0].value) {
      const Vertex expanded = vertex(along(centre, worst.point, -2));
      worst = expanded.value < reflected.value ? expanded : reflected;
    } else if (reflected.value < simplex[simplex.size() - 2].value) {
      worst = reflected;
    } else {
      const Vertex inside =
          vertex(along(centre, reflected.value < worst.value ? reflected.point : worst.point, 0.5));
      if (inside.value < std::min(worst.value, reflected.value)) {
        worst = inside;
      } else {
        for (size_t v = 1; v < simplex.size(); ++v)
          simplex[v] = vertex(along(simplex[0].point, simplex[v].point, 0.5));
      }
    }
  }
  return simplex[0].point;
}

PlaneMixture gaussian_at(const Point& point) {
  return {{{point[0], point[1]}}, {{std::exp(point[2]), std::exp(point[3])}}, {1}};
}

}  // namespace

double log_density(const PlaneMixture& mixture, double x, double y) {
  check(mixture);
  return log_densities(mixture, {{x}, {1}}, {{y}, {1}})[0];
}

Divergences divergences(const PlaneMixture& p, const PlaneMixture& q) {
  check(p);
  check(q);
  const Expectations under_p = expectations(p, q), under_q = expectations(q, p);
  return {under_p.log_ratio, under_q.log_ratio, 0.5 * (under_p.to_middle + under_q.to_middle)};
}

double divergence(const std::string& name, const PlaneMixture& p, const PlaneMixture& q) {
  check(p);
  check(q);
  if (name == "forward_kl") return expectations(p, q).log_ratio;
  if (name == "reverse_kl") return expectations(q, p).log_ratio;
  ALLMODES_CHECK(name == "jensen_shannon", "unknown divergence '{}'", name);
  return divergences(p, q).jensen_shannon;
}

PlaneMixture best_gaussian(const std::string& name, const PlaneMixture& p,
                           const PlaneMixture& start) {
  check(p);
  ALLMODES_CHECK(start.means.size() == 1, "a Gaussian has one component, not {}",
                 start.means.size());
  if (name == "forward_kl") return moments(p);
  const auto& mean = start.means[0];
  const auto& deviation = start.deviations[0];
  const Point first{mean[0], mean[1], std::log(deviation[0]), std::log(deviation[1])};
  const auto value = [&](const Point& point) { return divergence(name, p, gaussian_at(point)); };
  const double reach = 0.1 * std::min(deviation[0], deviation[1]);
  return gaussian_at(minimize(value, first, reach, 1e-5 * std::min(1.0, reach)));
}

double largest_difference(const PlaneMixture& a, const PlaneMixture& b) {
  ALLMODES_CHECK(a.means.size() == b.means.size(), "{} and {} components", a.means.size(),
                 b.means.size());
  double largest = 0;
  for (size_t k = 0; k < a.means.size(); ++k)
    for (size_t axis = 0; axis < 2; ++axis)
      largest = std::max({largest, std::abs(a.means[k][axis] - b.means[k][axis]),
                          std::abs(a.deviations[k][axis] - b.deviations[k][axis])});
  return largest;
}

}  // namespace allmodes::objectives
