#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/durable_file.h"
#include "base/error.h"
#include "checkpoints/checkpoint.h"
#include "records/json_lines.h"
#include "records/run_folder.h"
#include "report/verify_run.h"

namespace allmodes::report {
namespace {

namespace fs = std::filesystem;

// A whole run: two checkpoints, three records, a verdict.
class VerifyRunTest : public testing::Test {
 protected:
  VerifyRunTest()
      : base_(fs::temp_directory_path() /
              fmt::format("allmodes-verify-{}-{}", ::getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name())),
        run_{records::create_run_folder(base_, "ring")} {
    static constexpr std::array<float, 4> kWeights{1, 2, 3, 4};
    const checkpoints::TensorView weight{
        "weight", checkpoints::DType::kF32, {4}, kWeights.data(), 16};
    for (const uint64_t step : {10, 20}) {
      checkpoints::State state;
      state.step = step;
      checkpoints::save(run_.checkpoints(), state, {{"generator", {weight}}}, 9);
    }
    records::JsonLinesSink sink(run_.records());
    for (const uint64_t step : {5, 10, 20})
      sink.write({.kind = "train", .step = step, .values = {}});
    write_file_atomically(run_.verdict(), R"({"step": 20, "state": "healthy"})");
  }
  ~VerifyRunTest() override { fs::remove_all(base_); }

  // What is wrong, one text each.
  std::vector<std::string> wrong() const {
    std::vector<std::string> texts;
    for (const Checked& checked : verify_run(run_.root))
      if (!checked.good) texts.push_back(checked.what + ": " + checked.text);
    return texts;
  }
  void expect_wrong(const std::string& what) const {
    const auto texts = wrong();
    ASSERT_EQ(texts.size(), 1U) << what;
    EXPECT_NE(texts[0].find(what), std::string::npos) << texts[0];
  }

  fs::path base_;
  records::RunFolder run_;
};

TEST_F(VerifyRunTest, AWholeRunHasOneGoodLineForEachThing) {
  const auto all = verify_run(run_.root);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].what, "checkpoints/step-00000010");
  EXPECT_EQ(all[2].text, "3 records up to step 20");
  EXPECT_TRUE(std::ranges::all_of(all, &Checked::good));
}

TEST_F(VerifyRunTest, ADamagedCheckpointIsNamedWithItsTensor) {
  const fs::path file = run_.checkpoints() / "step-00000020" / "generator.safetensors";
  std::string bytes = read_file(file);
  bytes.back() ^= 1;
  write_file_atomically(file, bytes);
  expect_wrong("in tensor 'weight'");
}

TEST_F(VerifyRunTest, ARenamedCheckpointIsNamed) {
  fs::rename(run_.checkpoints() / "step-00000020", run_.checkpoints() / "step-00000030");
  expect_wrong("checkpoints/step-00000030: holds step 20");
}

TEST_F(VerifyRunTest, LinesThatAreNoRecordsAreNamed) {
  std::ofstream(run_.records(), std::ios::app) << "nonsense\n";
  expect_wrong("records.jsonl:4: no record");
}

TEST_F(VerifyRunTest, RecordsThatStandTwiceAreNamed) {
  const std::string before = read_file(run_.records());
  std::ofstream(run_.records(), std::ios::app)
      << before.substr(before.rfind('\n', before.size() - 2) + 1);
  expect_wrong("step 20 stands twice");
}

TEST_F(VerifyRunTest, RecordsOfABackwardStepAreNamed) {
  std::ofstream(run_.records(), std::ios::app)
      << records::to_json({.kind = "train", .step = 7, .values = {}}) << "\n";
  expect_wrong("step 7 follows one of step 20");
}

TEST_F(VerifyRunTest, AVerdictThatIsNoneIsNamed) {
  write_file_atomically(run_.verdict(), "{");
  expect_wrong("verdict.json: is no verdict");
}

TEST_F(VerifyRunTest, WhatAKilledRunLeavesIsSaidAndIsNoDamage) {
  std::ofstream(run_.records(), std::ios::app) << R"({"record":"tr)";
  std::ofstream(temporary_beside(run_.verdict())) << "{";
  EXPECT_TRUE(wrong().empty());
  EXPECT_EQ(verify_run(run_.root).size(), 5U);
}

TEST_F(VerifyRunTest, AFolderThatIsNoRunIsRefused) {
  try {
    verify_run(base_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNoInput);
  }
}

}  // namespace
}  // namespace allmodes::report
