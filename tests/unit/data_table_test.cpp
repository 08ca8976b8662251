// Tables: columns of numbers and categories, and that what is wrong is named with its line.

#include "data/table.h"
#include "unit/data_fixture.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
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
