// A verdict as people read it: one line, a table, what to try; kinds and what helps against them.

#include "report/verdict_text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "config/load.h"
#include "records/coloured.h"
#include "report/wrapped.h"

namespace allmodes::report {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

VerdictText four_of_eight() {
  return {.place = "verdict at step 6000",
          .state = "collapsed",
          .kind = "mode_dropping",
          .brief = "4 of 8 modes missing (mode 1 (1.41, 1.41), mode 2 (0.00, 2.00))",
          .since = 4000,
          .findings = {{.state = "collapsed",
                        .kind = "mode_dropping",
                        .what = "modes missing",
                        .parts = {"mode 1 (1.41, 1.41)", "mode 2 (0.00, 2.00)", "mode 3", "mode 6"},
                        .found = "23 to 28",
                        .expected = "312.5 each",
                        .log10_p = -102.3},
                       {.state = "at_risk",
                        .kind = "duplicates",
                        .what = "near duplicates",
                        .parts = {},
                        .found = "7 %",
                        .expected = "0.9 %",
                        .log10_p = -9.5}},
          .help = {{"--set gan.packing=2", "D sees several samples at once"}},
          .see = "runs/00000-ring_gan/report.html"};
}

size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, characters(line));
  return longest;
}

config::RunConfig ring(const std::string& more = "") {
  const auto loaded = config::parse(
      "name: \"r\" batch: 64 steps: 100 data { dataset: \"ring\" } gan { " + more + " }", "r");
  EXPECT_THAT(loaded.problems, IsEmpty());
  return loaded.config;
}

TEST(VerdictText, IsOneLineThenATableWorstFirstThenWhatToTry) {
  const std::string text = in_full(four_of_eight(), 80);
  EXPECT_THAT(text, StartsWith("verdict at step 6000: collapsed: mode_dropping, 4 of 8 modes"));
  EXPECT_THAT(text, HasSubstr("since step 4000\n"));
  EXPECT_LT(text.find("  x modes missing"), text.find("  ! near duplicates"));
  EXPECT_THAT(text, HasSubstr("23 to 28"));
  EXPECT_THAT(text, HasSubstr("312.5 each"));
  EXPECT_THAT(text, HasSubstr("p<1e-102"));
  EXPECT_THAT(text, HasSubstr("  try  --set gan.packing=2  D sees several samples at once\n"));
  EXPECT_THAT(text, HasSubstr("  why  allmodes explain mode_dropping\n"));
  EXPECT_THAT(text, HasSubstr("  see  runs/00000-ring_gan/report.html\n"));
}

TEST(VerdictText, FindingsThatFollowFromTheFirstAreFoldedAwayAndKeptInTheFile) {
  VerdictText verdict = four_of_eight();
  verdict.findings[1].explained = true;
  const std::string text = in_full(verdict, 80);
  EXPECT_THAT(text, Not(HasSubstr("near duplicates")));
  EXPECT_THAT(text, HasSubstr("    and 1 that follows from it (--verbose lists them)\n"));
  nlohmann::ordered_json json;
  add_words(verdict, json);
  EXPECT_EQ(json["findings"].size(), 2U);
  EXPECT_TRUE(findings_from(json["findings"])[1].explained);
  EXPECT_EQ(json["brief"], verdict.brief);
  verdict.whole.clear();
  EXPECT_THAT(in_full(verdict, 80), HasSubstr("near duplicates"));
}

TEST(VerdictText, KeepsToTheTerminalsWidth) {
  for (const size_t columns : {60U, 80U, 120U}) {
    EXPECT_LE(longest_line(in_full(four_of_eight(), columns)), columns) << columns;
    VerdictText wide = four_of_eight();
    wide.findings[0].parts.assign(300, "a class with a long name");
    wide.findings[0].what = std::string(60, 'w');
    EXPECT_LE(longest_line(in_full(wide, columns)), columns) << columns;
  }
}

TEST(VerdictText, SaysARepetitionBriefly) {
  VerdictText verdict = four_of_eight();
  verdict.brief = "1 of 10 classes missing (Trouser)";
  EXPECT_EQ(repetition(verdict, 120),
            "still collapsed at step 6000: mode_dropping, 1 of 10 classes missing (Trouser); since "
            "step 4000");
}

TEST(VerdictText, NamesFromOutsideSayNothingToTheTerminal) {
  VerdictText verdict = four_of_eight();
  verdict.findings[0].parts = {"\x1b[2J\nfine"};
  EXPECT_THAT(in_full(verdict, 120), Not(HasSubstr("\x1b")));
}

TEST(VerdictText, FindingsAreReadBackFromJson) {
  const auto findings = four_of_eight().findings;
  nlohmann::ordered_json json;
  add_words(four_of_eight(), json);
  const auto back = findings_from(nlohmann::json::parse(json.dump()).at("findings"));
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0].parts, findings[0].parts);
  EXPECT_EQ(back[1].found, "7 %");
  EXPECT_EQ(back[0].log10_p, findings[0].log10_p);
  EXPECT_THAT(findings_from(nlohmann::json::parse(R"([{"state": 3}, 7, {}])")), IsEmpty());
}

TEST(VerdictText, ColoursTheStateAndTheMarksAndNothingElse) {
  const std::string text = in_full(four_of_eight(), 80);
  const std::string shown = records::coloured(text);
  EXPECT_THAT(shown, HasSubstr("\x1b[1;31mcollapsed\x1b[0m: mode_dropping"));
  EXPECT_THAT(shown, HasSubstr("\n  \x1b[1;31mx\x1b[0m modes missing"));
  EXPECT_THAT(shown, HasSubstr("\n  \x1b[1;33m!\x1b[0m near duplicates"));
}

TEST(Suggestions, AreChangesThatTheConfigurationTakes) {
  for (const Kind& kind : kinds()) {
    for (const auto& suggestion : suggestions(kind.name, ring(), 100)) {
      ASSERT_THAT(suggestion.change, StartsWith("--set ")) << kind.name;
      std::string change = suggestion.change.substr(6);
      std::erase(change, '\'');
      const auto loaded = config::parse(config::print(ring()), "", {change});
      EXPECT_THAT(loaded.problems, IsEmpty()) << change;
      EXPECT_NE(config::print(loaded.config), config::print(ring())) << change;
    }
  }
}

TEST(Suggestions, OfAFirstStageAreChangesThatItsConfigurationTakes) {
  for (const std::string quantizer : {"kl", "vq", "fsq", "lfq"}) {
    const auto first = config::parse(
        fmt::format("name: \"f\" batch: 64 steps: 100 data {{ dataset: \"fashion_mnist\" }} "
                    "first_stage {{ quantizer: \"{}\" adaptive_weight: false }}",
                    quantizer),
        "f");
    ASSERT_THAT(first.problems, IsEmpty());
    size_t found = 0;
    for (const std::string kind :
         {"codebook_collapse", "discriminator_idle", "discriminator_overpowers", "divergence"}) {
      for (const auto& suggestion : suggestions(kind, first.config, 100)) {
        std::string change = suggestion.change.substr(6);
        std::erase(change, '\'');
        const auto loaded = config::parse(config::print(first.config), "", {change});
        EXPECT_THAT(loaded.problems, IsEmpty()) << change;
        EXPECT_NE(config::print(loaded.config), config::print(first.config)) << change;
        ++found;
      }
    }
    EXPECT_GE(found, 6U) << quantizer;
  }
}

TEST(Suggestions, LeaveOutWhatIsMadeAlready) {
  const auto plain = suggestions("mode_dropping", ring());
  const auto with_r1 = suggestions("mode_dropping", ring("penalty { kind: \"r1\" weight: 1 }"));
  ASSERT_FALSE(plain.empty());
  EXPECT_THAT(plain[0].change, HasSubstr("gan.penalty"));
  for (const auto& each : with_r1) EXPECT_THAT(each.change, Not(HasSubstr("gan.penalty")));
  ASSERT_FALSE(with_r1.empty());
}

TEST(Suggestions, AreOfTheFamily) {
  const auto loaded = config::parse(
      "name: \"v\" batch: 64 steps: 100 data { dataset: \"ring\" } vae { likelihood: \"gaussian\" "
      "}",
      "v");
  ASSERT_THAT(loaded.problems, IsEmpty());
  for (const Kind& kind : kinds())
    for (const auto& each : suggestions(kind.name, loaded.config, 100))
      EXPECT_THAT(each.change, Not(HasSubstr("gan."))) << kind.name;
  EXPECT_FALSE(suggestions("posterior_collapse", loaded.config).empty());
}

TEST(Suggestions, EveryKindHasSomethingToTryInSomeFamilyAndForSamplesFromElsewhere) {
  const auto vae =
      config::parse("name: \"v\" batch: 64 steps: 100 data { dataset: \"ring\" } wae_mmd {}", "v");
  const auto plain_vae =
      config::parse("name: \"v\" batch: 64 steps: 100 data { dataset: \"ring\" } vae {}", "v");
  const auto first = config::parse(
      "name: \"f\" batch: 64 steps: 100 data { dataset: \"fashion_mnist\" } "
      "first_stage { quantizer: \"vq\" }",
      "f");
  EXPECT_THAT(first.problems, IsEmpty());
  for (const Kind& kind : kinds()) {
    EXPECT_FALSE(suggestions(kind.name, ring()).empty() &&
                 suggestions(kind.name, vae.config).empty() &&
                 suggestions(kind.name, plain_vae.config).empty() &&
                 suggestions(kind.name, first.config).empty())
        << kind.name;
    EXPECT_FALSE(suggestions(kind.name).at(0).change.empty()) << kind.name;
    EXPECT_LE(longest_line(kind_page(kind)), 80U) << kind.name;
  }
}

TEST(Wrapped, BreaksAtSpacesAndCountsCharactersNotBytes) {
  EXPECT_EQ(wrapped("aa bb cc", 5), "aa bb\ncc");
  EXPECT_EQ(wrapped("aa bb cc", 5, "  ", 3), "aa\n  bb\n  cc");
  EXPECT_EQ(wrapped("ää öö", 5), "ää öö");
}

}  // namespace
}  // namespace allmodes::report
