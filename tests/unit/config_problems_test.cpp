// What is wrong with a configuration's text is said once, each fault at its own place.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "unit/config_reading.h"

namespace allmodes::config {
namespace {

using reading::all_text;
using reading::kEverything;
using reading::only;
using reading::read;
using reading::wheres;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ---- all mistakes at once
// -------------------------------------------------------------------------

TEST(ConfigProblems, FiveDifferentMistakesGiveFivePositions) {
  const auto loaded = read(R"(batch: "abc"
steps: 5
gan {
  generator { widht: 5 }
  discriminator_optimizer {
    learning_rate: -1
    epsilon: nan
  }
  latent { distribution: "nromal" }
}
steps: 6
)");
  EXPECT_THAT(wheres(loaded), ElementsAre("a.txtpb:1:8", "a.txtpb:4:15", "a.txtpb:6:5",
                                          "a.txtpb:7:5", "a.txtpb:9:12", "a.txtpb:11:1"))
      << all_text(loaded);
  const auto text = all_text(loaded);
  EXPECT_THAT(text, HasSubstr("batch: expected a whole number, got \"abc\""));
  EXPECT_THAT(text, HasSubstr("unknown field 'widht'; did you mean 'width'?"));
  EXPECT_THAT(text, HasSubstr("learning_rate: must be greater than 0, is -1"));
  EXPECT_THAT(text, HasSubstr("epsilon: must be greater than 0, is nan"));
  EXPECT_THAT(text, HasSubstr("unknown distribution 'nromal'; did you mean 'normal'?"));
  EXPECT_THAT(text, HasSubstr("steps: given twice, first on line 2"));
}

TEST(ConfigProblems, EveryWrongTypeIsReported) {
  const auto loaded = read(
      "batch: \"a\"\nsteps: 1.5\nseed: -1\nname: 3\ndata: 5\ngan { generator { bias: maybe\n"
      "width: 99999999999999999999 depth { } } }\nverdict { significance: \"x\" }");
  EXPECT_THAT(wheres(loaded),
              ElementsAre("a.txtpb:1:8", "a.txtpb:2:8", "a.txtpb:3:7", "a.txtpb:4:7", "a.txtpb:5:7",
                          "a.txtpb:6:25", "a.txtpb:7:8", "a.txtpb:7:35", "a.txtpb:8:25"))
      << all_text(loaded);
}

TEST(ConfigProblems, AMissingValueDoesNotSwallowTheNextStatement) {
  const auto loaded = read("gan { }\nbatch:\nsteps: -1\n");
  EXPECT_THAT(wheres(loaded), ElementsAre("a.txtpb:2:1", "a.txtpb:3:1")) << all_text(loaded);
  EXPECT_THAT(loaded.problems[1].message, HasSubstr("is -1"));
  EXPECT_EQ(loaded.config.steps, RunConfig{}.steps);  // refused: the default stays
}

TEST(ConfigProblems, TwoFamiliesConflictAndNoneIsMissing) {
  EXPECT_THAT(only("gan {}\nvae {}").message, HasSubstr("cannot stand beside 'gan' of line 1"));
  EXPECT_EQ(only("gan {}\nvae {}").where, "a.txtpb:2:1");
  EXPECT_THAT(only("batch: 4").message, HasSubstr("one of the blocks gan, vae"));
  EXPECT_THAT(only("").message, HasSubstr("no family"));
  // A misspelt family is one mistake, not two.
  EXPECT_THAT(only("gam {}").message, HasSubstr("did you mean 'gan'"));
}

TEST(ConfigProblems, AnUnclosedBlockIsReportedBesideTheOthers) {
  const auto loaded = read("batch: -1\ngan {\n  generator { width: 0\n}\n");
  EXPECT_THAT(wheres(loaded), ElementsAre("a.txtpb:1:1", "a.txtpb:2:5", "a.txtpb:3:15"))
      << all_text(loaded);
}

TEST(ConfigProblems, StrayTextIsReportedWithoutLosingTheRest) {
  for (const std::string stray : {"5", "\x01", "%", ": 3", "\xff"}) {
    const auto loaded = read("gan { " + stray + "\n}\nbatch: -1\n");
    ASSERT_GE(loaded.problems.size(), 2u) << stray;
    EXPECT_EQ(loaded.problems.front().where, "a.txtpb:1:7") << all_text(loaded);
    EXPECT_EQ(loaded.problems.back().where, "a.txtpb:3:1") << all_text(loaded);
  }
}

TEST(ConfigProblems, AMissingQuoteEndsWithItsLine) {
  const auto loaded = read("gan { loss: \"open\n}\nbatch: -1\ndevice: \"cpu");
  EXPECT_THAT(wheres(loaded), ElementsAre("a.txtpb:1:13", "a.txtpb:3:1", "a.txtpb:4:9"))
      << all_text(loaded);
  EXPECT_THAT(loaded.problems[0].message, HasSubstr("no closing quote"));
}

TEST(ConfigProblems, DepthAndSizeAreRefused) {
  std::string deep = "gan { generator { ";
  for (int i = 0; i < 30'000; ++i) {
    deep += "layers { residual { ";
  }
  EXPECT_THAT(only(deep).message, HasSubstr("more than 100 blocks"));
  std::string large = "gan { generator { ";
  while (large.size() < (2u << 20)) {
    large += "layers { residual { ";
  }
  try {
    read(large);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kDataError);
  }
}

TEST(ConfigProblems, TabsAndLongLinesKeepPositions) {
  EXPECT_EQ(only("\tgan\t{\twidth: 3 }").where, "a.txtpb:1:25");
  // As many mistakes as fit, on one line: time linear in the text.
  std::string many;
  while (many.size() < 1'000'000) {
    many += "a:1 ";
  }
  EXPECT_EQ(read(many).problems.back().where, "a.txtpb:1:3997");
}

TEST(ConfigProblems, EveryPrefixAndEveryDamagedByteIsSurvived) {
  const std::string text(kEverything);
  for (size_t i = 0; i < text.size(); i += 3) {
    EXPECT_NO_THROW(read(text.substr(0, i)));
    for (const char c : {'{', '}', '[', '"', '\0', '-', '\t'}) {
      auto damaged = text;
      damaged[i] = c;
      const auto loaded = read(damaged);
      for (const auto& problem : loaded.problems) {
        EXPECT_EQ(problem.where.rfind("a.txtpb:", 0), 0u);
        EXPECT_FALSE(problem.message.empty());
      }
    }
  }
}

}  // namespace
}  // namespace allmodes::config
