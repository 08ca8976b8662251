#include "config/adjustment.h"

#include <fmt/format.h>

#include <cmath>
#include <concepts>

#include "config/families.h"

namespace allmodes::config {
namespace {

// Every number of a family that a rollback may change. visit(adjustment, field, value) with the
// name in verdict.rollback and in the family's block.
template <class Family, class Visit>
void visit_adjustable(Family& family, Visit visit) {
  using F = std::remove_const_t<Family>;
  const auto rate = [&](const char* field, auto& optimizer) {
    visit("learning_rate", std::string(field) + ".learning_rate", optimizer.learning_rate);
  };
  if constexpr (std::same_as<F, Gan>) rate("generator_optimizer", family.generator_optimizer);
  if constexpr (std::derived_from<F, Autoencoder> || std::same_as<F, Fit>)
    rate("optimizer", family.optimizer);
  if constexpr (std::same_as<F, Aae>) rate("code_optimizer", family.code_optimizer);
  if constexpr (std::derived_from<F, Adversarial>) {
    rate("discriminator_optimizer", family.discriminator_optimizer);
    visit("discriminator_learning_rate", "discriminator_optimizer.learning_rate",
          family.discriminator_optimizer.learning_rate);
    visit("discriminator_steps", "discriminator_steps", family.discriminator_steps);
    for (size_t i = 0; i < family.penalty.size(); ++i)
      visit("penalty_weight", fmt::format("penalty[{}].weight", i), family.penalty[i].weight);
    visit("instance_noise", "instance_noise", family.instance_noise);
  }
  if constexpr (std::same_as<F, Vae>) visit("kl_weight", "beta", family.beta);
}

// The weight of InfoVAE's KL term is 1 - alpha, that of its MMD alpha + lambda - 1, which stays.
void scale_kl(InfoVae& family, double factor) {
  const double alpha = 1 - (1 - family.alpha) * factor;
  family.lambda += family.alpha - alpha;
  family.alpha = alpha;
}

struct NamedNumber {
  std::string field;
  double value;
};

// The adjustable numbers by their place in the configuration, each once.
std::vector<NamedNumber> numbers_of(const RunConfig& config) {
  std::vector<NamedNumber> numbers;
  const std::string path = family_name(config) + ".";
  std::visit(
      [&]<class F>(const F& family) {
        visit_adjustable(family, [&](const char*, const std::string& field, const auto& value) {
          if (numbers.empty() || numbers.back().field != path + field)
            numbers.push_back({path + field, static_cast<double>(value)});
        });
        if constexpr (std::same_as<F, InfoVae>) numbers.push_back({path + "alpha", family.alpha});
      },
      config.family);
  return numbers;
}

std::vector<std::string> changed(const Rollback& rollback) {
  std::vector<std::string> names;
  const auto check = [&](const char* name, bool is) {
    if (is) names.emplace_back(name);
  };
  check("learning_rate", rollback.learning_rate != 1);
  check("discriminator_learning_rate", rollback.discriminator_learning_rate != 1);
  check("discriminator_steps", rollback.discriminator_steps != 0);
  check("penalty_weight", rollback.penalty_weight != 1);
  check("instance_noise", rollback.instance_noise != 0);
  check("kl_weight", rollback.kl_weight != 1);
  return names;
}

}  // namespace

RunConfig adjusted(const RunConfig& config, int64_t rollbacks) {
  RunConfig result = config;
  const Rollback& rollback = config.verdict.rollback;
  const auto times = static_cast<double>(rollbacks);
  const auto change = [&](std::string_view adjustment, const std::string&, auto& value) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(value)>, int64_t>) {
      value += rollbacks * rollback.discriminator_steps;
    } else if (adjustment == "instance_noise") {
      value += times * rollback.instance_noise;
    } else {
      const double factor = adjustment == "learning_rate"    ? rollback.learning_rate
                            : adjustment == "penalty_weight" ? rollback.penalty_weight
                            : adjustment == "kl_weight"      ? rollback.kl_weight
                                                             : rollback.discriminator_learning_rate;
      value *= std::pow(factor, times);
    }
  };
  std::visit(
      [&]<class F>(F& family) {
        visit_adjustable(family, change);
        if constexpr (std::same_as<F, InfoVae>)
          scale_kl(family, std::pow(rollback.kl_weight, times));
      },
      result.family);
  return result;
}

std::vector<std::string> adjustments(const RunConfig& config, int64_t rollbacks) {
  const auto before = numbers_of(adjusted(config, rollbacks - 1));
  const auto after = numbers_of(adjusted(config, rollbacks));
  std::vector<std::string> lines;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i].value != after[i].value)
      lines.push_back(
          fmt::format("{} {:.4g} -> {:.4g}", before[i].field, before[i].value, after[i].value));
  }
  return lines;
}

std::vector<std::string> idle_adjustments(const RunConfig& config) {
  std::vector<std::string> idle = changed(config.verdict.rollback);
  std::visit(
      [&]<class F>(const F& family) {
        visit_adjustable(family, [&](const char* adjustment, const std::string&, const auto&) {
          std::erase(idle, adjustment);
        });
        if constexpr (std::same_as<F, InfoVae>) std::erase(idle, "kl_weight");
      },
      config.family);
  return idle;
}

bool adjusts(const RunConfig& config) {
  return changed(config.verdict.rollback).size() > idle_adjustments(config).size();
}

}  // namespace allmodes::config
