// Modes of labelled images: what a classifier takes generated images for, against what it takes
// real ones for, so that its own mistakes are on both sides.

#include "diagnostics/classifier.h"
#include "diagnostics/collector.h"

namespace allmodes::diagnostics {
namespace {

constexpr int64_t kReals = 10'000;

class ClassCollector final : public Collector {
 public:
  explicit ClassCollector(const CollectorSetup& setup)
      : classifier_(obtain_classifier(setup)), names_(setup.dataset.class_names()) {
    const int64_t total = std::min(kReals, setup.dataset.size());
    std::vector<int64_t> counts(names_.size(), 0);
    for_each_chunk(total, setup.control, [&](int64_t first, int64_t count) {
      const auto images = real_samples(setup.dataset, setup.config.seed, first, count);
      for (const int64_t label : classifier_.classify(images.to(setup.device)))
        ++counts[static_cast<size_t>(label)];
    });
    sum_over_ranks(setup.control, counts);
    for (const int64_t count : counts)
      shares_.push_back(static_cast<double>(count) / static_cast<double>(total));
  }

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    ModeHistogram histogram{names_, shares_, std::vector<int64_t>(names_.size(), 0), 0};
    for (const auto& chunk : generated) {
      for (const int64_t label : classifier_.classify(chunk.samples.to(evaluation.device)))
        ++histogram.observed[static_cast<size_t>(label)];
    }
    sum_over_ranks(evaluation.control, histogram.observed);
    for (const int64_t count : histogram.observed) histogram.samples += count;
    record.set("modes_covered", modes_covered(histogram));
    record.set("modes_total", static_cast<int64_t>(names_.size()));
    record.set("classifier_accuracy", classifier_.accuracy());
    evidence.mode_noun = "classes";
    evidence.modes = std::move(histogram);
  }

 private:
  Classifier classifier_;
  std::vector<std::string> names_;
  std::vector<double> shares_;
};

}  // namespace

std::unique_ptr<Collector> make_class_collector(const CollectorSetup& setup) {
  return std::make_unique<ClassCollector>(setup);
}

}  // namespace allmodes::diagnostics
