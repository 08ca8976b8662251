// What is refused of a discriminator's remedies before any work.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/families.h"
#include "config/load.h"

namespace allmodes::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> refused(std::string_view text) {
  std::vector<std::string> paths;
  for (const auto& problem : parse(text, "a.txtpb").problems) paths.push_back(problem.path);
  return paths;
}

TEST(AdversarialChecks, PacksHaveToFillABatchAndAMicrobatch) {
  EXPECT_THAT(refused("batch: 64 gan { packing: 4 }"), IsEmpty());
  EXPECT_THAT(refused("batch: 64 microbatches: 16 gan { packing: 4 }"), IsEmpty());
  EXPECT_THAT(refused("batch: 64 gan { packing: 3 }"), ElementsAre("gan.packing"));
  EXPECT_THAT(refused("batch: 64 microbatches: 32 gan { packing: 4 }"), ElementsAre("gan.packing"));
  EXPECT_THAT(refused("batch: 64 aae { packing: 3 }"), ElementsAre("aae.packing"));
  EXPECT_THAT(refused("batch: 63 gan { mode_seeking: 1 }"), ElementsAre("gan.mode_seeking"));
  EXPECT_THAT(parse("batch: 64 gan { packing: 3 }", "a.txtpb").problems[0].message,
              HasSubstr("64 is no multiple of 1 microbatches x 3 samples"));
}

TEST(AdversarialChecks, SamplesTakenTogetherAreThoseOfPacksAndPairs) {
  const auto together = [](std::string_view text) {
    return samples_together(parse(text, "a.txtpb").config);
  };
  EXPECT_EQ(together("gan {}"), 1);
  EXPECT_EQ(together("gan { packing: 3 } batch: 60"), 3);
  EXPECT_EQ(together("gan { mode_seeking: 1 }"), 2);
  EXPECT_EQ(together("gan { packing: 3 mode_seeking: 1 } batch: 60"), 6);
  EXPECT_EQ(together("gan { packing: 4 mode_seeking: 1 }"), 4);
  EXPECT_EQ(together("aae { packing: 2 }"), 2);
  EXPECT_EQ(together("vae {}"), 1);
}

TEST(AdversarialChecks, WhatTakesTheWholeBatchTakesNoMicrobatches) {
  EXPECT_THAT(refused("gan { unrolled_steps: 3 }"), IsEmpty());
  EXPECT_THAT(refused("microbatches: 2 gan { unrolled_steps: 3 }"),
              ElementsAre("gan.unrolled_steps"));
  EXPECT_THAT(refused("microbatches: 2 gan { mode_seeking: 1 }"), ElementsAre("gan.mode_seeking"));
}

TEST(AdversarialChecks, UnrolledStepsDifferentiateTheDiscriminatorTwice) {
  EXPECT_THAT(refused("gan { unrolled_steps: 1 discriminator { norm: \"sync_batch\" } }"),
              ElementsAre("gan.discriminator.norm"));
  EXPECT_THAT(refused("gan { unrolled_steps: 1 generator { norm: \"sync_batch\" } }"), IsEmpty());
}

TEST(AdversarialChecks, WhatHasNothingToActOnIsRefused) {
  EXPECT_THAT(refused("gan { instance_noise_steps: 100 }"),
              ElementsAre("gan.instance_noise_steps"));
  EXPECT_THAT(refused("gan { conditioning: \"projection\" packing: 2 }"),
              ElementsAre("gan.packing"));
}

}  // namespace
}  // namespace allmodes::config
