#include "run/resume.h"

#include <gmock/gmock.h>

#include "run/config_fields.h"

namespace allmodes::run {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string printed(const std::string& steps, const std::string& seed, const std::string& loss,
                    const std::string& rate) {
  return "name: \"ring\"\nsteps: " + steps + "\nseed: " + seed + "\ngan {\n  loss: " + loss +
         "\n  generator {\n    width: 32\n  }\n  generator_optimizer {\n    learning_rate: " +
         rate + "\n    warmup_steps: 0\n    decay: \"cosine\"\n  }\n}\n";
}

TEST(ResumeFolder, OnlyAFolderThatNeverHadACheckpointIsAFalseStart) {
  FolderContent content{.root = "runs/00001-ring"};
  EXPECT_EQ(judge(content), FolderIs::false_start);
  content.recorded_step = 15;
  content.first_checkpoint_step = 20;
  EXPECT_EQ(judge(content), FolderIs::false_start);
  content.recorded_step = 45;  // it had saved at 20 and 40
  EXPECT_EQ(judge(content), FolderIs::unreadable);
  EXPECT_THAT(complaint(content), HasSubstr("its records go to step 45"));
  content.none_yet = true;  // a full disk kept it from saving
  EXPECT_EQ(judge(content), FolderIs::false_start);
  content.checkpoints = 1;
  EXPECT_EQ(judge(content), FolderIs::unreadable);
}

TEST(ResumeFolder, DamagedCheckpointsAreNoReasonToBeginAnew) {
  FolderContent content{.root = "runs/00001-ring",
                        .checkpoints = 2,
                        .refused = {"'step-00000040' is damaged", "'step-00000020' is damaged"}};
  EXPECT_EQ(judge(content), FolderIs::unreadable);
  const auto text = complaint(content);
  EXPECT_THAT(text, HasSubstr("runs/00001-ring"));
  EXPECT_THAT(text, HasSubstr("'step-00000040' is damaged"));
  EXPECT_THAT(text, HasSubstr("without --resume"));
  content.has_whole = true;
  EXPECT_EQ(judge(content), FolderIs::continuable);
}

TEST(ResumeFolder, ACheckpointOfAnotherRunIsForeign) {
  checkpoints::State state{.step = 40};
  EXPECT_EQ(foreign_complaint(state, "00aa"), "");  // older checkpoints have no number
  state.run_id = "00aa";
  EXPECT_EQ(foreign_complaint(state, "00aa"), "");
  EXPECT_THAT(foreign_complaint(state, "00bb"), HasSubstr("belongs to another run"));
}

TEST(ResumeDifferences, NamesEveryFieldWithBothValues) {
  const auto found = differences(printed("60", "1", "\"hinge\"", "0.001"),
                                 printed("90", "7", "\"non_saturating\"", "0.002"));
  EXPECT_EQ(to_text(found),
            "  steps: 60 -> 90\n  seed: 1 -> 7\n  gan.loss: \"hinge\" -> \"non_saturating\"\n"
            "  gan.generator_optimizer.learning_rate: 0.001 -> 0.002");
  EXPECT_THAT(differences(printed("60", "1", "\"hinge\"", "0.001"),
                          printed("60", "1", "\"hinge\"", "0.001")),
              IsEmpty());
}

TEST(ResumeDifferences, AFieldThatOneSideLacksCounts) {
  const std::string penalty = "gan {\n  penalty {\n    kind: \"r1\"\n    weight: 2\n  }\n}\n";
  const auto found = differences("gan {\n}\n", penalty);
  EXPECT_EQ(to_text(found),
            "  gan.penalty.kind: (none) -> \"r1\"\n  gan.penalty.weight: (none) -> 2");
  EXPECT_EQ(refused(found, {}).size(), 1u);
  EXPECT_EQ(to_text(differences(penalty, "gan {\n}\n")),
            "  gan.penalty.kind: \"r1\" -> (none)\n  gan.penalty.weight: 2 -> (none)");
}

TEST(ResumeDifferences, WhatMakesAnotherRunIsRefusedUnlessAllowed) {
  const auto found = differences(printed("60", "1", "\"hinge\"", "0.001"),
                                 printed("90", "7", "\"non_saturating\"", "0.002"));
  const auto fields = [](const std::vector<Difference>& of) {
    std::vector<std::string> names;
    for (const auto& each : of) names.push_back(each.field);
    return names;
  };
  EXPECT_THAT(fields(refused(found, {})), ElementsAre("seed", "gan.loss"));
  EXPECT_THAT(fields(refused(found, {"seed"})), ElementsAre("gan.loss"));
  EXPECT_THAT(fields(refused(found, {"seed", "gan"})), IsEmpty());
  EXPECT_THAT(fields(refused(found, {"seed", "ga"})), ElementsAre("gan.loss"));
}

TEST(ResumeDifferences, LengthsCadencesRatesDeviceAndPlacesAreFree) {
  const std::string before =
      "steps: 10\ndevice: \"cpu\"\nbatch: 64\ndata {\n  path: \"a.npy\"\n}\nvae {\n  beta: 1\n}\n"
      "diagnostics {\n  log_every: 7\n}\ncheckpoints {\n  keep: 3\n}\n";
  const std::string now =
      "steps: 20\ndevice: \"cuda\"\nbatch: 128\ndata {\n  path: \"b.npy\"\n}\nvae {\n  beta: 4\n}\n"
      "diagnostics {\n  log_every: 9\n}\ncheckpoints {\n  keep: 5\n}\n";
  const auto found = differences(before, now);
  EXPECT_EQ(found.size(), 7u);
  EXPECT_THAT(refused(found, {}), IsEmpty());
}

// The rate of a cosine decay is learning_rate / 2 (1 + cos(pi t / T)).
TEST(ResumeRates, ADecayContinuedBeyondItsEndIsAJump) {
  const auto before = printed("1000", "1", "\"hinge\"", "0.002");
  const auto jumps = rate_jumps(before, printed("2000", "1", "\"hinge\"", "0.002"), 1000);
  ASSERT_EQ(jumps.size(), 1u);
  EXPECT_EQ(jumps[0].optimizer, "gan.generator_optimizer");
  EXPECT_NEAR(jumps[0].last, 4.9e-9, 0.05e-9);
  EXPECT_NEAR(jumps[0].next, 1e-3, 1e-8);
}

TEST(ResumeRates, TheSameScheduleContinuesSmoothly) {
  const auto config = printed("1000", "1", "\"hinge\"", "0.002");
  for (const uint64_t step : {1u, 500u, 999u})
    EXPECT_THAT(rate_jumps(config, config, step), IsEmpty());
}

TEST(ResumeCommand, CanBePastedFromAnyFolder) {
  EXPECT_EQ(continuing_command({"build/allmodes", "train", "my run.txtpb", "--resume", "auto",
                                "--set", "name=\"it's\""},
                               "/home/a b", "/data/runs/00000-ring", 1),
            "cd '/home/a b' && build/allmodes train 'my run.txtpb' --set 'name=\"it'\\''s\"' "
            "--resume /data/runs/00000-ring");
  EXPECT_EQ(continuing_command({"allmodes", "train", "c.txtpb", "--resume=auto"}, "/w", "/r", 4),
            "cd /w && mpirun -np 4 allmodes train c.txtpb --resume /r");
}

TEST(ConfigFields, RepeatedBlocksAreNumbered) {
  const auto fields = config_fields(
      "gan {\n  penalty {\n    kind: \"r1\"\n  }\n  penalty {\n    kind: \"r2\"\n  }\n}\n");
  EXPECT_THAT(fields,
              ElementsAre(std::pair<std::string, std::string>("gan.penalty.kind", "\"r1\""),
                          std::pair<std::string, std::string>("gan.penalty[1].kind", "\"r2\"")));
}

}  // namespace
}  // namespace allmodes::run
