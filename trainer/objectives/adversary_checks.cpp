// What is refused in the settings of a discriminator, beyond the ranges of single fields.

#include <algorithm>

#include "config/load.h"
#include "objectives/adversary.h"
#include "objectives/augment.h"

namespace allmodes::objectives {
namespace {

void check_augment(const config::Adversarial& settings, const std::string& path,
                   const networks::Shape& compared, std::vector<ConfigurationError>& errors) {
  const auto names = split_names(settings.augment);
  for (const auto& name : names) {
    if (std::ranges::count(augmentation_names(), name) == 0)
      errors.push_back(
          {path + ".augment", config::unknown_name("augmentation", name, augmentation_names())});
  }
  if (!names.empty() && compared.size() != 3)
    errors.push_back({path + ".augment",
                      "augment: changes images, and the discriminator compares points here: leave "
                      "it out, or use instance_noise",
                      true});
}

void check_smoothing(const config::Adversarial& settings, const std::string& path,
                     std::vector<ConfigurationError>& errors) {
  const auto loss = gan_losses().find(settings.loss);
  if (settings.label_smoothing == 0 || loss == gan_losses().end() || loss->second.labels) return;
  std::vector<std::string> labelled;
  for (const auto& [name, known] : gan_losses())
    if (known.labels) labelled.push_back(name);
  errors.push_back({path + ".label_smoothing",
                    fmt::format("label_smoothing: the loss '{}' has no labels to smooth; those of "
                                "{} have",
                                settings.loss, fmt::join(labelled, ", "))});
}

}  // namespace

void check_adversarial(const config::Adversarial& settings, const std::string& path,
                       std::vector<ConfigurationError>& errors, const networks::Shape& compared) {
  if (!gan_losses().contains(settings.loss))
    errors.push_back(
        {path + ".loss", config::unknown_name("loss", settings.loss, names_of(gan_losses()))});
  for (size_t i = 0; i < settings.penalty.size(); ++i) {
    const auto& kind = settings.penalty[i].kind;
    if (!penalties().contains(kind))
      errors.push_back({fmt::format("{}.penalty[{}].kind", path, i),
                        config::unknown_name("penalty", kind, names_of(penalties()))});
  }
  check_smoothing(settings, path, errors);
  if (settings.lecam > 0 && settings.unrolled_steps > 0)
    errors.push_back({path + ".lecam",
                      "lecam: unrolled steps would simulate it against running means that they "
                      "move: leave one of the two out"});
  check_augment(settings, path, compared, errors);
}

}  // namespace allmodes::objectives
