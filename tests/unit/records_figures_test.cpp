// Descriptions of figures are found under the names that records have.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "records/figure.h"

namespace allmodes::records {
namespace {

using ::testing::HasSubstr;

constexpr Figure kSome[] = {
    {"evaluation_s", "s", "", "", "that the evaluation took"},
    {"evaluation_s_COLLECTOR", "s", "", "", "of them, of each collector"},
    {"exchange_ms_PHASE_NETWORK", "ms", ">= 0", "", "of a phase and network"},
    {"copies", "samples", "", "copies_real", "that equal another one"},
};
constexpr Figure kOthers[] = {{"missing", "names", "", "none", "of what is lost"}};

FigureTables tables() {
  return {{"evaluation", "some", kSome}, {"verdict", "", kOthers}};
}

TEST(Figures, AreFoundByNameAndPlaceholdersStandForAnyName) {
  const auto found = [](const char* name) { return find_figure(tables(), "evaluation", name); };
  EXPECT_EQ(found("evaluation_s"), &kSome[0]);
  EXPECT_EQ(found("evaluation_s_latent"), &kSome[1]);
  EXPECT_EQ(found("exchange_ms_elbo_encoder"), &kSome[2]);
  EXPECT_EQ(found("evaluation_s_"), nullptr);
  EXPECT_EQ(found("exchange_ms_elbo"), nullptr);
  EXPECT_EQ(found("evaluation"), nullptr);
  EXPECT_EQ(found(""), nullptr);
}

TEST(Figures, OfAnotherRecordStandInWhereTheOwnKindHasNone) {
  EXPECT_EQ(find_figure(tables(), "data", "copies"), &kSome[3]);
  EXPECT_EQ(find_figure(tables(), "evaluation", "missing"), &kOthers[0]);
}

TEST(Figures, AreExplainedWithUnitRangeAndWhatEqualDistributionsHave) {
  const std::string text = explain_figure(tables(), "copies");
  EXPECT_THAT(text, HasSubstr("figure of evaluation (some)"));
  EXPECT_THAT(text, HasSubstr("unit: samples"));
  EXPECT_THAT(text, HasSubstr("equal distributions: copies_real"));
  EXPECT_EQ(explain_figure(tables(), "nothing"), "");
  EXPECT_EQ(caption_of(kSome[3]), "samples that equal another one");
  EXPECT_EQ(caption_of(kSome[2]), "ms, of a phase and network");
}

TEST(Figures, MakeAPageWithATableOfEachMaker) {
  const std::string page = figures_page(tables());
  EXPECT_THAT(page, HasSubstr("## evaluation"));
  EXPECT_THAT(page, HasSubstr("### Collector `some`"));
  EXPECT_THAT(page, HasSubstr("| `missing` | names |  | none | of what is lost |"));
}

}  // namespace
}  // namespace allmodes::records
