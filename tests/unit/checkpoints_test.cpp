#include "checkpoints/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <limits>
#include <set>

#include "base/durable_file.h"
#include "base/error.h"

namespace allmodes::checkpoints {
namespace {

namespace fs = std::filesystem;

const std::array<float, 4> kWeights{1, 2, 3, 4};

Payload payload(const float* data = kWeights.data()) {
  const TensorView weight{"weight", DType::kF32, {2, 2}, data, 16};
  const TensorView bias{"bias", DType::kF32, {2}, data, 8};
  return {{"generator", {weight, bias}}, {"discriminator", {weight}}};
}

State state_at(uint64_t step) {
  State state;
  state.step = step;
  state.samples = step * 64;
  state.config = "name: \"ring\"\n";
  state.allmodes_version = "0.1";
  state.libtorch_version = "2.11.0";
  state.data_fingerprint = 0xfedcba9876543210;
  state.ranks = 2;
  state.trained_seconds = 12.25;
  state.optimizer_steps = {{"generator", 10}, {"discriminator", 20}};
  state.verdicts = {{100, "healthy", "", "all modes covered"},
                    {200, "collapsed", "mode_dropping", "3 of 8 missing"}};
  state.evaluations = {
      {100, {{"modes_covered", 8}, {"kl", std::numeric_limits<double>::infinity()}}}, {200, {}}};
  state.run_id = "00ab00cd00ef0011";
  state.data = {.channels = 3,
                .height = 4,
                .width = 5,
                .image = true,
                .classes = 3,
                .size = 70,
                .existing_classes = {0, 2},
                .dimensions = {3, 4, 5},
                .column_means = {1.5F},
                .column_deviations = {0.25F}};
  state.since_evaluation = {.evaluated_step = 200,
                            .margin_count = 3,
                            .margin_sum = 0.5,
                            .margin_sum_squares = 0.25,
                            .skipped_steps = 7,
                            .skipped_steps_evaluated = 5};
  return state;
}

class CheckpointsTest : public testing::Test {
 protected:
  CheckpointsTest()
      : folder_(fs::temp_directory_path() /
                fmt::format("allmodes-checkpoints-{}-{}", ::getpid(),
                            testing::UnitTest::GetInstance()->current_test_info()->name())) {}
  ~CheckpointsTest() override { fs::remove_all(folder_); }

  std::set<std::string> entries() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
  static void put(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static std::string refusal(const fs::path& folder) {
    try {
      open(folder);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kDataError);
      return error.what();
    }
    return "accepted";
  }
  fs::path folder_;
};

TEST_F(CheckpointsTest, WhatIsSavedOpensToTheSame) {
  const fs::path saved = save(folder_, state_at(1000), payload(), 3);
  EXPECT_EQ(saved, folder_ / "step-00001000");
  const Opened opened = open(saved);
  EXPECT_EQ(opened.state, state_at(1000));
  EXPECT_EQ(opened.stems, (std::vector<std::string>{"discriminator", "generator"}));
  std::array<float, 4> weights{};
  opened.file("generator").read("weight", weights.data(), 16);
  EXPECT_EQ(weights, kWeights);
  EXPECT_TRUE(opened.has("generator"));
  EXPECT_FALSE(opened.has("encoder"));
  EXPECT_THROW(opened.file("encoder"), Error);
  EXPECT_EQ(entries(), std::set<std::string>{"step-00001000"});
}

TEST_F(CheckpointsTest, EveryDamagedByteIsRefusedByTheNameOfItsFile) {
  const fs::path saved = save(folder_, state_at(7), payload(), 1);
  for (const char* name : {"manifest.pb", "generator.safetensors", "discriminator.safetensors"}) {
    const std::string whole = read_file(saved / name);
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string damaged = whole;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << (i % 8)));
      put(saved / name, damaged);
      ASSERT_NE(refusal(saved).find(name), std::string::npos) << name << " byte " << i;
    }
    put(saved / name, whole);
  }
  EXPECT_EQ(refusal(saved), "accepted");
}

TEST_F(CheckpointsTest, EveryTruncatedOrExtendedFileIsRefusedByName) {
  const fs::path saved = save(folder_, state_at(7), payload(), 1);
  for (const char* name : {"manifest.pb", "generator.safetensors"}) {
    const std::string whole = read_file(saved / name);
    for (size_t length = 0; length < whole.size(); ++length) {
      put(saved / name, whole.substr(0, length));
      ASSERT_NE(refusal(saved).find(name), std::string::npos) << name << " " << length;
    }
    put(saved / name, whole + "x");
    EXPECT_NE(refusal(saved).find(name), std::string::npos);
    put(saved / name, whole);
  }
}

TEST_F(CheckpointsTest, TheNewestGoodOneIsTakenAndTheDamagedNamed) {
  for (const uint64_t step : {100, 200, 300, 400}) save(folder_, state_at(step), payload(), 9);
  fs::remove(folder_ / "step-00000400" / "generator.safetensors");
  fs::remove(folder_ / "step-00000300" / "manifest.pb");
  std::vector<std::string> refused;
  const auto opened = open_newest(folder_, refused);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->state.step, 200U);
  ASSERT_EQ(refused.size(), 2U);
  EXPECT_NE(refused[0].find("step-00000400/generator.safetensors"), std::string::npos);
  EXPECT_NE(refused[1].find("step-00000300/manifest.pb"), std::string::npos);
}

TEST_F(CheckpointsTest, ARenamedFolderIsRefused) {
  save(folder_, state_at(100), payload(), 9);
  fs::rename(folder_ / "step-00000100", folder_ / "step-00000900");
  std::vector<std::string> refused;
  EXPECT_FALSE(open_newest(folder_, refused).has_value());
  EXPECT_EQ(refused.size(), 1U);
}

TEST_F(CheckpointsTest, NoFolderIsNoCheckpoint) {
  std::vector<std::string> refused;
  EXPECT_FALSE(open_newest(folder_ / "absent", refused).has_value());
  EXPECT_TRUE(refused.empty());
}

TEST_F(CheckpointsTest, AHalfWrittenTemporaryFolderIsIgnoredAndRemovedByTheNextSave) {
  save(folder_, state_at(100), payload(), 9);
  fs::create_directories(folder_ / ".tmp-step-00000200-1");
  put(folder_ / ".tmp-step-00000200-1" / "generator.safetensors", "half");
  std::vector<std::string> refused;
  EXPECT_EQ(open_newest(folder_, refused)->state.step, 100U);
  EXPECT_TRUE(refused.empty());
  save(folder_, state_at(200), payload(), 9);
  EXPECT_EQ(entries(), (std::set<std::string>{"step-00000100", "step-00000200"}));
}

TEST_F(CheckpointsTest, TheNewestAreKept) {
  for (uint64_t step = 1; step <= 6; ++step) save(folder_, state_at(step), payload(), 2);
  EXPECT_EQ(entries(), (std::set<std::string>{"step-00000005", "step-00000006"}));
}

TEST_F(CheckpointsTest, MoreThanAnIntHoldsAreKeptAsManyAsAsked) {
  for (const int64_t keep : {int64_t{1} << 32, (int64_t{1} << 48) - 1, (int64_t{1} << 32) + 1})
    for (uint64_t step = 1; step <= 3; ++step) save(folder_, state_at(step), payload(), keep);
  EXPECT_EQ(entries(), (std::set<std::string>{"step-00000001", "step-00000002", "step-00000003"}));
}

TEST_F(CheckpointsTest, LaterCheckpointsOfAnAbandonedContinuationDoNotPushOutTheNewOne) {
  for (const uint64_t step : {100, 800, 900}) save(folder_, state_at(step), payload(), 9);
  save(folder_, state_at(200), payload(), 1);
  EXPECT_EQ(entries(), (std::set<std::string>{"step-00000200", "step-00000800", "step-00000900"}));
}

TEST_F(CheckpointsTest, SavingAStepAgainReplacesIt) {
  save(folder_, state_at(100), payload(), 2);
  const std::array<float, 4> other{9, 9, 9, 9};
  save(folder_, state_at(100), payload(other.data()), 2);
  std::array<float, 4> weights{};
  open(folder_ / "step-00000100").file("generator").read("weight", weights.data(), 16);
  EXPECT_EQ(weights, other);
  EXPECT_EQ(entries(), std::set<std::string>{"step-00000100"});
}

TEST_F(CheckpointsTest, ASaveThatFailsLeavesTheEarlierCheckpointsAndNothingElse) {
  save(folder_, state_at(100), payload(), 1);
  const std::vector<float> large(100'000);
  const TensorView tensor{"w", DType::kF32, {100'000}, large.data(), 400'000};
  // A file-size limit stands in for a full disk.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  ExitCode code = ExitCode::kOk;
  try {
    save(folder_, state_at(200), {{"generator", {tensor}}}, 1);
  } catch (const Error& error) {
    code = error.code();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, ExitCode::kInputOutput);
  EXPECT_EQ(entries(), std::set<std::string>{"step-00000100"});
  EXPECT_EQ(refusal(folder_ / "step-00000100"), "accepted");
}

TEST_F(CheckpointsTest, TextThatIsNotUtf8IsSavedAndRead) {
  State state = state_at(100);
  state.verdicts = {{100, "collapsed", "mode_dropping", "caf\xe9 is missing"}};
  state.rollbacks = {{.from_step = 100, .to_step = 50, .kind = "\xff", .reason = "caf\xe9"}};
  state.evaluations = {{100, {{"share_caf\xe9", 0.5}}}};
  save(folder_, state, payload(), 1);
  const Opened opened = open(folder_ / "step-00000100");
  EXPECT_EQ(opened.state.verdicts[0].reason, "caf\\xE9 is missing");
  EXPECT_EQ(opened.state.rollbacks[0].kind, "\\xFF");
  EXPECT_EQ(opened.state.evaluations[0].values[0].first, "share_caf\\xE9");
}

TEST_F(CheckpointsTest, DamageIsNamedByItsTensor) {
  const fs::path saved = save(folder_, state_at(7), payload(), 1);
  const fs::path path = saved / "generator.safetensors";
  const std::string whole = read_file(path);
  std::string damaged = whole;
  damaged[whole.size() - 1] ^= 1;
  put(path, damaged);
  EXPECT_NE(refusal(saved).find("in tensor 'bias' (bytes "), std::string::npos) << refusal(saved);
  damaged[whole.size() - 9] ^= 1;
  put(path, damaged);
  EXPECT_NE(refusal(saved).find("in tensor 'weight' (bytes "), std::string::npos);
  EXPECT_NE(refusal(saved).find("and 1 more of its 2 tensors"), std::string::npos);
  damaged = whole;
  damaged[20] ^= 1;
  put(path, damaged);
  EXPECT_NE(refusal(saved).find("in its header"), std::string::npos);
  put(path, whole.substr(0, whole.size() - 10));
  EXPECT_NE(refusal(saved).find("cut off within tensor 'weight'"), std::string::npos);
  put(path, whole.substr(0, whole.size() - 8));
  EXPECT_NE(refusal(saved).find("cut off before tensor 'bias'"), std::string::npos);
}

TEST_F(CheckpointsTest, AReplacedCheckpointCountsUntilItsSuccessorIsThere) {
  // What is left by a kill between the two renames of a file system that cannot exchange names.
  save(folder_, state_at(100), payload(), 2);
  fs::rename(folder_ / "step-00000100", folder_ / "step-00000100.replaced");
  std::vector<std::string> refused;
  EXPECT_EQ(open_newest(folder_, refused)->state.step, 100U);
  save(folder_, state_at(200), payload(), 2);
  EXPECT_EQ(entries(), (std::set<std::string>{"step-00000100", "step-00000200"}));

  // And by one after the second.
  fs::copy(folder_ / "step-00000200", folder_ / "step-00000200.replaced");
  put(folder_ / "step-00000200.replaced" / "manifest.pb", "old");
  EXPECT_EQ(open_newest(folder_, refused)->folder, folder_ / "step-00000200");
  EXPECT_TRUE(refused.empty());
  remove_after(folder_, 100);
  EXPECT_EQ(entries(), std::set<std::string>{"step-00000100"});
}

TEST_F(CheckpointsTest, AFolderThatCannotBeReadIsNoEmptyOne) {
  put(folder_, "a file");
  EXPECT_THROW(list_checkpoints(folder_), Error);
}

TEST_F(CheckpointsTest, FilesHaveThePermissionsThatTheUmaskLeaves) {
  const mode_t before = ::umask(077);
  const fs::path saved = save(folder_, state_at(100), payload(), 1);
  ::umask(before);
  for (const auto& path : {folder_, saved}) {
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all) << path;
  }
  for (const auto& file : fs::directory_iterator(saved)) {
    EXPECT_EQ(file.status().permissions(), fs::perms::owner_read | fs::perms::owner_write)
        << file.path();
  }
}

TEST_F(CheckpointsTest, AStemCannotLeaveTheFolder) {
  const TensorView tensor{"w", DType::kF32, {4}, kWeights.data(), 16};
  EXPECT_THROW(save(folder_, state_at(1), {{"../evil", {tensor}}}, 1), Error);
  EXPECT_TRUE(entries().empty());
}

TEST_F(CheckpointsTest, AFolderWithoutAManifestIsNoInput) {
  try {
    open(folder_ / "step-00000001");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNoInput);
  }
}

}  // namespace
}  // namespace allmodes::checkpoints
