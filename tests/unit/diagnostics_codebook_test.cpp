// Codebooks and discriminators of reconstructions: counts of codes against closed forms and against
// enumeration, and what the verdict says of planted cases.

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "diagnostics/latents/code_use.h"
#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {
namespace {

using Counts = std::vector<int64_t>;

const config::Verdict kOneEvaluation = [] {
  config::Verdict levels;
  levels.confirmations = 1;
  return levels;
}();

CodeCounts counted(int64_t codes, const Counts& found, int64_t places) {
  CodeCounts counts{.of_code = Counts(static_cast<size_t>(codes), 0)};
  add(counts, found, places, 1 << 20);
  return counts;
}

// What the collector makes of such codes.
Evidence evidence_of(const CodeCounts& counts) {
  return {.step = 100, .codes = code_figures(counts)};
}

// Pictures of 16 places that use the first `used` of the codes in turn.
Evidence evenly_used(int64_t codes, int64_t used, int64_t pictures) {
  Counts found(static_cast<size_t>(pictures * 16));
  for (size_t i = 0; i < found.size(); ++i) found[i] = static_cast<int64_t>(i) % used;
  return evidence_of(counted(codes, found, 16));
}

TEST(CodeUse, PerplexityIsTheNumberOfEquallyUsedCodes) {
  EXPECT_NEAR(perplexity(Counts{5, 5, 0, 5, 5}), 4, 1e-12);
  EXPECT_EQ(perplexity(Counts{0, 7, 0}), 1);
  EXPECT_EQ(perplexity(Counts{0, 0}), 1);
  EXPECT_NEAR(perplexity(Counts{1, 3}), std::pow(4, 0.25) * std::pow(4. / 3, 0.75), 1e-12);
}

TEST(CodeUse, ExpectationsAreThoseOfAllEquallyLikelyDraws) {
  for (const int64_t codes : {2, 3, 4}) {
    for (const int64_t draws : {1, 2, 5}) {
      double used = 0, entropy = 0, outcomes = 0;
      for (int64_t all = 0; all < std::llround(std::pow(codes, draws)); ++all) {
        Counts counts(static_cast<size_t>(codes), 0);
        for (int64_t draw = 0, rest = all; draw < draws; ++draw, rest /= codes)
          ++counts[static_cast<size_t>(rest % codes)];
        used += static_cast<double>(codes_used(counts));
        entropy += std::log(perplexity(counts));
        ++outcomes;
      }
      EXPECT_NEAR(expected_codes_used(codes, draws), used / outcomes, 1e-12);
      EXPECT_NEAR(expected_perplexity(codes, draws), std::exp(entropy / outcomes), 1e-9);
    }
  }
  EXPECT_NEAR(expected_perplexity(1000, 10'000'000), 999.95, 0.01);
  EXPECT_EQ(expected_codes_used(1, 10), 1);
}

TEST(CodeUse, IsCountedByPlaceAndAddsUpOverParts) {
  CodeCounts counts = counted(3, {0, 1, 0, 2}, 2);
  add(counts, Counts{0, 1}, 2, 1 << 20);
  EXPECT_EQ(counts.of_code, (Counts{3, 2, 1}));
  EXPECT_EQ(counts.of_place, (Counts{3, 0, 0, 0, 2, 1}));
  EXPECT_EQ(counts.pictures, 3);
  const auto entropies = entropy_by_place(counts.of_place, 2);
  EXPECT_EQ(entropies[0], 0);
  EXPECT_NEAR(entropies[1], std::log(3) - 2. / 3 * std::log(2), 1e-12);
  EXPECT_THROW(add(counts, Counts{3, 0}, 2, 1 << 20), Error);
  EXPECT_EQ(ages_of_dead(Counts{0, 1, 0}, std::vector<float>{7, 0, 2}),
            (std::vector<double>{2, 7}));
}

TEST(CodebookCollapse, IsHalfTheCodesDead) {
  const Verdict verdict = judge(evenly_used(512, 256, 1000), {}, kOneEvaluation);
  EXPECT_EQ(verdict.state, State::collapsed);
  EXPECT_EQ(verdict.kind, "codebook_collapse");
  EXPECT_NE(verdict.reason.find("256 of 512 codes (50 %) are at none of 16000 places"),
            std::string::npos)
      << verdict.reason;
}

TEST(CodebookCollapse, IsOneCodeForEverythingHoweverFewCodesThereAre) {
  for (const int64_t codes : {4, 512})
    EXPECT_EQ(judge(evenly_used(codes, 1, 1000), {}, kOneEvaluation).kind, "codebook_collapse");
  // All four are found, and nearly every place has the first.
  Counts found(16'000, 0);
  found[1] = 1, found[2] = 2, found[3] = 3;
  const Verdict verdict = judge(evidence_of(counted(4, found, 16)), {}, kOneEvaluation);
  EXPECT_EQ(verdict.kind, "codebook_collapse");
  EXPECT_EQ(verdict.state, State::collapsed);
}

TEST(CodebookCollapse, IsARiskWhereAThirdIsDead) {
  EXPECT_EQ(judge(evenly_used(512, 340, 1000), {}, kOneEvaluation).state, State::at_risk);
}

TEST(CodebookCollapse, IsNoneOfABookThatIsUsed) {
  EXPECT_EQ(judge(evenly_used(512, 512, 1000), {}, kOneEvaluation).state, State::healthy);
  EXPECT_EQ(judge(evenly_used(512, 460, 1000), {}, kOneEvaluation).state, State::healthy);
  // So few places could not use more.
  EXPECT_EQ(judge(evenly_used(4096, 4096, 10), {}, kOneEvaluation).state, State::healthy);
  EXPECT_EQ(judge(evenly_used(2, 2, 10), {}, kOneEvaluation).state, State::healthy);
}

// A third of the places has one code, as where a picture is mostly background.
TEST(CodebookCollapse, IsNoneOfCodesThatAreRareOrOfOneClassOnly) {
  Counts found;
  for (int64_t i = 0; i < 16'000; ++i) found.push_back(i % 3 == 0 ? 0 : i % 512);
  EXPECT_EQ(judge(evidence_of(counted(512, found, 16)), {}, kOneEvaluation).state, State::healthy);
  // The second half of the codes belongs to the last tenth of the pictures.
  found.clear();
  for (int64_t i = 0; i < 16'000; ++i) found.push_back(i < 14'400 ? i % 256 : 256 + i % 256);
  EXPECT_EQ(judge(evidence_of(counted(512, found, 16)), {}, kOneEvaluation).state, State::healthy);
}

Evidence reconstructed(double error, double told, uint64_t step = 1000) {
  return {.step = step,
          .reconstruction = ReconstructionFigures{error, 0.001, 1000},
          .pairs = PairFigures{std::llround(1000 * told), 1000}};
}

std::vector<PastEvaluation> after(const std::vector<Evidence>& earlier) {
  std::vector<PastEvaluation> history;
  for (const Evidence& evidence : earlier) history.push_back({evidence.step, summary(evidence)});
  return history;
}

TEST(DiscriminatorOverpowers, IsAnErrorThatRoseBeyondItsNoise) {
  const auto history = after({reconstructed(0.2, 0.9, 100), reconstructed(0.1, 0.9, 200)});
  EXPECT_EQ(judge(reconstructed(0.12, 0.9), history, kOneEvaluation).state, State::healthy);
  const Verdict risk = judge(reconstructed(0.13, 0.9), history, kOneEvaluation);
  EXPECT_EQ(risk.state, State::at_risk);
  EXPECT_EQ(risk.kind, "discriminator_overpowers");
  EXPECT_NE(risk.reason.find("rose from 0.1 at step 200 to 0.13 (+30 %, 1000 pictures)"),
            std::string::npos)
      << risk.reason;
  EXPECT_EQ(judge(reconstructed(0.25, 0.9), history, kOneEvaluation).state, State::collapsed);
  // A discriminator that does not win is no second instrument.
  EXPECT_EQ(judge(reconstructed(0.25, 0.65), history, kOneEvaluation).state, State::at_risk);
}

TEST(DiscriminatorOverpowers, IsNotSaidOfNoiseOrWithoutADiscriminator) {
  const auto history = after({reconstructed(0.1, 0.9, 200)});
  Evidence few = reconstructed(0.2, 0.9);
  few.reconstruction->standard_error = 0.05;
  EXPECT_EQ(judge(few, history, kOneEvaluation).state, State::healthy);
  Evidence alone = reconstructed(0.2, 0.9);
  alone.pairs.reset();
  EXPECT_EQ(judge(alone, history, kOneEvaluation).state, State::healthy);
  EXPECT_EQ(judge(reconstructed(0.2, 0.9), {}, kOneEvaluation).state, State::healthy);
}

TEST(DiscriminatorIdle, IsOneThatTellsNothingApartInThreeEvaluations) {
  const Evidence idle = reconstructed(0.1, 0.51);
  EXPECT_EQ(judge(idle, after({idle}), kOneEvaluation).state, State::healthy);
  const Verdict verdict = judge(idle, after({idle, idle}), kOneEvaluation);
  EXPECT_EQ(verdict.state, State::at_risk);
  EXPECT_EQ(verdict.kind, "discriminator_idle");
  EXPECT_EQ(judge(idle, after({reconstructed(0.1, 0.8), idle}), kOneEvaluation).state,
            State::healthy);
  const Evidence works = reconstructed(0.1, 0.7);
  EXPECT_EQ(judge(works, after({works, works}), kOneEvaluation).state, State::healthy);
}

TEST(Significance, OfAFirstStageIsSharedByTheErrorAndThePairs) {
  EXPECT_EQ(test_count(reconstructed(0.1, 0.9)), 2);
  EXPECT_EQ(test_count(evenly_used(8, 8, 10)), 1);
}

}  // namespace
}  // namespace allmodes::diagnostics
