// Modes of labelled images: what a classifier takes generated images for, against what it takes
// real ones for, so that its own mistakes are on both sides. Of stacked images each channel is
// classified by itself, and a mode is a triple of classes.

#include <fmt/format.h>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/metrics/sum_over_ranks.h"

namespace allmodes::diagnostics {
namespace {

// One sample of a mode may be an accident of the classifier; this many are not.
constexpr int64_t kSeveral = 5;

class ClassCollector final : public Collector {
 public:
  explicit ClassCollector(std::shared_ptr<ModeFinder> finder)
      : finder_(std::move(finder)), names_(finder_->names()), shares_(finder_->shares()) {}

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    const bool stacked = evaluation.dataset.channel_base() != nullptr;
    ModeHistogram histogram{names_, shares_, std::vector<int64_t>(names_.size(), 0), 0};
    for (const auto& chunk : generated) {
      for (const int64_t mode : modes_of_chunk(*finder_, chunk))
        ++histogram.observed[static_cast<size_t>(mode)];
    }
    sum_over_ranks(evaluation.control, histogram.observed);
    for (const int64_t count : histogram.observed) histogram.samples += count;
    record.set("modes_covered", modes_covered(histogram));
    record.set(fmt::format("modes_covered_{}", kSeveral), modes_covered(histogram, kSeveral));
    record.set("modes_total", static_cast<int64_t>(names_.size()));
    if (stacked) record.set("kl_uniform", kl_uniform(histogram));
    record.set("classifier_accuracy", finder_->accuracy());
    evidence.mode_noun = finder_->noun();
    evidence.modes = std::move(histogram);
  }

 private:
  // KL(observed || uniform), the figure that is published for stacked digits; nats.
  static double kl_uniform(ModeHistogram histogram) {
    const double share = 1.0 / static_cast<double>(histogram.observed.size());
    histogram.expected_share.assign(histogram.observed.size(), share);
    return kl_reverse(histogram);
  }

  std::shared_ptr<ModeFinder> finder_;
  std::vector<std::string> names_;
  std::vector<double> shares_;
};

constexpr records::Figure kClassesCollectorFigures[] = {
    {"modes_covered_5", "modes", "", "all of them", "with at least five samples"},
    {"kl_uniform", "nats", ">= 0", "about (K - 1) / 2N",
     "stacked digits: KL(observed || uniform) over the K modes, N samples"},
    {"classifier_accuracy", "share", "[0, 1]", "",
     "of held-out images that the classifier takes for their class"},
};

}  // namespace

extern const CollectorRow kClassesCollector{
    .name = "classes",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& finder) -> std::unique_ptr<Collector> {
      if (setup.dataset.mixture() != nullptr || finder == nullptr) return nullptr;
      return std::make_unique<ClassCollector>(finder);
    },
    .figures = kClassesCollectorFigures};

}  // namespace allmodes::diagnostics
