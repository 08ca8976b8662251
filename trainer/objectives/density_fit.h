#pragma once

// Divergences between mixtures of Gaussians in the plane, by quadrature in double precision, and
// the Gaussian that minimizes one: what a fit by samples is compared with. Nats.

#include <array>
#include <string>
#include <vector>

namespace allmodes::objectives {

// p(x) = sum_k weights[k] N(x; means[k], diag(deviations[k]^2)).
struct PlaneMixture {
  std::vector<std::array<double, 2>> means;
  std::vector<std::array<double, 2>> deviations;  // > 0
  std::vector<double> weights;                    // >= 0, sum 1
};

double log_density(const PlaneMixture& mixture, double x, double y);

struct Divergences {
  double forward_kl;      // KL(p || q) = E_p ln p/q, >= 0: mean-covering in q
  double reverse_kl;      // KL(q || p) = E_q ln q/p, >= 0: mode-seeking in q
  double jensen_shannon;  // 1/2 KL(p || m) + 1/2 KL(q || m), m = (p + q) / 2, in [0, ln 2]
};

// By the trapezoid rule around every component, 8 deviations to each side, in steps of a quarter of
// the smallest deviation there is (of an 800th of the side where that is more). Of two deviations
// within a factor of 20 exact to 1e-6. Throws ExitCode::kSoftware for a mixture that is none.
Divergences divergences(const PlaneMixture& p, const PlaneMixture& q);

// One of the three by its name: forward_kl, reverse_kl, jensen_shannon. Throws kSoftware for
// another.
double divergence(const std::string& name, const PlaneMixture& p, const PlaneMixture& q);

// The single Gaussian that minimizes the divergence from `p` near `start` (one component): for
// forward_kl the moments of p, the only minimum there is; else by Nelder and Mead's simplex on
// means and log deviations, to 1e-5 in each.
PlaneMixture best_gaussian(const std::string& divergence, const PlaneMixture& p,
                           const PlaneMixture& start);

// The largest difference of a mean or deviation between two mixtures of as many components, in
// their order.
double largest_difference(const PlaneMixture& a, const PlaneMixture& b);

}  // namespace allmodes::objectives
