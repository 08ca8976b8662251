// What comes at a bad moment: a signal while a run evaluates, saves or goes back; a disk that no
// longer answers; an error while another thread waits for the disk; less memory than is needed.

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/durable_file.h"
#include "checkpoints/checkpoint.h"
#include "crash/moments_fixture.h"
#include "run/work_watch.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;
using crash::Call;
using crash::Fault;
using crash::MomentsTest;
using ::testing::HasSubstr;

// Whatever a run is at when a signal comes, it saves and ends with 75, and goes on as if it had
// never been stopped.
TEST_F(MomentsTest, ASignalWhileARunEvaluatesGoesBackOrSavesIsNotLost) {
  ASSERT_EQ(train(crash::kVae, {}).code, 0) << messages();
  const crash::Outcome calm = crash::outcome_of(run());
  const std::vector<Fault> moments{
      // In the evaluation at step 400, whose verdict sends the run back to its beginning.
      {.call = Call::kRename, .part = "/verdict.json", .signal = SIGUSR1, .first = 3, .count = 1},
      // While it goes back.
      {.call = Call::kOpen, .part = "records-before-rollback", .signal = SIGTERM, .count = 1},
      // In the first save after that, which has to say that the run went back.
      {.call = Call::kMkdir,
       .part = "/.tmp-step-00000000",
       .signal = SIGHUP,
       .first = 2,
       .count = 1},
      // Before it has a number.
      {.call = Call::kOpen, .part = "run_id-", .signal = SIGXCPU, .count = 1},
  };
  for (const Fault& moment : moments) {
    SCOPED_TRACE(fmt::format("{} {}", crash::name_of(moment.call), moment.part));
    fs::remove_all(runs());
    const auto ended = train(crash::kVae, {moment});
    ASSERT_EQ(hits(), 1U) << "no such call";
    EXPECT_EQ(ended.signal, 0);
    EXPECT_EQ(ended.code, 75) << messages();
    EXPECT_FALSE(checkpoints::list_checkpoints(run().checkpoints()).empty());
    ASSERT_EQ(train(crash::kVae, {}, {}, /*resume=*/true).code, 0) << messages();
    EXPECT_TRUE(crash::outcome_of(run()) == calm);
  }
}

// A checkpoint is there or it is not, also where a run that goes back is killed while it removes
// one, or puts another in its place where the names of two folders cannot be exchanged, as on NFS.
TEST_F(MomentsTest, ACheckpointWhoseRemovalOrReplacementWasCutShortIsThereOrNot) {
  ASSERT_EQ(train(crash::kVae, {}).code, 0) << messages();
  const crash::Outcome calm = crash::outcome_of(run());
  const std::vector<Fault> moments{
      {.call = Call::kRemove, .part = "step-00000200", .signal = SIGKILL, .first = 2},
      {.call = Call::kRemove, .part = "step-00000200", .signal = SIGKILL, .first = 3},
      // The first rename saved it; the others found it there, moved it aside, and follow it.
      {.call = Call::kRename, .part = "/checkpoints/step-00000000", .signal = SIGKILL, .first = 4},
  };
  for (const Fault& killed : moments) {
    SCOPED_TRACE(fmt::format("{} {}", crash::name_of(killed.call), killed.first));
    fs::remove_all(runs());
    exchange_ = false;
    ASSERT_EQ(train(crash::kVae, {killed}).signal, SIGKILL) << messages();
    exchange_ = true;
    std::vector<std::string> refused;
    EXPECT_TRUE(checkpoints::open_newest(run().checkpoints(), refused).has_value());
    EXPECT_TRUE(refused.empty()) << refused[0];
    ASSERT_EQ(train(crash::kVae, {}, {}, /*resume=*/true).code, 0) << messages();
    EXPECT_TRUE(crash::outcome_of(run()) == calm);
  }
}

// A thread that waits for the disk holds up no message, and not the end of the job.
TEST_F(MomentsTest, AnErrorIsReportedAtOnceThoughAThreadWaitsForTheDisk) {
  const Fault slow{
      .call = Call::kSync, .part = "/generator.safetensors", .block_s = 30, .count = 1};
  // Once the thread waits; the next save, which would wait for this one, is a thousand steps away.
  const Fault full{.call = Call::kWrite, .part = "/records.jsonl", .error = ENOSPC, .after = 1};
  const auto ended =
      train(crash::kRing, {slow, full},
            {"steps=3000", "diagnostics.log_every=1", "diagnostics.evaluate_every=100000",
             "images.every=0", "checkpoints.every=1000"});
  EXPECT_GE(hits(), 2U) << "the disk was not waited for";
  EXPECT_EQ(ended.code, 74) << messages();
  EXPECT_THAT(messages(), HasSubstr("records.jsonl"));
  EXPECT_LT(seconds_, 15);
}

constexpr const char* kQuickLimits[] = {"watchdog.limit_s=1", "watchdog.stage_limit_s=2"};
const std::vector<std::string> kQuick(std::begin(kQuickLimits), std::end(kQuickLimits));

// Nobody else waits for a rank that is alone, and it still does not wait for ever.
TEST_F(MomentsTest, ADiskThatHangsWhileARunSavesEndsAJobOfOneRankAndIsNamed) {
  const Fault hang{
      .call = Call::kSync, .part = "/generator.safetensors", .block_s = 300, .first = 2};
  const auto ended = train(crash::kRing, {hang}, kQuick);
  EXPECT_EQ(ended.code, 68) << messages();
  EXPECT_THAT(messages(), HasSubstr("rank 0"));
  EXPECT_THAT(messages(), HasSubstr("checkpoint"));
  EXPECT_LT(seconds_, 20);
  // What was saved before is whole.
  ASSERT_EQ(train(crash::kRing, {}, {}, /*resume=*/true).code, 0) << messages();
  EXPECT_EQ(checkpoints::list_checkpoints(run().checkpoints()).back().first, 24U);
}

// So many grey pictures of 40 x 40 pixels in a folder.
void write_pictures(const fs::path& folder, int count) {
  fs::create_directories(folder);
  for (int i = 0; i < count; ++i)
    std::ofstream(folder / fmt::format("{}.pgm", i), std::ios::binary)
        << "P5 40 40 255\n"
        << std::string(1600, static_cast<char>(8 * i));
}

std::string config_of_pictures(const fs::path& folder) {
  return fmt::format(R"(name: "pictures" batch: 8 steps: 2
data {{ dataset: "images" path: "{}" image_size: 8 threads: 1 cache: "memory" }}
gan {{
  latent {{ dimension: 4 }}
  generator {{ width: 8 depth: 1 }}
  discriminator {{ width: 8 depth: 1 }}
}}
diagnostics {{ log_every: 2 evaluate_every: 100 samples: 64 calibration_draws: 50 }}
images {{ every: 0 count: 4 }}
)",
                     folder.string());
}

// One small picture after another from a slow disk: little work and few bytes, and no hang, though
// all of them take longer than a stage may take without progress.
TEST_F(MomentsTest, DataThatLoadSlowlyAreNoHangAndALoaderThatStandsStillIsOne) {
  write_pictures(folder() / "pictures", 20);
  const std::string config = config_of_pictures(folder() / "pictures");
  const Fault slow{.call = Call::kRead, .part = ".pgm", .block_s = 0.08};
  const auto well = train(config, {slow}, kQuick);
  EXPECT_EQ(well.code, 0) << messages();
  EXPECT_GE(hits(), 20U);
  EXPECT_GT(seconds_, 3);
  fs::remove_all(runs());
  const Fault hang{.call = Call::kRead, .part = ".pgm", .block_s = 300, .first = 5};
  const auto stuck = train(config, {hang}, kQuick);
  EXPECT_EQ(stuck.code, 68) << messages();
  EXPECT_THAT(messages(), HasSubstr("loading data"));
  EXPECT_LT(seconds_, 20);
}

TEST_F(MomentsTest, ARunThatNeedsMoreMemoryThanThereIsSaysSo) {
  // As much as this process has, and a little.
  std::ifstream status("/proc/self/statm");
  rlim_t pages = 0;
  status >> pages;
  const rlim_t memory = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (rlim_t{1} << 29);
  const auto ended = train(crash::kRing, {}, {"batch=8388608", "gan.generator.width=256"},
                           /*resume=*/false, memory);
  EXPECT_EQ(ended.signal, 0);
  EXPECT_EQ(ended.code, 71) << messages();
  EXPECT_THAT(messages(), HasSubstr("out of memory"));
}

// No value that is in its range is cut on its way to where it is used.
TEST_F(MomentsTest, CountsAtTheUpperEndsOfTheirRangesAreTakenAsTheyAre) {
  const std::string most = std::to_string(int64_t{1} << 32);  // 0 as an int
  std::vector<std::string> overrides;
  for (const char* field :
       {"checkpoints.keep", "diagnostics.log_every", "diagnostics.evaluate_every", "images.every",
        "consistency.replicas_every", "consistency.nonfinite_limit"})
    overrides.push_back(std::string(field) + "=" + most);
  const auto ended = train(crash::kRing, {}, overrides);
  EXPECT_EQ(ended.code, 0) << messages();
  EXPECT_EQ(checkpoints::list_checkpoints(run().checkpoints()).size(), 3U);
}

// What a network file system refuses for a moment is asked for again; what it goes on refusing ends
// the job with a code, names the file, and begins no other run.
TEST_F(MomentsTest, AResumeOutlastsErrorsThatPassAndRefusesThoseThatStay) {
  const Fault full{.call = Call::kMkdir, .part = "/.tmp-step-", .error = ENOSPC, .first = 3};
  ASSERT_EQ(train(crash::kRing, {full}).code, 73) << messages();
  const auto stopped = fs::file_size(run().records());
  const auto stays =
      train(crash::kRing, {{.call = Call::kRead, .part = "/generator.safetensors", .error = EIO}},
            {}, /*resume=*/true);
  EXPECT_EQ(stays.code, 74) << messages();
  EXPECT_THAT(messages(), HasSubstr("/generator.safetensors"));
  EXPECT_THAT(messages(), HasSubstr("Input/output error"));
  EXPECT_GE(hits(), 3U) << "not asked again";
  EXPECT_EQ(fs::file_size(run().records()), stopped);
  const auto passes =
      train(crash::kRing,
            {{.call = Call::kOpenToRead, .part = "/manifest.pb", .error = EIO, .count = 2},
             {.call = Call::kList, .part = "/checkpoints", .error = ESTALE, .count = 1}},
            {}, /*resume=*/true);
  EXPECT_EQ(passes.code, 0) << messages();
  EXPECT_EQ(hits(), 3U);
  EXPECT_EQ(checkpoints::list_checkpoints(run().checkpoints()).back().first, 24U);
  EXPECT_EQ(std::distance(fs::directory_iterator(runs()), fs::directory_iterator()), 1);
}

}  // namespace
}  // namespace allmodes
