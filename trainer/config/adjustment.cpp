#include "config/adjustment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <concepts>

#include "config/field_list.h"

namespace allmodes::config {
namespace {

// Reads one field of a Rollback by its name.
class Amount {
 public:
  Amount(const Rollback& rollback, std::string_view wanted) : wanted_(wanted) {
    describe(*this, rollback);
  }

  template <class T, class Rule>
  void field(std::string_view name, const T& value, const Rule&, std::string_view) {
    if (name == wanted_) value_ = static_cast<double>(value);
  }

  double value() const { return value_; }

 private:
  std::string_view wanted_;
  double value_ = 0;
};

// The fields of verdict.rollback applied `times` times. One whose default is 1 is a factor, one
// whose default is 0 is added.
class Adjuster {
 public:
  Adjuster(const Rollback& rollback, int64_t times) : rollback_(rollback), times_(times) {}

  double applied(std::string_view adjustment, double value) const {
    const double amount = Amount(rollback_, adjustment).value();
    const bool is_factor = Amount(Rollback{}, adjustment).value() != 0;
    const auto times = static_cast<double>(times_);
    return is_factor ? value * std::pow(amount, times) : value + amount * times;
  }

  template <class T>
  void apply(std::string_view adjustment, T& value) const {
    value = static_cast<T>(applied(adjustment, static_cast<double>(value)));
  }

 private:
  const Rollback& rollback_;
  int64_t times_;
};

// Applies every adjustment to the numbers of a family that it changes. A further field of
// verdict.rollback needs its line here, and nothing else in this file.
template <class Family>
void adjust(Family& family, const Adjuster& adjuster) {
  const auto rate = [&](Optimizer& optimizer) {
    adjuster.apply("learning_rate", optimizer.learning_rate);
    adjuster.apply("learning_rate", optimizer.last_learning_rate);
  };
  if constexpr (std::same_as<Family, Gan>) rate(family.generator_optimizer);
  if constexpr (std::derived_from<Family, Autoencoder> || std::same_as<Family, Fit> ||
                std::same_as<Family, FirstStage>)
    rate(family.optimizer);
  if constexpr (std::same_as<Family, Aae>) rate(family.code_optimizer);
  if constexpr (std::derived_from<Family, Adversarial>) {
    rate(family.discriminator_optimizer);
    adjuster.apply("discriminator_learning_rate", family.discriminator_optimizer.learning_rate);
    adjuster.apply("discriminator_learning_rate",
                   family.discriminator_optimizer.last_learning_rate);
    adjuster.apply("discriminator_steps", family.discriminator_steps);
    for (Penalty& penalty : family.penalty) {
      adjuster.apply("penalty_weight", penalty.weight);
      adjuster.apply("penalty_weight", penalty.last_weight);
    }
    adjuster.apply("instance_noise", family.instance_noise);
  }
  if constexpr (std::same_as<Family, Vae>) adjuster.apply("kl_weight", family.beta);
  if constexpr (std::same_as<Family, FirstStage>)
    if (family.quantizer == "kl") adjuster.apply("kl_weight", family.kl_weight);
  if constexpr (std::same_as<Family, InfoVae>) {
    // The weight of the KL term is 1 - alpha, that of the MMD alpha + lambda - 1, which stays.
    const double alpha = 1 - adjuster.applied("kl_weight", 1 - family.alpha);
    family.lambda += family.alpha - alpha;
    family.alpha = alpha;
  }
}

// The rollback with its default in every field but `kept`.
class Only {
 public:
  Only(const Rollback& all, std::string_view kept) : all_(all), kept_(kept) {}

  template <class T, class Rule>
  void field(std::string_view name, T& value, const Rule&, std::string_view) {
    if (name == kept_) value = static_cast<T>(Amount(all_, name).value());
  }

 private:
  const Rollback& all_;
  std::string_view kept_;
};

}  // namespace

RunConfig adjusted(const RunConfig& config, int64_t rollbacks) {
  RunConfig result = config;
  const Adjuster adjuster(config.verdict.rollback, rollbacks);
  std::visit(
      [&]<class F>(F& family) {
        if constexpr (!std::same_as<F, std::monostate>) adjust(family, adjuster);
      },
      result.family);
  return result;
}

std::vector<std::string> adjustments(const RunConfig& config, int64_t rollbacks) {
  std::vector<std::string> lines;
  for (const auto& [path, before, after] :
       differences(adjusted(config, rollbacks - 1), adjusted(config, rollbacks)))
    lines.push_back(fmt::format("{} {} -> {}", path, before, after));
  return lines;
}

std::vector<std::string> idle_adjustments(const RunConfig& config) {
  std::vector<std::string> idle;
  for (const std::string& name : changed_fields(config.verdict.rollback)) {
    if (name == "limit") continue;
    RunConfig alone = config;
    alone.verdict.rollback = {};
    Only only(config.verdict.rollback, name);
    describe(only, alone.verdict.rollback);
    if (differences(adjusted(alone, 0), adjusted(alone, 1)).empty()) idle.push_back(name);
  }
  return idle;
}

bool adjusts(const RunConfig& config) {
  return !differences(adjusted(config, 0), adjusted(config, 1)).empty();
}

}  // namespace allmodes::config
