// A fitted density: its parameters, its divergences from the data's by quadrature, and for a single
// Gaussian how far it is from the one that quadrature says is best (density_fit.h).

#include <ATen/core/grad_mode.h>

#include "base/error.h"
#include "data/mixture.h"
#include "diagnostics/collectors/collector.h"
#include "objectives/density_fit.h"
#include "objectives/fit.h"

namespace allmodes::diagnostics {
namespace {

using objectives::Divergences;
using objectives::PlaneMixture;

std::vector<double> flat(const std::vector<std::array<double, 2>>& pairs) {
  std::vector<double> values;
  for (const auto& pair : pairs) values.insert(values.end(), pair.begin(), pair.end());
  return values;
}

std::vector<double> host(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kCPU, at::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

std::vector<std::array<double, 2>> pairs(const at::Tensor& tensor) {
  const auto values = host(tensor);
  std::vector<std::array<double, 2>> made;
  for (size_t i = 0; i + 1 < values.size(); i += 2) made.push_back({values[i], values[i + 1]});
  return made;
}

class FitCollector final : public Collector {
 public:
  FitCollector(const config::Fit& fit, const data::Mixture& mixture) : fit_(fit) {
    truth_ = {mixture.means, {}, mixture.weights};
    for (const double std : mixture.stds) truth_.deviations.push_back({std, std});
  }

  // Rank 0 alone: it is the one that writes records, and no sample is looked at.
  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>&,
               records::Record& record, Evidence&) override {
    if (evaluation.control.rank() != 0) return;
    const at::NoGradGuard no_grad;
    const auto q = objectives::fitted_mixture(evaluation.forward, fit_,
                                              at::TensorOptions().device(evaluation.device));
    const PlaneMixture fitted{pairs(q.means), pairs(q.log_deviations.exp()),
                              host(q.log_weights.exp())};
    record.set("fit_means", flat(fitted.means));
    record.set("fit_stds", flat(fitted.deviations));
    record.set("fit_weights", fitted.weights);
    if (!q.means.isfinite().all().item<bool>()) return;
    const Divergences measured = divergences(truth_, fitted);
    record.set("kl_pq_quadrature", measured.forward_kl);
    record.set("kl_qp_quadrature", measured.reverse_kl);
    record.set("js_quadrature", measured.jensen_shannon);
    if (fit_.components != 1) return;
    const PlaneMixture best = best_gaussian(fit_.divergence, truth_, fitted);
    record.set("optimum_means", flat(best.means));
    record.set("optimum_stds", flat(best.deviations));
    record.set("optimum_distance", largest_difference(fitted, best));
  }

 private:
  config::Fit fit_;
  PlaneMixture truth_;
};

constexpr records::Figure kFitCollectorFigures[] = {
    {"fit_means", "", "", "", "two coordinates of each component of the fitted density"},
    {"fit_stds", "", "> 0", "", "two standard deviations of each component"},
    {"fit_weights", "share", "[0, 1]", "", "weight of each component"},
    {"kl_pq_quadrature", "nats", ">= 0", "0", "KL(data || fit), by quadrature"},
    {"kl_qp_quadrature", "nats", ">= 0", "0", "KL(fit || data), by quadrature"},
    {"js_quadrature", "nats", "[0, ln 2]", "0",
     "Jensen-Shannon divergence of data and fit, by quadrature"},
    {"optimum_means", "", "", "", "of one Gaussian: the mean of the best one by quadrature"},
    {"optimum_stds", "", "> 0", "", "of one Gaussian: the standard deviations of the best one"},
    {"optimum_distance", "", ">= 0", "0",
     "the largest difference of a parameter of the fit from that of the best Gaussian"},
};

}  // namespace

extern const CollectorRow kFitCollector{
    .name = "fit",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      const auto* fit = std::get_if<config::Fit>(&setup.config.family);
      if (fit == nullptr) return nullptr;
      ALLMODES_CHECK(setup.dataset.mixture() != nullptr, "the data set is no mixture");
      return std::make_unique<FitCollector>(*fit, *setup.dataset.mixture());
    },
    .figures = kFitCollectorFigures};

}  // namespace allmodes::diagnostics
