// The figures of a diagnosis as text.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "diagnosis/figure_table.h"
#include "diagnosis/page.h"

namespace allmodes::diagnosis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Line kMeasured{"local_shortage",
                     -0.0083333333,
                     "-0.0017 when equal, measured; p 0.78",
                     true,
                     diagnostics::Interval{-0.0356, 0.0189, "spread when equal"},
                     "-0.001667, p 1.2e-31"};
const Line kDescribed{"diversity", 1.004, "", true,
                      diagnostics::Interval{0.992, 1.0152, "jackknife"}};
const Line kUnknown{"vendi", std::numeric_limits<double>::quiet_NaN()};
const Line kSilent{"coverage_expected", 0.97, "", false};

TEST(DiagnosisTable, FitsIntoEightyColumnsAndNamesItsMethods) {
  TextTable table(false);
  for (const Line& line : {kMeasured, kDescribed, kUnknown, kSilent}) table.add(line);
  table.add_plain(
      {.name = "class 7", .value = 0.9123, .interval = diagnostics::interval_of_share(83, 100)},
      "covered; 83 of 100");
  const std::string text = table.text();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_THAT(
      text,
      HasSubstr("local_shortage         -0.008333  -0.0356 to 0.0189 s   -0.001667, p 1.2e-31\n"));
  EXPECT_THAT(text, HasSubstr("0.992 to 1.02 j       1 when equal\n"));
  EXPECT_THAT(text, HasSubstr("intervals: c Clopper-Pearson, j jackknife, s spread when equal\n"));
  EXPECT_THAT(text, HasSubstr("too many features"));
  EXPECT_THAT(text, Not(HasSubstr("coverage_expected")));
}

TEST(DiagnosisTable, SaysAllWhereThatIsAskedFor) {
  TextTable table(true);
  table.add(kMeasured);
  EXPECT_THAT(table.text(), HasSubstr("(99 %, spread when equal); share of reals"));
  EXPECT_THAT(table.text(), HasSubstr("when equal, measured; p 0.78\n"));
  EXPECT_EQ(TextTable(false).text(), "");
}

TEST(DiagnosisPage, HasTheIntervalOfEachClassDimensionAndLostPart) {
  Diagnosis diagnosis;
  diagnosis.evidence.modes = diagnostics::ModeHistogram{
      .names = {"shoe", "bag"}, .expected_share = {0.5, 0.5}, .observed = {80, 20}, .samples = 100};
  diagnosis.class_coverage = {0.9, 0.25};
  diagnosis.class_intervals = {{0.8, 0.95, "Clopper-Pearson"}, {0.125, 0.375, "Clopper-Pearson"}};
  diagnosis.kl_per_dimension = {1.5};
  diagnosis.kl_intervals = {{1.25, 1.75, "jackknife"}};
  diagnostics::Part part{.number = 17, .name = "part 17"};
  part.share = 0.2;
  part.made = 0.01;
  part.made_low = 0.0025;
  part.made_high = 0.0325;
  diagnosis.evidence.parts = diagnostics::PartFindings{};
  diagnosis.evidence.parts->missing = {part};
  diagnosis.verdict.witnesses = {
      {diagnostics::State::at_risk, "mode_dropping", "part 17 is gone", {"parts"}}};
  const std::string page = diagnosis_page(diagnosis, {});
  for (const char* text :
       {"class bag", "0.125 to 0.375 (Clopper-Pearson)", "covered; 20 of 50", "kl of dimension 0",
        "1.25 to 1.75 (jackknife)", "part 17", "0.0025 to 0.0325 (Clopper-Pearson)"})
    EXPECT_THAT(page, HasSubstr(text));
}

}  // namespace
}  // namespace allmodes::diagnosis
