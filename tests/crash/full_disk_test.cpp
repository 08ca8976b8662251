// A disk that is full for a while: the run goes on, and when there is space again everything that
// it had to write is there, once. Only a disk that stays full ends it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoints/checkpoint.h"
#include "crash/moments_fixture.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;
using crash::Call;
using crash::Fault;
using ::testing::HasSubstr;
using ::testing::Not;

class FullDiskTest : public crash::MomentsTest {
 protected:
  static size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
};

TEST_F(FullDiskTest, ACheckpointThatFindsNoSpaceForAWhileIsWrittenWhenThereIsSome) {
  ASSERT_EQ(train(crash::kRing, {}).code, 0) << messages();
  const crash::Outcome calm = crash::outcome_of(run());
  for (const Call call : {Call::kMkdir, Call::kOpen, Call::kWrite, Call::kSync, Call::kClose}) {
    for (const int error : {ENOSPC, EDQUOT}) {
      SCOPED_TRACE(fmt::format("{}: {}", crash::name_of(call), error));
      fs::remove_all(runs());
      const char* part = call == Call::kMkdir ? "/.tmp-step-" : "/generator.safetensors";
      const auto ended = train(
          crash::kRing, {{.call = call, .part = part, .error = error, .first = 2, .count = 2}},
          {"checkpoints.wait_for_space_s=60"});
      EXPECT_EQ(hits(), 2U);
      EXPECT_EQ(ended.code, 0) << messages();
      EXPECT_EQ(count(messages(), "no space left"), 1U) << messages();
      EXPECT_EQ(count(messages(), "there is space again"), 1U) << messages();
      EXPECT_TRUE(crash::outcome_of(run()) == calm);
    }
  }
}

TEST_F(FullDiskTest, RecordsThatFindNoSpaceForAWhileAreKeptInOrderAndWrittenOnce) {
  ASSERT_EQ(train(crash::kRing, {}).code, 0) << messages();
  const crash::Outcome calm = crash::outcome_of(run());
  fs::remove_all(runs());
  // One byte of a line still finds room.
  const std::vector<Fault> full{
      {.call = Call::kWrite, .part = "/records.jsonl", .shorten = true, .first = 4, .count = 1},
      {.call = Call::kWrite, .part = "/records.jsonl", .error = ENOSPC, .first = 5, .count = 4},
      {.call = Call::kSync, .part = "/records.jsonl", .error = EDQUOT, .count = 1}};
  const auto ended = train(crash::kRing, full, {"checkpoints.wait_for_space_s=60"});
  EXPECT_EQ(hits(), 6U);
  EXPECT_EQ(ended.code, 0) << messages();
  EXPECT_TRUE(crash::outcome_of(run()) == calm);
}

// A checkpoint says that the records before it are there, and a run that goes on from it does not
// make them again.
TEST_F(FullDiskTest, NoCheckpointIsCommittedWhileRecordsBeforeItWaitForSpace) {
  ASSERT_EQ(train(crash::kRing, {}).code, 0) << messages();
  const crash::Outcome calm = crash::outcome_of(run());
  fs::remove_all(runs());
  const std::vector<Fault> full_and_killed{
      // The first record of losses, of step 5.
      {.call = Call::kWrite, .part = "/records.jsonl", .error = ENOSPC, .first = 3},
      {.call = Call::kRename, .part = "/verdict.json", .block_s = 0.5, .signal = SIGKILL}};
  ASSERT_EQ(train(crash::kRing, full_and_killed, {"checkpoints.wait_for_space_s=60"}).signal,
            SIGKILL)
      << messages();
  EXPECT_TRUE(checkpoints::list_checkpoints(run().checkpoints()).empty());
  ASSERT_EQ(train(crash::kRing, {}, {}, /*resume=*/true).code, 0) << messages();
  EXPECT_TRUE(crash::outcome_of(run()) == calm);
}

TEST_F(FullDiskTest, ARunThatGoesOnOrGoesBackOnAFullDiskWaitsToo) {
  ASSERT_EQ(train(crash::kVae, {}).code, 0) << messages();
  const crash::Outcome calm = crash::outcome_of(run());
  fs::remove_all(runs());
  EXPECT_EQ(
      train(crash::kVae,
            {{.call = Call::kOpen, .part = "records-before-rollback", .error = ENOSPC, .count = 2}})
          .code,
      0)
      << messages();
  EXPECT_EQ(hits(), 2U);
  EXPECT_TRUE(crash::outcome_of(run()) == calm);

  fs::remove_all(runs());
  ASSERT_EQ(
      train(crash::kVae,
            {{.call = Call::kMkdir, .part = "/.tmp-step-00000200", .signal = SIGKILL, .count = 1}})
          .signal,
      SIGKILL);
  EXPECT_EQ(
      train(crash::kVae,
            {{.call = Call::kWrite, .part = "/.tmp-config.txtpb", .error = ENOSPC, .count = 1},
             {.call = Call::kOpen, .part = "/records.jsonl", .error = ENOSPC, .count = 2}},
            {}, /*resume=*/true)
          .code,
      0)
      << messages();
  EXPECT_EQ(hits(), 3U);
  EXPECT_TRUE(crash::outcome_of(run()) == calm);
}

TEST_F(FullDiskTest, ADiskThatStaysFullEndsTheRunWhichThenGoesOnFromItsLastCheckpoint) {
  ASSERT_EQ(train(crash::kRing, {}).code, 0) << messages();
  const crash::Outcome calm = crash::outcome_of(run());
  fs::remove_all(runs());
  const auto ended =
      train(crash::kRing,
            {{.call = Call::kSync, .part = "/generator.safetensors", .error = ENOSPC, .first = 2}},
            {"checkpoints.wait_for_space_s=1"});
  EXPECT_EQ(ended.code, 74) << messages();
  EXPECT_GE(hits(), 3U);
  EXPECT_THAT(messages(), HasSubstr("tried again for 1 s"));
  EXPECT_THAT(messages(), HasSubstr("free some and resume"));
  const auto left = checkpoints::list_checkpoints(run().checkpoints());
  ASSERT_EQ(left.size(), 1U) << messages();
  EXPECT_EQ(left[0].first, 8U);
  ASSERT_EQ(train(crash::kRing, {}, {}, /*resume=*/true).code, 0) << messages();
  EXPECT_TRUE(crash::outcome_of(run()) == calm);
}

// What is no lack of space does not pass by waiting.
TEST_F(FullDiskTest, OtherErrorsAreNotWaitedFor) {
  const auto ended =
      train(crash::kRing, {{.call = Call::kWrite, .part = "/generator.safetensors", .error = EIO}},
            {"checkpoints.wait_for_space_s=60"});
  EXPECT_EQ(ended.code, 74) << messages();
  EXPECT_EQ(hits(), 1U);
  EXPECT_THAT(messages(), Not(HasSubstr("tries again")));
}

// Each log step takes a sixth of a second; a checkpoint each second, and the bits of a run that
// saved at its end alone.
TEST_F(FullDiskTest, SavesByTheClockBoundWhatALossCostsAndChangeNothingElse) {
  const std::vector<std::string> steps{"diagnostics.log_every=1", "checkpoints.every=0",
                                       "checkpoints.keep=100"};
  ASSERT_EQ(train(crash::kRing, {}, steps).code, 0) << messages();
  EXPECT_EQ(checkpoints::list_checkpoints(run().checkpoints()).size(), 1U);
  const crash::Outcome calm = crash::outcome_of(run());
  fs::remove_all(runs());
  auto by_the_clock = steps;
  by_the_clock.emplace_back("checkpoints.every_s=1");
  const Fault slow{.call = Call::kWrite, .part = "/records.jsonl", .block_s = 0.17};
  ASSERT_EQ(train(crash::kRing, {slow}, by_the_clock).code, 0) << messages();
  const auto saved = checkpoints::list_checkpoints(run().checkpoints());
  EXPECT_GE(saved.size(), 3U);
  for (size_t i = 1; i < saved.size(); ++i) EXPECT_LE(saved[i].first - saved[i - 1].first, 12U);
  EXPECT_TRUE(crash::outcome_of(run()) == calm);
}

}  // namespace
}  // namespace allmodes
