#include "config/relations.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked.h"
#include "config/adjustment.h"
#include "config/families.h"

namespace allmodes::config {
namespace {

class Relations {
 public:
  explicit Relations(const std::set<std::string>& refused) : refused_(refused) {}

  std::vector<Problem> problems;

  // Whether none of these fields was refused, so that a relation between them can be judged.
  bool known(std::initializer_list<std::string> paths) const {
    return std::ranges::none_of(paths, [&](const auto& path) { return refused_.contains(path); });
  }

  void network(const std::string& path, const Network& network, bool twice_differentiated,
               int64_t samples) {
    compares_samples_ = path.ends_with("discriminator");
    if (compares_samples_)
      check_group(path + ".minibatch_stddev", network.minibatch_stddev, samples);
    if (twice_differentiated && network.layers.empty() && network.norm == "sync_batch") {
      refuse_synchronized(path + ".norm");
    }
    layers(path + ".layers", network.layers, twice_differentiated, samples);
  }

  // `samples`: of a forward pass over all ranks.
  void layers(const std::string& path, const std::vector<Layer>& list, bool twice_differentiated,
              int64_t samples) {
    for (size_t i = 0; i < list.size(); ++i) {
      const auto here = fmt::format("{}[{}]", path, i);
      const auto& kind = list[i].kind;
      if (const auto* norm = std::get_if<BatchNorm>(&kind)) {
        if (twice_differentiated && norm->statistics == "global") {
          refuse_synchronized(here + ".batch_norm.statistics");
        }
      } else if (const auto* up = std::get_if<TransposedConvolution>(&kind)) {
        if (up->output_padding > 0 && up->output_padding >= up->stride) {
          add(here + ".transposed_convolution.output_padding",
              fmt::format("output_padding: must be below the stride ({}), is {}", up->stride,
                          up->output_padding));
        }
      } else if (const auto* residual = std::get_if<Residual>(&kind)) {
        layers(here + ".residual.layers", residual->layers, twice_differentiated, samples);
        layers(here + ".residual.shortcut", residual->shortcut, twice_differentiated, samples);
      } else if (const auto* stddev = std::get_if<MinibatchStddev>(&kind)) {
        need_discriminator(here + ".minibatch_stddev");
        check_group(here + ".minibatch_stddev.group", stddev->group, samples);
      } else if (const auto* likeness = std::get_if<MinibatchDiscrimination>(&kind)) {
        need_discriminator(here + ".minibatch_discrimination");
        if (twice_differentiated && likeness->statistics == "global") {
          add(here + ".minibatch_discrimination.statistics",
              "minibatch discrimination over all ranks cannot be differentiated twice, which a "
              "penalty and unrolled steps need: use statistics 'local', or neither of them");
        }
      }
    }
  }

  void add(std::string path, std::string message) {
    problems.push_back({std::move(path), std::move(message), ""});
  }

 private:
  void need_discriminator(std::string path) {
    if (!compares_samples_)
      add(std::move(path),
          "a sample's result would depend on the others of its batch, which is for discriminators: "
          "leave the layer out");
  }

  void check_group(std::string path, int64_t group, int64_t samples) {
    if (group >= 2 && samples % group != 0 && known({"batch", "microbatches"}))
      add(std::move(path),
          fmt::format(
              "groups of {} do not divide the {} samples that the discriminator sees at once "
              "(batch over microbatches and packing)",
              group, samples));
  }

  void refuse_synchronized(std::string path) {
    add(std::move(path),
        "batch norm with statistics over all ranks cannot be differentiated twice, which a "
        "penalty and unrolled steps need: use norm 'none' or 'batch' (statistics 'local') in the "
        "discriminator, or neither of them");
  }

  const std::set<std::string>& refused_;
  bool compares_samples_ = false;  // the network at hand may
};

// Of a family with a discriminator, and of a GAN's terms over pairs of samples.
void check_adversarial(const RunConfig& config, Relations& relations) {
  const Adversarial* adversarial = adversarial_of(config);
  if (adversarial == nullptr) return;
  const std::string path = family_name(config) + ".";
  const auto* gan = std::get_if<Gan>(&config.family);
  const bool pairs = gan != nullptr && gan->mode_seeking > 0;
  const int64_t together = samples_together(config);
  const int64_t unit = product(config.microbatches, together);
  if (together > 1 && config.batch % unit != 0 &&
      relations.known({"batch", "microbatches", path + "packing", path + "mode_seeking"})) {
    relations.add(path + (adversarial->packing > 1 ? "packing" : "mode_seeking"),
                  fmt::format("batch: {} is no multiple of {} microbatches x {} samples that are "
                              "taken together; the nearest that fit: {}",
                              config.batch, config.microbatches, together,
                              nearest_multiples(config.batch, unit)));
  }
  const auto refuse_microbatches = [&](const char* field, const char* why) {
    if (backward_passes(config) > 1)
      relations.add(path + field,
                    fmt::format("{}: {}, so that microbatches or deterministic shards "
                                "(now {}) would change the result: leave them out",
                                field, why, backward_passes(config)));
  };
  if (adversarial->unrolled_steps > 0)
    refuse_microbatches("unrolled_steps", "a simulated step takes the whole batch");
  if (pairs) refuse_microbatches("mode_seeking", "it is a ratio of means over the whole batch");
  if (adversarial->instance_noise_steps > 0 && adversarial->instance_noise == 0 &&
      relations.known({path + "instance_noise"}))
    relations.add(path + "instance_noise_steps",
                  "instance_noise_steps: there is no noise to decay: set instance_noise");
  if (gan != nullptr && gan->conditioning != "none" && gan->packing > 1)
    relations.add(path + "packing",
                  "packing: a pack has no single class label: set packing: 1, or conditioning: "
                  "\"none\"");
}

// What is annealed has an end and a way there, and one schedule.
void check_annealing(const RunConfig& config, Relations& relations) {
  for (const auto& [path, of] : family_optimizers(config)) {
    const bool ends = of->last_learning_rate > 0 || of->last_beta2 > 0;
    if (of->anneal_samples == 0 && ends)
      relations.add(path + (of->last_learning_rate > 0 ? ".last_learning_rate" : ".last_beta2"),
                    "there is no way there: set anneal_samples, the samples that it takes");
    if (of->anneal_samples > 0 && !ends && of->ema_half_life == 0)
      relations.add(path + ".anneal_samples",
                    "anneal_samples: nothing changes over them: set last_learning_rate, last_beta2 "
                    "or ema_half_life");
    if (of->last_learning_rate > 0 && (of->decay != "none" || of->warmup_steps > 0))
      relations.add(path + ".last_learning_rate",
                    "last_learning_rate: the learning rate has one schedule: leave decay and "
                    "warmup_steps out, or this");
  }
  const Adversarial* adversarial = adversarial_of(config);
  if (adversarial == nullptr) return;
  const std::string family = family_name(config) + ".";
  for (size_t i = 0; i < adversarial->penalty.size(); ++i) {
    const Penalty& penalty = adversarial->penalty[i];
    if (penalty.anneal_samples == 0 && penalty.last_weight > 0)
      relations.add(fmt::format("{}penalty[{}].last_weight", family, i),
                    "last_weight: there is no way there: set anneal_samples, the samples that it "
                    "takes");
  }
  if (adversarial->augment.empty() &&
      (adversarial->augment_probability < 1 || adversarial->augment_samples > 0))
    relations.add(
        family + (adversarial->augment_samples > 0 ? "augment_samples" : "augment_probability"),
        "nothing is augmented: name what in augment, or leave it out");
}

// Rows of a discriminator's forward pass over all ranks.
int64_t samples_at_once(const RunConfig& config) {
  const Adversarial* adversarial = adversarial_of(config);
  const int64_t packing = adversarial == nullptr ? 1 : adversarial->packing;
  return config.batch / product(backward_passes(config), packing);
}

void check_deterministic(const RunConfig& config, Relations& relations) {
  const int64_t shards = config.deterministic_shards;
  if (shards <= 0) return;
  if ((shards & (shards - 1)) != 0)
    relations.add("deterministic_shards",
                  fmt::format("deterministic_shards: {} is no power of two", shards));
  if (config.microbatches > 1)
    relations.add("microbatches",
                  "microbatches: each deterministic shard is one already: leave it "
                  "out");
  const int64_t unit = product(shards, samples_together(config));
  const std::string family = family_name(config);
  if (config.batch % unit != 0 &&
      relations.known({"batch", family + ".packing", family + ".mode_seeking"}))
    relations.add("deterministic_shards",
                  fmt::format("deterministic_shards: {} do not divide the batch of {}; the nearest "
                              "batches that fit: {}",
                              shards, config.batch, nearest_multiples(config.batch, unit)));
  if (config.device == "cuda")
    relations.add("device",
                  "device: runs with deterministic_shards are on the CPU: set device: "
                  "\"cpu\"");
}

void check_verdict(const RunConfig& config, Relations& relations) {
  const Verdict& verdict = config.verdict;
  if (verdict.confirmations > verdict.window && relations.known({"verdict.window"}))
    relations.add("verdict.confirmations",
                  fmt::format("confirmations: {} of the last {} evaluations: raise window",
                              verdict.confirmations, verdict.window));
  if (family_name(config).empty()) return;
  for (const std::string& name : idle_adjustments(config))
    relations.add("verdict.rollback." + name,
                  fmt::format("{}: nothing in this {} is changed by it: leave it out", name,
                              family_name(config)));
  if (verdict.on_collapse == "rollback" && !adjusts(config))
    relations.add("verdict.on_collapse",
                  "rollback without an adjustment would make the same steps again: give one in "
                  "verdict { rollback { ... } }, as learning_rate: 0.5");
}

}  // namespace

std::vector<Problem> check_relations(const RunConfig& config,
                                     const std::set<std::string>& refused) {
  Relations relations(refused);
  if (config.batch % config.microbatches != 0 && relations.known({"batch", "microbatches"}))
    relations.add("microbatches",
                  fmt::format("microbatches: {} does not divide the batch of {}; the nearest "
                              "batches that fit: {}",
                              config.microbatches, config.batch,
                              nearest_multiples(config.batch, config.microbatches)));
  check_deterministic(config, relations);
  for (const auto& [path, network, differentiated_twice] : family_networks(config))
    relations.network(path, *network, differentiated_twice, samples_at_once(config));
  check_adversarial(config, relations);
  check_annealing(config, relations);
  check_verdict(config, relations);
  const bool has_kl =
      std::holds_alternative<Vae>(config.family) || std::holds_alternative<VaeGan>(config.family);
  if (has_kl && autoencoder_of(config)->latent.distribution != "normal")
    relations.add(family_name(config) + ".latent.distribution",
                  "distribution: a VAE's prior is 'normal', whose KL has a closed form");
  // What was said of a value's range is enough.
  std::erase_if(relations.problems,
                [&](const Problem& problem) { return refused.contains(problem.path); });
  return std::move(relations.problems);
}

}  // namespace allmodes::config
