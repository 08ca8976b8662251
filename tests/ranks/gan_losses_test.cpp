// Losses and penalties of the discriminator, in double precision, against their formulas by plain
// loops; the f-divergences against their closed forms.

#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "objectives/registry.h"
#include "ranks/objective_fixture.h"

namespace allmodes::objectives {
namespace {

using testing::draw;
using testing::list;
using Doubles = std::vector<double>;

double value(const at::Tensor& scalar) {
  return scalar.item<double>();
}

double softplus(double x) {
  return std::log1p(std::exp(-std::abs(x))) + std::max(x, 0.0);
}

double log_sigmoid(double x) {
  return -softplus(-x);
}

double mean(const Doubles& x, const std::function<double(double)>& f) {
  double sum = 0;
  for (const double v : x) sum += f(v) / static_cast<double>(x.size());
  return sum;
}

class GanLosses : public ::testing::Test {
 protected:
  void expect(const char* name, double discriminator, double generator, double real_label = 1) {
    const GanLoss& loss = gan_losses().at(name);
    EXPECT_NEAR(value(loss.discriminator({real_, fake_}, real_label)), discriminator, 1e-12)
        << name;
    EXPECT_NEAR(value(loss.generator({loss.compares ? real_ : at::Tensor(), fake_})), generator,
                1e-12)
        << name;
  }

  at::Tensor real_ = draw({7, 1}, "real") * 3, fake_ = draw({7, 1}, "fake") * 3;
  Doubles r_ = list(real_), f_ = list(fake_);
};

TEST_F(GanLosses, OfCrossEntropyAreTheirFormulas) {
  const double of_fakes = -mean(f_, [](double x) { return log_sigmoid(-x); });
  const double cross_entropy = -mean(r_, log_sigmoid) + of_fakes;
  expect("non_saturating", cross_entropy, -mean(f_, log_sigmoid));
  expect("saturating", cross_entropy, -of_fakes);
  // A smoothed label is the expectation of the cross entropy under it.
  const double smoothed =
      -mean(r_, [](double x) { return 0.9 * log_sigmoid(x) + 0.1 * log_sigmoid(-x); }) + of_fakes;
  expect("non_saturating", smoothed, -mean(f_, log_sigmoid), 0.9);
}

TEST_F(GanLosses, OfRelativisticPairingComparePairs) {
  double discriminator = 0, generator = 0;
  for (size_t i = 0; i < r_.size(); ++i) {
    discriminator -= log_sigmoid(r_[i] - f_[i]) / static_cast<double>(r_.size());
    generator -= log_sigmoid(f_[i] - r_[i]) / static_cast<double>(r_.size());
  }
  expect("relativistic", discriminator, generator);
}

TEST_F(GanLosses, OfMarginsSquaresAndMeansAreTheirFormulas) {
  const auto itself = [](double x) { return x; };
  const double fake_mean = mean(f_, itself);
  expect("hinge",
         mean(r_, [](double x) { return std::max(0.0, 1 - x); }) +
             mean(f_, [](double x) { return std::max(0.0, 1 + x); }),
         -fake_mean);
  for (const double label : {1.0, 0.8})
    expect("least_squares",
           0.5 * mean(r_, [&](double x) { return (x - label) * (x - label); }) +
               0.5 * mean(f_, [](double x) { return x * x; }),
           0.5 * mean(f_, [](double x) { return (x - 1) * (x - 1); }), label);
  expect("wasserstein", fake_mean - mean(r_, itself), -fake_mean);
}

TEST_F(GanLosses, SayWhichHaveLabelsAndWhichCompare) {
  std::vector<std::string> labelled, comparing;
  for (const auto& [name, loss] : gan_losses()) {
    if (loss.labels) labelled.push_back(name);
    if (loss.compares) comparing.push_back(name);
    const double plain = value(loss.discriminator({real_, fake_}, 1));
    const double smoothed = value(loss.discriminator({real_, fake_}, 0.9));
    EXPECT_EQ(plain != smoothed, loss.labels) << name;
  }
  EXPECT_EQ(labelled, (std::vector<std::string>{"least_squares", "non_saturating", "saturating"}));
  EXPECT_EQ(comparing, std::vector<std::string>{"relativistic"});
}

// Where reals have the density p and fakes q, the best score v minimizes p L(v, .) + q L(., v).
TEST_F(GanLosses, AreOfLogitsWhereTheBestScoreIsTheLogarithmOfTheRatio) {
  const auto at = [](double x) { return at::tensor({x}, at::kDouble).view({1, 1}); };
  for (const auto& [name, loss] : gan_losses()) {
    if (loss.compares) continue;
    bool best = true;
    for (const double p : {0.8, 0.55, 0.2}) {
      const double q = 1 - p, ratio = std::log(p / q), h = 1e-5;
      const auto weighted = [&](double v) {
        return p * value(loss.discriminator({at(v), at(0)}, 1)) +
               q * value(loss.discriminator({at(0), at(v)}, 1));
      };
      best &= std::abs(weighted(ratio + h) - weighted(ratio - h)) / (2 * h) < 1e-6;
    }
    EXPECT_EQ(loss.logits, best) << name;
  }
}

TEST_F(GanLosses, WithoutExponentialsStayFiniteAtLargeScores) {
  const at::Tensor high = draw({5, 1}, "high").abs() * 1000 + 1000;
  for (const auto& [name, loss] : gan_losses()) {
    if (name == "f_kl" || name == "f_reverse_kl" || name == "f_squared_hellinger") continue;
    for (const auto& scores : {Scores{high, -high}, Scores{-high, high}}) {
      EXPECT_TRUE(std::isfinite(value(loss.discriminator(scores, 1)))) << name;
      EXPECT_TRUE(std::isfinite(value(loss.generator(scores)))) << name;
    }
  }
}

// Two distributions on four atoms; samples of them are the atoms in these numbers, of 20.
constexpr std::array<int, 4> kP = {8, 6, 4, 2}, kQ = {2, 5, 5, 8};

double over_atoms(const std::function<double(double p, double q)>& f) {
  double sum = 0;
  for (size_t i = 0; i < kP.size(); ++i) sum += f(kP[i] / 20.0, kQ[i] / 20.0);
  return sum;
}

// The score of each sample of a distribution, where an atom's is a function of p / q there.
at::Tensor scores_of(const std::array<int, 4>& counts, const std::function<double(double)>& score) {
  Doubles scores;
  for (size_t i = 0; i < counts.size(); ++i)
    scores.insert(scores.end(), static_cast<size_t>(counts[i]),
                  score(static_cast<double>(kP[i]) / kQ[i]));
  return at::tensor(scores, at::kDouble).view({-1, 1});
}

struct Divergence {
  const char* name;
  std::function<double(double u)> optimal_score;  // where T = g_f(score) = f'(u), u = p / q
  std::function<double(double u)> optimal_t;      // f'(u)
  double closed_form;
};

std::vector<Divergence> divergences() {
  const auto half = [](double p, double q) { return p * std::log(2 * p / (p + q)); };
  return {
      {"f_kl", [](double u) { return 1 + std::log(u); }, [](double u) { return 1 + std::log(u); },
       over_atoms([](double p, double q) { return p * std::log(p / q); })},
      {"f_reverse_kl", [](double u) { return std::log(u); }, [](double u) { return -1 / u; },
       over_atoms([](double p, double q) { return q * std::log(q / p); })},
      {"f_jensen_shannon", [](double u) { return std::log(u); },
       [](double u) { return std::log(2 * u / (1 + u)); },
       over_atoms([&](double p, double q) { return half(p, q) + half(q, p); })},
      {"f_pearson", [](double u) { return 2 * (u - 1); }, [](double u) { return 2 * (u - 1); },
       over_atoms([](double p, double q) { return (p - q) * (p - q) / q; })},
      {"f_squared_hellinger", [](double u) { return 0.5 * std::log(u); },
       [](double u) { return 1 - 1 / std::sqrt(u); },
       over_atoms([](double p, double q) { return std::pow(std::sqrt(p) - std::sqrt(q), 2); })},
  };
}

TEST(FDivergences, AreReachedByTheOptimalDiscriminator) {
  for (const auto& divergence : divergences()) {
    SCOPED_TRACE(divergence.name);
    const GanLoss& loss = gan_losses().at(divergence.name);
    const Scores scores{scores_of(kP, divergence.optimal_score),
                        scores_of(kQ, divergence.optimal_score)};
    EXPECT_NEAR(value(loss.discriminator(scores, 1)), -divergence.closed_form, 1e-12);
    // The generator minimizes the part of the bound that depends on it.
    const double of_reals =
        over_atoms([&](double p, double q) { return p * divergence.optimal_t(p / q); });
    EXPECT_NEAR(value(loss.generator({{}, scores.fake})), divergence.closed_form - of_reals, 1e-12);
  }
}

TEST(FDivergences, AreAboveTheBoundOfAnyOtherDiscriminator) {
  for (const auto& divergence : divergences()) {
    SCOPED_TRACE(divergence.name);
    for (int atom = 0; atom < 4; ++atom) {
      for (const double by : {-0.1, 0.1}) {
        const double there = static_cast<double>(kP[atom]) / kQ[atom];
        const auto score = [&](double u) {
          return divergence.optimal_score(u) + (u == there ? by : 0.0);
        };
        const double bound =
            -value(gan_losses()
                       .at(divergence.name)
                       .discriminator({scores_of(kP, score), scores_of(kQ, score)}, 1));
        EXPECT_LT(bound, divergence.closed_form - 1e-5);
        EXPECT_GT(bound, divergence.closed_form - 0.1);
      }
    }
  }
}

// D(x) = w . tanh(W x + b), whose gradient in x is W' (w * (1 - tanh^2)).
struct HandMade {
  at::Tensor weight = draw({5, 3}, "W"), bias = draw({5}, "b"), out = draw({1, 5}, "w");

  at::Tensor operator()(const at::Tensor& x) const {
    return at::linear(at::tanh(at::linear(x, weight, bias)), out);
  }
  // |grad D|^2 at one row of x, with plain loops.
  double squared_gradient(const double* x) const {
    const auto W = list(weight), b = list(bias), w = list(out);
    double square = 0;
    for (size_t j = 0; j < 3; ++j) {
      double slope = 0;
      for (size_t i = 0; i < 5; ++i) {
        double h = b[i];
        for (size_t k = 0; k < 3; ++k) h += W[3 * i + k] * x[k];
        slope += w[i] * (1 - std::tanh(h) * std::tanh(h)) * W[3 * i + j];
      }
      square += slope * slope;
    }
    return square;
  }
};

TEST(Penalties, AreTheirFormulas) {
  const HandMade discriminator;
  const PenaltyInput in{.discriminate = discriminator,
                        .real = draw({6, 3}, "real"),
                        .fake = draw({6, 3}, "fake"),
                        .mix = draw({6, 1}, "mix", /*uniform=*/true),
                        .disturbance = draw({6, 3}, "disturbance")};
  const auto r = list(in.real), f = list(in.fake), m = list(in.mix), d = list(in.disturbance);
  const double center = mean(r, [](double x) { return x; });
  const double deviation =
      std::sqrt(mean(r, [&](double x) { return (x - center) * (x - center); }));
  double r1 = 0, r2 = 0, between = 0, around = 0;
  const auto from_one = [&](const double* x) {
    return std::pow(std::sqrt(discriminator.squared_gradient(x)) - 1, 2) / 6;
  };
  for (size_t i = 0; i < 6; ++i) {
    r1 += 0.5 * discriminator.squared_gradient(&r[3 * i]) / 6;
    r2 += 0.5 * discriminator.squared_gradient(&f[3 * i]) / 6;
    double mixed[3], moved[3];
    for (size_t j = 0; j < 3; ++j) {
      mixed[j] = m[i] * r[3 * i + j] + (1 - m[i]) * f[3 * i + j];
      moved[j] = r[3 * i + j] + 0.5 * deviation * d[3 * i + j];
    }
    between += from_one(mixed);
    around += from_one(moved);
  }
  EXPECT_NEAR(value(penalties().at("r1").value(in)), r1, 1e-12);
  EXPECT_NEAR(value(penalties().at("r2").value(in)), r2, 1e-12);
  EXPECT_NEAR(value(penalties().at("gradient_penalty").value(in)), between, 1e-9);
  EXPECT_NEAR(value(penalties().at("dragan").value(in)), around, 1e-9);
}

}  // namespace
}  // namespace allmodes::objectives
