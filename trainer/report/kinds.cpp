#include "report/kinds.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/families.h"
#include "config/load.h"
#include "report/first_stage_kinds.h"
#include "report/wrapped.h"

namespace allmodes::report {
namespace {

using config::RunConfig;
using Change = std::optional<std::string>;

const config::Gan* gan_of(const RunConfig& config) {
  return std::get_if<config::Gan>(&config.family);
}

Change more_packing(const RunConfig& config) {
  const auto* gan = gan_of(config);
  if (gan == nullptr || gan->packing >= 8) return std::nullopt;
  return fmt::format("gan.packing={}", 2 * gan->packing);
}

Change r1_penalty(const RunConfig& config) {
  const auto* adversarial = config::adversarial_of(config);
  if (adversarial == nullptr || !adversarial->penalty.empty()) return std::nullopt;
  return config::family_name(config) + ".penalty=[{ kind: \"r1\" weight: 1 }]";
}

Change mode_seeking(const RunConfig& config) {
  const auto* gan = gan_of(config);
  if (gan == nullptr || gan->mode_seeking > 0) return std::nullopt;
  return "gan.mode_seeking=1";
}

Change instance_noise(const RunConfig& config) {
  const auto* adversarial = config::adversarial_of(config);
  if (adversarial == nullptr || adversarial->instance_noise > 0) return std::nullopt;
  return config::family_name(config) + ".instance_noise=0.1";
}

Change twice_the_steps(const RunConfig& config) {
  return fmt::format("steps={}", 2 * config.steps);
}

Change half_the_steps(const RunConfig& config) {
  return config.steps >= 2 ? Change(fmt::format("steps={}", config.steps / 2)) : std::nullopt;
}

Change twice_the_batch(const RunConfig& config) {
  return fmt::format("batch={}", 2 * config.batch);
}

Change slower(const RunConfig& config) {
  if (const auto* gan = gan_of(config))
    return fmt::format("gan.generator_optimizer.learning_rate={:g}",
                       gan->generator_optimizer.learning_rate / 2);
  if (const auto* coder = config::autoencoder_of(config))
    return fmt::format("{}.optimizer.learning_rate={:g}", config::family_name(config),
                       coder->optimizer.learning_rate / 2);
  if (const auto* first = std::get_if<config::FirstStage>(&config.family))
    return fmt::format("first_stage.optimizer.learning_rate={:g}",
                       first->optimizer.learning_rate / 2);
  if (const auto* fit = std::get_if<config::Fit>(&config.family))
    return fmt::format("fit.optimizer.learning_rate={:g}", fit->optimizer.learning_rate / 2);
  return std::nullopt;
}

Change slower_discriminator(const RunConfig& config) {
  const auto* adversarial = config::adversarial_of(config);
  if (adversarial == nullptr) return std::nullopt;
  return fmt::format("{}.discriminator_optimizer.learning_rate={:g}", config::family_name(config),
                     adversarial->discriminator_optimizer.learning_rate / 2);
}

Change clipped(const RunConfig& config) {
  if (const auto* gan = gan_of(config)) {
    if (gan->generator_optimizer.clip_norm > 0) return std::nullopt;
    return "gan.generator_optimizer.clip_norm=1";
  }
  if (const auto* first = std::get_if<config::FirstStage>(&config.family)) {
    if (first->optimizer.clip_norm > 0) return std::nullopt;
    return "first_stage.optimizer.clip_norm=1";
  }
  const auto* coder = config::autoencoder_of(config);
  if (coder == nullptr || coder->optimizer.clip_norm > 0) return std::nullopt;
  return config::family_name(config) + ".optimizer.clip_norm=1";
}

Change weaker_kl(const RunConfig& config) {
  if (const auto* vae = std::get_if<config::Vae>(&config.family))
    return fmt::format("vae.beta={:g}", vae->beta > 1 ? 1.0 : vae->beta / 2);
  if (const auto* info = std::get_if<config::InfoVae>(&config.family); info && info->alpha < 0.9)
    return "infovae.alpha=0.9";
  if (const auto* first = std::get_if<config::FirstStage>(&config.family);
      first && first->quantizer == "kl")
    return fmt::format("first_stage.kl_weight={:g}", first->kl_weight / 10);
  return std::nullopt;
}

Change stronger_kl(const RunConfig& config) {
  const auto* vae = std::get_if<config::Vae>(&config.family);
  return vae == nullptr ? std::nullopt : Change(fmt::format("vae.beta={:g}", 2 * vae->beta));
}

Change free_bits(const RunConfig& config) {
  const auto* vae = std::get_if<config::Vae>(&config.family);
  if (vae == nullptr || vae->free_bits > 0) return std::nullopt;
  return "vae.free_bits=0.3";
}

Change smaller_variance(const RunConfig& config) {
  const auto* coder = config::autoencoder_of(config);
  if (coder == nullptr || coder->likelihood != "gaussian") return std::nullopt;
  return fmt::format("{}.variance={:g}", config::family_name(config), coder->variance / 10);
}

Change stronger_match(const RunConfig& config) {
  if (const auto* info = std::get_if<config::InfoVae>(&config.family))
    return fmt::format("infovae.lambda={:g}", 10 * info->lambda);
  if (const auto* wae = std::get_if<config::WaeMmd>(&config.family))
    return fmt::format("wae_mmd.lambda={:g}", 10 * wae->lambda);
  if (const auto* wae = std::get_if<config::WaeGan>(&config.family))
    return fmt::format("wae_gan.lambda={:g}", 10 * wae->lambda);
  if (const auto* aae = std::get_if<config::Aae>(&config.family))
    return fmt::format("aae.discriminator_steps={}", aae->discriminator_steps + 1);
  return std::nullopt;
}

Change augmented(const RunConfig& config) {
  const auto* gan = gan_of(config);
  if (gan == nullptr || !gan->augment.empty()) return std::nullopt;
  return "gan.augment=color,translation,cutout";
}

Change projected(const RunConfig& config) {
  const auto* gan = gan_of(config);
  if (gan == nullptr || gan->conditioning == "none" || gan->conditioning == "projection")
    return std::nullopt;
  return "gan.conditioning=projection";
}

Change more_evaluated(const RunConfig& config) {
  return fmt::format("diagnostics.samples={}", 4 * config.diagnostics.samples);
}

Change going_back(const RunConfig& config) {
  return config.verdict.on_collapse == "rollback" ? std::nullopt
                                                  : Change("verdict.on_collapse=rollback");
}

const Remedy kPacking{"D sees several samples at once", more_packing, "gan.packing"};
const Remedy kR1{"a penalty on D's gradient at the reals", r1_penalty, "gan.penalty"};
const Remedy kSeeking{"apart in the code, apart as samples", mode_seeking, "gan.mode_seeking"};
const Remedy kNoise{"noise on all that D sees", instance_noise, "gan.instance_noise"};
const Remedy kLonger{"train longer", twice_the_steps, "steps"};
const Remedy kShorter{"end before it learns by heart", half_the_steps, "steps"};
const Remedy kBatch{"larger batches", twice_the_batch, "batch"};
const Remedy kSlower{"smaller updates", slower, "OPTIMIZER.learning_rate"};
const Remedy kSlowerD{"slower updates of D", slower_discriminator,
                      "gan.discriminator_optimizer.learning_rate"};
const Remedy kClip{"gradients of bounded length", clipped, "OPTIMIZER.clip_norm"};
const Remedy kWeakerKl{"codes cost less", weaker_kl, "vae.beta, infovae.alpha"};
const Remedy kStrongerKl{"codes are pressed to the prior", stronger_kl, "vae.beta"};
const Remedy kFreeBits{"some nats a dimension are free", free_bits, "vae.free_bits"};
const Remedy kVariance{"errors of the decoder weigh more", smaller_variance, "vae.variance"};
const Remedy kMatch{"codes are pressed to the prior", stronger_match,
                    "infovae.lambda, wae_mmd.lambda, wae_gan.lambda, aae.discriminator_steps"};
const Remedy kAugment{"D sees each real in many ways", augmented, "gan.augment"};
const Remedy kProjection{"D compares sample and class", projected, "gan.conditioning"};
const Remedy kEvaluated{"more samples an evaluation", more_evaluated, "diagnostics.samples"};
const Remedy kBack{"go back by itself when it collapses", going_back, "verdict.on_collapse"};

const std::vector<Kind>& described_kinds() {
  static const std::vector<Kind> kAll = {
      {"aggregate_mismatch",
       "the codes of the data do not lie as the prior does",
       "Samples are decoded from the prior, but the encoder puts the data elsewhere: the decoder "
       "is asked for codes that it has never seen, and leaves out those that it knows.",
       "An MMD between codes and draws of the prior beyond the null's, or a KL of all codes from "
       "the prior above half a nat a dimension.",
       "A prior of another shape than the data's codes: latent.distribution, latent.dimension.",
       "press the codes harder to the prior, or sample from a fit to the codes",
       {kMatch, kStrongerKl, kLonger}},
      codebook_collapse(),
      discriminator_idle(),
      discriminator_overpowers(),
      {"divergence",
       "numbers are no numbers any more",
       "A loss, a gradient or a sample is NaN or infinite. It does not mend itself: go back to a "
       "checkpoint before it, with smaller steps.",
       "Samples and figures that are not finite; updates that were skipped because a gradient was "
       "not; in a run, nonfinite_limit of them in a row end it with exit code 3.",
       "Data of a huge scale (a column of nanoseconds): allmodes data check says the range.",
       "train with a smaller learning rate, and look for values out of scale in the data",
       {kSlower, kClip, kSlowerD}},
      {"duplicates",
       "samples repeat each other",
       "Different codes give the same sample, or nearly. The samples look good one by one, and "
       "there are few of them.",
       "Samples that equal another one to the last bit, beside as many real ones; samples nearer "
       "to each other than reals are; the mean distance of pairs.",
       "Data that hold copies themselves: those are counted too, and only the excess is judged. "
       "Drawing with one seed twice.",
       "for a GAN a gradient penalty or packing; check that each sample has a code of its own",
       {kPacking, kR1, kSeeking, kFreeBits, kWeakerKl}},
      {"label_ignored",
       "samples do not have the class that was asked for",
       "The model takes a class and does not obey it: classes are mixed up, or one answers for "
       "all.",
       "A classifier (or the nearest real) on the samples, beside the same on reals that it has "
       "not seen.",
       "Labels in another order than the data's; a classifier that tells classes badly apart, "
       "which the reason says.",
       "check the order of the labels; train with the label in both networks",
       {kProjection, kLonger, kBatch}},
      {"mean_collapse",
       "reconstructions are the mean of the data",
       "Whatever the input, the answer is the average: the code says nothing that the decoder "
       "uses.",
       "R2 of reconstructions against the mean of the data, below verdict.minimum_r2.",
       "An autoencoder in its first steps: verdict.grace_steps.",
       "let the code cost less (a smaller KL weight), or train longer",
       {kWeakerKl, kFreeBits, kVariance, kLonger}},
      {"memorized",
       "samples are training data",
       "Samples are much nearer to single reals than reals are to each other. Every mode is there, "
       "because the data are repeated.",
       "Samples four times as near to a real as that is to any other real; those equal to the last "
       "bit are counted apart.",
       "Data that hold near copies of each other, or discrete data, of which there are only so "
       "many.",
       "more data, augmentation of what the discriminator sees, or an earlier checkpoint",
       {kAugment, kShorter}},
      {"mode_dropping",
       "parts of the data are not made at all",
       "Modes, classes or parts of the data have no samples, or less than verdict.dropped_share of "
       "what they should have. A generator that fools the discriminator with a few modes has no "
       "reason to make the others.",
       "The count of each mode, with the exact binomial tail; within classes, and without them, "
       "parts of the data that no sample reaches; the share of reals that have a sample near.",
       "A young model, whose samples do not lie on the data yet: that is unformed. A classifier "
       "that does not know the class.",
       "for a GAN a gradient penalty (R1) or packing; for a VAE a larger decoder",
       {kR1, kPacking, kSeeking, kBatch, kFreeBits, kWeakerKl, kLonger}},
      {"mode_imbalance",
       "parts of the data are made too rarely, or too often",
       "Every mode is there, but not in its share. It often comes before modes are lost.",
       "KL of the samples' shares from the data's, above what chance gives; modes below a quarter "
       "of their share, or one at 1.5 times its own where all others are even; places of the data "
       "with far too few samples, or too many.",
       "Data whose shares differ from what you think: the report lists them.",
       "for a GAN a gradient penalty (R1) or packing; draw more samples to see it clearly",
       {kR1, kPacking, kBatch, kLonger, kMatch}},
      {"posterior_collapse",
       "the code says nothing of the sample",
       "The posterior equals the prior for every input: the decoder has learned to do without the "
       "code. In a linear VAE a dimension is used exactly when its eigenvalue of the data's "
       "covariance exceeds beta times the decoder's variance (arXiv 1911.02469).",
       "KL of the posterior below verdict.minimum_kl, no active unit, or a decoder whose output "
       "does not change with the code.",
       "A family without a KL is judged by the decoder alone.",
       "a smaller KL weight, free bits, a warm-up of the KL, or a weaker decoder",
       {kWeakerKl, kFreeBits, kVariance}},
      {"recovering",
       "it had collapsed and has not now",
       "The last evaluations found a collapse, this one none. One good evaluation is no proof; the "
       "next ones say.",
       "verdict.confirmations of the last verdict.window evaluations.",
       "A model that swings between the two: compare the evaluations in the report.",
       "evaluate again with other samples",
       {kBack, kR1, kPacking}},
      {"saturation",
       "the discriminator has won",
       "It tells reals from samples without doubt, so that the generator learns nothing from it "
       "any more.",
       "The mean of D on reals minus that on samples above 0.98 in three evaluations; of losses "
       "whose scores are no probabilities, as many scores beyond all of the other kind's.",
       "A young generator: it passes.",
       "noise on what the discriminator sees, a gradient penalty, a slower discriminator",
       {kNoise, kR1, kSlowerD}},
      {"too_few_samples",
       "nothing can be said of so few",
       "With so few samples the loss of a tenth of the data would not be seen, so that healthy "
       "would mean nothing.",
       "The smallest part whose loss would be found with 99 %, from the numbers alone.",
       "",
       "give more samples and more reals: some 500 of each see the loss of a tenth",
       {kEvaluated}},
      {"unformed",
       "samples do not lie where the data lie",
       "Too early, or too bad, to speak of modes: whatever else is said of them is at_risk at "
       "most.",
       "The share of samples on the data beside that of real samples (precision), on a mode of a "
       "mixture, or the finer differences that the samples lack (recall).",
       "Samples and reals of different scale: [0, 1] beside [-1, 1], BGR beside RGB, another "
       "resizing. A remark above the verdict says so where it can be seen.",
       "check that both are of one scale; else train longer",
       {kLonger, kSlower, kBatch}},
      {"within_mode_collapse",
       "modes are there, and are narrower than they should be",
       "Each mode has its samples, but they vary less than its reals, in one direction at least, "
       "or only on one side.",
       "The variance of each mode's samples over its reals' in the narrowest direction; the share "
       "in the emptier half of each mode.",
       "Means of a decoder without the noise of its likelihood, and truncated latents, are narrow "
       "on purpose.",
       "for a GAN packing or a gradient penalty; do not truncate the latents",
       {kPacking, kR1, kSeeking, kLonger}},
  };
  return kAll;
}

std::string quoted(const std::string& change) {
  return change.find_first_of(" \"{}[],") == std::string::npos ? change
                                                               : fmt::format("'{}'", change);
}

}  // namespace

std::span<const Kind> kinds() {
  return described_kinds();
}

const Kind* find_kind(std::string_view name) {
  const auto found = std::ranges::find(described_kinds(), name, &Kind::name);
  return found == described_kinds().end() ? nullptr : &*found;
}

std::vector<Suggestion> suggestions(std::string_view kind, const RunConfig& config, size_t most) {
  std::vector<Suggestion> found;
  const Kind* described = find_kind(kind);
  if (described == nullptr) return found;
  const std::string before = config::print(config);
  for (const Remedy& remedy : described->remedies) {
    if (found.size() >= most) break;
    const auto change = remedy.change(config);
    if (!change) continue;
    const auto loaded = config::parse(before, "", {*change});
    if (!loaded.problems.empty() || config::print(loaded.config) == before) continue;
    found.push_back({"--set " + quoted(*change), std::string(remedy.words)});
  }
  return found;
}

std::vector<Suggestion> suggestions(std::string_view kind) {
  const Kind* described = find_kind(kind);
  if (described == nullptr) return {};
  return {{std::string(described->elsewhere), ""}};
}

std::string kind_page(const Kind& kind) {
  std::string page = wrapped(fmt::format("# {}: {}", kind.name, kind.title), 80) + "\n";
  const auto paragraph = [&](std::string_view head, std::string_view text) {
    if (!text.empty())
      page += fmt::format("\n{}\n", wrapped(fmt::format("**{}** {}", head, text), 80));
  };
  paragraph("What it means.", kind.meaning);
  paragraph("How it is seen.", kind.measured);
  paragraph("What else looks like it.", kind.otherwise);
  paragraph("Samples from elsewhere:", std::string(kind.elsewhere) + ".");
  page +=
      "\nIn a configuration, those that help most first; a run's `try` names those that\n"
      "its family has and that are not made yet:\n\n";
  for (const Remedy& remedy : kind.remedies)
    page += wrapped(fmt::format("* `{}`: {}", remedy.fields, remedy.words), 80, "  ") + "\n";
  return page;
}

}  // namespace allmodes::report
