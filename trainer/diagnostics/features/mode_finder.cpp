#include "diagnostics/features/mode_finder.h"

#include "data/mixture.h"
#include "diagnostics/modes/mixture_scores.h"

namespace allmodes::diagnostics {
namespace {

class MixtureModes final : public ModeFinder {
 public:
  explicit MixtureModes(const data::Mixture& mixture) : mixture_(mixture) {
    for (const auto& mean : mixture.means) means_.insert(means_.end(), mean.begin(), mean.end());
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (int64_t mode = 0; mode < mixture_.modes(); ++mode) names.push_back(mixture_.name(mode));
    return names;
  }
  std::vector<double> shares() const override { return mixture_.weights; }
  std::string noun() const override { return "modes"; }
  std::vector<int64_t> find(const at::Tensor& samples) const override {
    return nearest_modes({samples.data_ptr<float>(), static_cast<size_t>(samples.numel())},
                         {means_, mixture_.stds});
  }

 private:
  const data::Mixture& mixture_;
  std::vector<double> means_;
};

class ClassModes final : public ModeFinder {
 public:
  explicit ClassModes(const ClassifierSetup& setup)
      : classifier_(obtain_classifier(setup)), dataset_(setup.dataset), device_(setup.device) {}

  std::vector<std::string> names() const override { return dataset_.class_names(); }
  std::vector<double> shares() const override { return mode_shares(classifier_, dataset_); }
  std::string noun() const override {
    return dataset_.channel_base() != nullptr ? "modes" : "classes";
  }
  std::vector<int64_t> find(const at::Tensor& samples) const override {
    return modes_of(classifier_, dataset_, samples.to(device_));
  }
  double accuracy() const override { return classifier_.accuracy(); }

 private:
  Classifier classifier_;
  const data::Dataset& dataset_;
  at::Device device_;
};

}  // namespace

std::shared_ptr<ModeFinder> make_mode_finder(const ClassifierSetup& setup, bool classify) {
  if (setup.dataset.mixture() != nullptr)
    return std::make_shared<MixtureModes>(*setup.dataset.mixture());
  if (classify && setup.dataset.shape().image && setup.dataset.classes() > 1)
    return std::make_shared<ClassModes>(setup);
  return nullptr;
}

}  // namespace allmodes::diagnostics
