// What a verdict says of autoencoders with a codebook or with a discriminator of their
// reconstructions.

#include "report/first_stage_kinds.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/families.h"

namespace allmodes::report {
namespace {

using config::RunConfig;
using Setting = std::optional<std::string>;

const config::FirstStage* settings_of_stage(const RunConfig& config) {
  return std::get_if<config::FirstStage>(&config.family);
}

// The codebook of a first stage, where it has one that is trained.
const config::FirstStage* vectors_of(const RunConfig& config) {
  const auto* first = settings_of_stage(config);
  return first != nullptr && first->quantizer == "vq" ? first : nullptr;
}

// One whose reconstructions a discriminator judges.
const config::FirstStage* judged_stage(const RunConfig& config) {
  const auto* first = settings_of_stage(config);
  return first != nullptr && first->adversarial_weight > 0 ? first : nullptr;
}

Setting restarts(const RunConfig& config) {
  const auto* first = vectors_of(config);
  if (first == nullptr || first->restart_below > 0) return std::nullopt;
  return "first_stage.restart_below=0.1";
}

Setting running_means(const RunConfig& config) {
  const auto* first = vectors_of(config);
  if (first == nullptr || first->codebook == "ema") return std::nullopt;
  return "first_stage.codebook=ema";
}

Setting fewer_codes(const RunConfig& config) {
  const auto* first = vectors_of(config);
  if (first == nullptr || first->codes < 4) return std::nullopt;
  return fmt::format("first_stage.codes={}", first->codes / 2);
}

Setting more_entropy(const RunConfig& config) {
  const auto* first = settings_of_stage(config);
  if (first == nullptr || first->quantizer != "lfq") return std::nullopt;
  return fmt::format("first_stage.entropy_weight={:g}",
                     first->entropy_weight > 0 ? 2 * first->entropy_weight : 0.1);
}

Setting adaptive(const RunConfig& config) {
  const auto* first = judged_stage(config);
  if (first == nullptr || first->adaptive_weight) return std::nullopt;
  return "first_stage.adaptive_weight=true";
}

Setting weaker_discriminator(const RunConfig& config) {
  const auto* first = judged_stage(config);
  if (first == nullptr) return std::nullopt;
  return fmt::format("first_stage.adversarial_weight={:g}", first->adversarial_weight / 2);
}

Setting later_discriminator(const RunConfig& config) {
  const auto* first = judged_stage(config);
  if (first == nullptr) return std::nullopt;
  const int64_t later = std::max(config.steps / 4, 2 * first->discriminator_start);
  if (later >= config.steps) return std::nullopt;
  return fmt::format("first_stage.discriminator_start={}", later);
}

Setting gentle_discriminator(const RunConfig& config) {
  const auto* first = judged_stage(config);
  if (first == nullptr || first->discriminator_warmup > 0) return std::nullopt;
  return fmt::format("first_stage.discriminator_warmup={}",
                     std::max<int64_t>(1, config.steps / 10));
}

Setting faster_discriminator(const RunConfig& config) {
  const auto* adversarial = config::adversarial_of(config);
  if (adversarial == nullptr) return std::nullopt;
  return fmt::format("{}.discriminator_optimizer.learning_rate={:g}", config::family_name(config),
                     adversarial->discriminator_optimizer.learning_rate * 2);
}

Setting lighter_penalty(const RunConfig& config) {
  const auto* adversarial = config::adversarial_of(config);
  if (adversarial == nullptr || adversarial->penalty.empty()) return std::nullopt;
  return fmt::format("{}.penalty[0].weight={:g}", config::family_name(config),
                     adversarial->penalty[0].weight / 10);
}

const Remedy kRestarts{"dead codes begin anew at the data", restarts, "first_stage.restart_below"};
const Remedy kMeans{"codes are means of what they stand for", running_means,
                    "first_stage.codebook"};
const Remedy kFewerCodes{"a book that the data can fill", fewer_codes, "first_stage.codes"};
const Remedy kEntropy{"use of all codes is rewarded", more_entropy, "first_stage.entropy_weight"};
const Remedy kAdaptive{"D weighs as much as the distance", adaptive, "first_stage.adaptive_weight"};
const Remedy kWeakerD{"D weighs less", weaker_discriminator, "first_stage.adversarial_weight"};
const Remedy kLaterD{"D begins when pictures are good", later_discriminator,
                     "first_stage.discriminator_start"};
const Remedy kGentleD{"D's weight rises bit by bit", gentle_discriminator,
                      "first_stage.discriminator_warmup"};
const Remedy kFasterD{"faster updates of D", faster_discriminator,
                      "FAMILY.discriminator_optimizer.learning_rate"};
const Remedy kLighterPenalty{"D is held back less", lighter_penalty, "FAMILY.penalty"};

}  // namespace

Kind codebook_collapse() {
  return {
      "codebook_collapse",
      "much of the codebook is not used",
      "The encoder finds few of the codes that the book has: the others are dead. A latent model "
      "then learns a small vocabulary, and the pictures have the detail of a small book.",
      "The codes of all pictures of an evaluation, counted over all ranks: how many are used, "
      "beside as many draws of equally likely codes; perplexity; steps since a batch had a dead "
      "code. A use below verdict.minimum_code_use, or less than one bit a code.",
      "Pictures that are mostly one colour, whose places need few codes: a perplexity far below "
      "the book's size is no collapse by itself. Few pictures: the reason says how rare a code "
      "could hide.",
      "restart dead codes at the data, smaller books, or codes without a book (fsq)",
      {kRestarts, kMeans, kEntropy, kFewerCodes}};
}

Kind discriminator_idle() {
  return {
      "discriminator_idle",
      "the discriminator tells nothing apart",
      "It scores pictures and their reconstructions alike, as its hinge loss of 1 for each says: "
      "what it sends to the autoencoder is noise.",
      "The share of held-out pictures that it scores higher than their reconstructions, by an "
      "exact binomial test below 60 % in three evaluations.",
      "Reconstructions that are as good as the pictures: look at their PSNR.",
      "a discriminator that learns faster, or with less of a penalty",
      {kFasterD, kLighterPenalty, kLaterD}};
}

Kind discriminator_overpowers() {
  return {
      "discriminator_overpowers",
      "the discriminator ruins reconstructions that were good",
      "What pleases the discriminator has become worth more than what the picture shows: detail is "
      "invented, and the distance from the pictures grows.",
      "The mean error of reconstructions of held-out pictures beside the least one that the run "
      "has had, a rise of a quarter and beyond the noise of that many pictures; twice the error, "
      "and a discriminator that wins, is a collapse.",
      "A training that diverges by itself: then its loss says so without a discriminator, too. A "
      "small rise at the discriminator's start is its price.",
      "a smaller weight of the adversarial loss, a later start, or the adaptive weight",
      {kAdaptive, kWeakerD, kLaterD, kGentleD}};
}

}  // namespace allmodes::report
