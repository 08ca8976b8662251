// Tables: columns of numbers and categories, and that what is wrong is named with its line.

#include "data/table.h"

#include "data/text_table.h"
#include "unit/data_fixture.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Tables : public DataFiles {
 protected:
  config::Data table(const std::string& text, const std::string& label_column = "") const {
    config::Data data = data_of("table", write("t.csv", text));
    data.label_column = label_column;
    return data;
  }
};

TEST_F(Tables, QuotesSeparatorsByteOrderMarkAndLineEndsAreThoseOfPeople) {
  const auto t = parse_table("t",
                             "\xEF\xBB\xBF"
                             "a;\"b;\"\"c\"\"\"\r\n1;\"x\ny\"\r\n\r\n 2 ;z");
  EXPECT_THAT(t.header, ElementsAre("a", "b;\"c\""));
  EXPECT_THAT(t.rows, ElementsAre(ElementsAre("1", "x\ny"), ElementsAre("2", "z")));
  EXPECT_THAT(t.lines, ElementsAre(2, 5));
}

TEST_F(Tables, NumbersAreStandardizedAndCategoriesAreZerosAndOnes) {
  const auto set = make_dataset(table("x,colour,kind\n1,red,b\n3,blue,a\n5,red,b\n", "kind"), 1);
  EXPECT_EQ(set->shape(), (SampleShape{.channels = 3}));
  const float deviation = std::sqrt(8.0F / 3);
  EXPECT_THAT(sample(*set, 0), ElementsAre(::testing::FloatEq(-2 / deviation), 0, 1));
  EXPECT_THAT(sample(*set, 1), ElementsAre(0, 1, 0));
  EXPECT_THAT(set->class_names(), ElementsAre("a", "b"));
  EXPECT_EQ(label_of(*set, 0), 1);
  ASSERT_NE(set->column_scale(), nullptr);
  EXPECT_THAT(set->column_scale()->names, ElementsAre("x", "colour=blue", "colour=red"));
  EXPECT_THAT(set->column_scale()->mean, ElementsAre(3, 0, 0));
  EXPECT_THAT(set->column_scale()->deviation, ElementsAre(::testing::FloatEq(deviation), 1, 1));
  config::Data plain = table("x\n1\n2\n");
  plain.standardize = false;
  EXPECT_THAT(sample(*make_dataset(plain, 1), 1), ElementsAre(2));
}

TEST_F(Tables, ATableIsToldFromOtherFilesByItsContent) {
  const auto p = write("t", "x,y\n1,2\n3,4\n");
  EXPECT_EQ(make_dataset(data_of("files", p), 1)->shape().channels, 2);
  EXPECT_EQ(make_dataset(data_of("files", write_gz("g", "x,y\n1,2\n3,4\n")), 1)->size(), 2);
}

TEST_F(Tables, AFirstLineOfNumbersIsARowButNotOneThatCountsTheColumns) {
  const auto t = parse_table("t", "0.5,1\n1.5,2\n");
  EXPECT_FALSE(t.has_header);
  EXPECT_THAT(t.header, ElementsAre("1", "2"));
  EXPECT_THAT(t.rows, ElementsAre(ElementsAre("0.5", "1"), ElementsAre("1.5", "2")));
  EXPECT_THAT(t.lines, ElementsAre(1, 2));
  EXPECT_THAT(parse_table("t", "0,1,2\n7,8,9\n").header, ElementsAre("0", "1", "2"));
  EXPECT_THAT(make_dataset(table("0.5,1\n1.5,2\n"), 1)->remarks(),
              Contains(HasSubstr("taken for a row")));
  EXPECT_REFUSED(table("5,6\n1\n"), ExitCode::kDataError,
                 AllOf(HasSubstr("t.csv:2:"), HasSubstr("first row has 2")));
}

TEST_F(Tables, WhatNumpyAndDataFramesWriteIsRead) {
  const auto plain = parse_table("t", "1.5e+00 -2.0e+00\n2.5e+00  3.0e+00 \n");
  EXPECT_THAT(plain.rows,
              ElementsAre(ElementsAre("1.5e+00", "-2.0e+00"), ElementsAre("2.5e+00", "3.0e+00")));
  EXPECT_THAT(parse_table("t", "# alpha beta\n1 2\n3 4\n").header, ElementsAre("alpha", "beta"));
  EXPECT_THAT(parse_table("t", "#made by\n#a,b\n1,2\n").header, ElementsAre("a", "b"));
  const auto commented = parse_table("t", "# made by somebody, today, here\na,b\n1,2\n");
  EXPECT_THAT(commented.header, ElementsAre("a", "b"));
  EXPECT_THAT(commented.lines, ElementsAre(3));
  const auto indexed = make_dataset(table(",x,y\n0,5,6\n1,7,9\n"), 1);
  EXPECT_EQ(indexed->shape().channels, 2);
  EXPECT_THAT(indexed->remarks(), Contains(HasSubstr("counts the rows")));
  const auto ended = make_dataset(table("x,y,\n5,6,\n7,9,\n"), 1);
  EXPECT_EQ(ended->shape().channels, 2);
  EXPECT_THAT(ended->remarks(), Contains(HasSubstr("column 3 has no name and is empty")));
  // A column without a name that holds something is none of these.
  EXPECT_EQ(make_dataset(table("x,\n5,1\n7,4\n"), 1)->shape().channels, 2);
}

TEST_F(Tables, ColumnsAndTheirKindsAreSaid) {
  EXPECT_THAT(
      make_dataset(table("id,x,c\n1,5,a\n2,7,b\n3,8,b\n"), 1)->remarks(),
      AllOf(Contains("2 columns of numbers: id, x"), Contains("1 column of categories: c (2)"),
            Contains(HasSubstr("'id' counts the rows"))));
}

TEST_F(Tables, NumbersThatAreWrittenOtherwiseAreNamedWithWhatToDo) {
  std::string commas = "x;y\n", gaps = "x,y\n";
  for (int i = 0; i < 200; ++i) {
    commas += std::to_string(i) + ",5;1\n";
    gaps += (i == 7 ? "inf" : std::to_string(i)) + ",1\n";
  }
  EXPECT_REFUSED(table(commas), ExitCode::kDataError,
                 AllOf(HasSubstr("t.csv:2: '0,5'"), HasSubstr("a point for decimals")));
  EXPECT_REFUSED(table(gaps), ExitCode::kDataError,
                 AllOf(HasSubstr("t.csv:9: 'inf'"), HasSubstr("1 of 200 rows")));
}

TEST_F(Tables, MissingNumbersAreNamedWithColumnNumberAndLine) {
  EXPECT_REFUSED(table("x,y\n1,2\n3,\n4,NaN\n"), ExitCode::kDataError,
                 AllOf(HasSubstr("t.csv:3:"), HasSubstr("'y'"), HasSubstr("2 of 3")));
  EXPECT_EQ(make_dataset(table("x,c\n1,a\n2,\n"), 1)->shape().channels, 3);
}

TEST_F(Tables, DamagedAndAbsurdTablesAreRefusedWithTheirLine) {
  EXPECT_REFUSED(table("x,y\n1,2\n3\n"), ExitCode::kDataError,
                 AllOf(HasSubstr("t.csv:3:"), HasSubstr("1 fields"), HasSubstr("header has 2")));
  EXPECT_REFUSED(table("x,y\n1,\"2\n"), ExitCode::kDataError,
                 AllOf(HasSubstr("t.csv:2:"), HasSubstr("quote")));
  EXPECT_REFUSED(table("x,y\n"), ExitCode::kDataError, HasSubstr("at least one row"));
  EXPECT_REFUSED(table("x,y,x\n1,2,3\n"), ExitCode::kDataError,
                 HasSubstr("the columns 1 and 3 are both called 'x'"));
  EXPECT_REFUSED(table(""), ExitCode::kDataError, HasSubstr("t.csv:"));
  EXPECT_REFUSED(table("x,y\n1,2\n", "z"), ExitCode::kConfiguration,
                 AllOf(HasSubstr("'z'"), HasSubstr("x, y")));
  std::string names = "name,x\n";
  for (int i = 0; i < 200; ++i) names += "n" + std::to_string(i) + ",1\n";
  EXPECT_REFUSED(table(names), ExitCode::kDataError,
                 AllOf(HasSubstr("'name'"), HasSubstr("200 different")));
}

}  // namespace
}  // namespace allmodes::data
