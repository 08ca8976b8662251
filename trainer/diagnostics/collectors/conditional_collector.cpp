// Figures of each class that a conditional model was asked for: global ones look fine when every
// class is one image, or when the label is ignored.

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/modes/class_spread.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kReals = 20'000;         // looked at for the data's own spread
constexpr int64_t kMostNumbers = 1 << 22;  // classes x numbers of a sample: 32 MB of sums

class ConditionalCollector final : public Collector {
 public:
  explicit ConditionalCollector(std::shared_ptr<ModeFinder> finder) : finder_(std::move(finder)) {}

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    const data::Dataset& dataset = evaluation.dataset;
    const int64_t classes = dataset.classes();
    if (classes * dataset.shape().values() > kMostNumbers) return;
    if (real_variance_.empty()) real_variance_ = variance_of_reals(evaluation);
    ClassSums sums = make_class_sums(classes, dataset.shape().values());
    std::vector<int64_t> right(static_cast<size_t>(classes), 0);
    for (const auto& chunk : generated) {
      const std::vector<int64_t> asked = numbers_of(chunk.labels);
      add(sums, values_of(chunk.samples), asked);
      if (!finder_) continue;
      const auto& taken_for = modes_of_chunk(*finder_, chunk);
      for (size_t i = 0; i < asked.size(); ++i)
        right[static_cast<size_t>(asked[i])] += taken_for[i] == asked[i] ? 1 : 0;
    }
    total(evaluation.control, sums);
    sum_over_ranks(evaluation.control, right);
    record.set("class_names", dataset.class_names());
    record.set("class_samples", sums.counts);
    if (finder_) record.set("class_accuracy", shares_of(right, sums.counts));
    if (finder_ && dataset.channel_base() == nullptr)
      evidence.labels = label_figures(right, sums.counts, dataset.class_names());
    record.set("class_spread", spread_of_classes(class_variances(sums), real_variance_));
  }

 private:
  static std::vector<int64_t> numbers_of(const at::Tensor& labels) {
    const at::Tensor host = labels.to(at::kCPU).contiguous();
    return {host.data_ptr<int64_t>(), host.data_ptr<int64_t>() + host.numel()};
  }

  static void total(world::Communicator& control, ClassSums& sums) {
    sum_over_ranks(control, sums.counts);
    sum_over_ranks(control, sums.sums);
    sum_over_ranks(control, sums.squares);
  }

  static std::vector<double> shares_of(const std::vector<int64_t>& parts,
                                       const std::vector<int64_t>& totals) {
    std::vector<double> shares;
    for (size_t k = 0; k < parts.size(); ++k)
      shares.push_back(static_cast<double>(parts[k]) / static_cast<double>(totals[k]));
    return shares;  // NaN of a class that was not asked for
  }

  // By chance a sample has the asked class as often as both have it.
  LabelFigures label_figures(const std::vector<int64_t>& right, const std::vector<int64_t>& asked,
                             const std::vector<std::string>& names) const {
    LabelFigures labels{.accuracy = finder_->accuracy()};
    for (size_t k = 0; k < asked.size(); ++k) {
      labels.right += right[k];
      labels.samples += asked[k];
    }
    for (size_t k = 0; k < asked.size(); ++k) {
      const double share = static_cast<double>(asked[k]) / static_cast<double>(labels.samples);
      labels.chance += share * share;
      labels.by_class.push_back({.name = names[k],
                                 .right = right[k],
                                 .asked = asked[k],
                                 .accuracy = labels.accuracy,
                                 .chance = share});
    }
    return labels;
  }

  static std::vector<double> variance_of_reals(const Evaluation& evaluation) {
    const data::Dataset& dataset = evaluation.dataset;
    ClassSums sums = make_class_sums(dataset.classes(), dataset.shape().values());
    for_each_chunk(
        std::min(kReals, dataset.size()), evaluation.control, [&](int64_t first, int64_t count) {
          std::vector<int64_t> labels;
          const at::Tensor samples = real_samples(dataset, evaluation.seed, first, count, &labels);
          add(sums, values_of(samples), labels);
        });
    total(evaluation.control, sums);
    return class_variances(sums);
  }

  std::shared_ptr<ModeFinder> finder_;
  std::vector<double> real_variance_;
};

constexpr records::Figure kConditionalCollectorFigures[] = {
    {"class_samples", "samples", "", "",
     "asked for of each class of class_names, as the data have them"},
    {"class_accuracy", "share", "[0, 1]", "classifier_accuracy",
     "of the samples asked for of each class, those that the classifier takes for it; 1 / K where "
     "labels are ignored"},
    {"class_spread", "", ">= 0", "1",
     "variance of the samples of each class over that of its reals; 0 for one image a class"},
};

}  // namespace

extern const CollectorRow kConditionalCollector{
    .name = "conditional",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& finder) -> std::unique_ptr<Collector> {
      if (!setup.objective.conditional()) return nullptr;
      return std::make_unique<ConditionalCollector>(finder);
    },
    .figures = kConditionalCollectorFigures};

}  // namespace allmodes::diagnostics
