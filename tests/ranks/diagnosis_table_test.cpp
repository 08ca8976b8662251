// The figures of a diagnosis as text.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "diagnosis/figure_table.h"

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
  table.add("class 7", 0.9123, diagnostics::interval_of_share(83, 100), "covered; 83 of 100");
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

}  // namespace
}  // namespace allmodes::diagnosis
