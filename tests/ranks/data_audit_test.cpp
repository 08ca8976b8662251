// What is odd about data, found by all ranks together, and what a run makes of it.

#include "diagnostics/collectors/data_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "data/array_dataset.h"
#include "ranks/training_fixture.h"

namespace allmodes::diagnostics {
namespace {

using ::allmodes::testing::on_ranks;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// `count` images of 4 x 4 random pixels with labels i % 3; each in [first, last) is image `first`.
std::unique_ptr<data::Dataset> images(int64_t count, int64_t first = 0, int64_t last = 0,
                                      std::vector<std::string> names = {"a", "b", "c"}) {
  Random random({.seed = 4, .purpose = Purpose("audit")});
  std::vector<uint8_t> pixels(static_cast<size_t>(count * 16));
  for (auto& pixel : pixels) pixel = static_cast<uint8_t>(random.below(256));
  for (int64_t i = first; i < last; ++i)
    std::copy_n(pixels.begin() + first * 16, 16, pixels.begin() + i * 16);
  data::Labels labels{{}, std::move(names)};
  for (int64_t i = 0; i < count; ++i) labels.values.push_back(static_cast<int32_t>(i % 3));
  return data::make_array_dataset("images", {1, 4, 4, true}, std::move(pixels), std::move(labels));
}

DataAudit audit(const data::Dataset& dataset, int64_t batch = 8) {
  const auto alone = world::make_self_communicator();
  return audit_data(dataset, *alone, batch);
}

TEST(DataAudit, CountsWhatIsThereOnAnyNumberOfRanks) {
  const auto dataset = images(1300, 100, 150);
  for (const int size : {1, 2, 4, 8}) {
    const auto audits = on_ranks<DataAudit>(
        size, [&](world::Communicator& group) { return audit_data(*dataset, group, 64); });
    for (const auto& each : audits) {
      EXPECT_EQ(each.size, 1300);
      EXPECT_EQ(each.copies.samples, 1300);
      EXPECT_THAT(each.labels, ElementsAre(434, 433, 433));
      EXPECT_EQ(each.copies.copies, 50);
      EXPECT_EQ(each.copies.repeats, 49);
      EXPECT_EQ(each.constant, 0);
      EXPECT_EQ(each.batch_of_rank, std::vector<int64_t>(size_t(size), 64 / size));
    }
  }
  const auto uneven = on_ranks<DataAudit>(
      3, [&](world::Communicator& group) { return audit_data(*dataset, group, 64); });
  EXPECT_THAT(uneven[2].batch_of_rank, ElementsAre(22, 21, 21));
}

TEST(DataAudit, FindsNothingOddInGoodData) {
  EXPECT_TRUE(data_faults(audit(*images(300))).empty());
}

TEST(DataAudit, NamesClassesWithoutSamplesAndRareOnes) {
  const auto faults = data_faults(audit(*images(300, 0, 0, {"a", "b", "c", "d"})));
  EXPECT_THAT(faults, ElementsAre(HasSubstr("1 of 4 classes have no sample (d)")));
  DataAudit rare = audit(*images(300));
  rare.labels = {290, 8, 2};
  EXPECT_THAT(data_faults(rare),
              ElementsAre(HasSubstr("2 of 3 classes are rare, with less than a tenth of the mean "
                                    "of 100 samples (b: 8, c: 2)")));
  rare.labels = {0, 300, 0};
  EXPECT_THAT(data_faults(rare), ElementsAre("all samples have the label 'b'"));
}

TEST(DataAudit, NamesCopiesConstantImagesAndTooFewSamples) {
  EXPECT_THAT(data_faults(audit(*images(400, 10, 20))),
              ElementsAre(HasSubstr("10 of 400 samples (2.5 %) equal another one")));
  std::vector<float> black(5 * 16, -1.0F);
  for (size_t i = 0; i < 64; ++i) black[i] = static_cast<float>(i) / 64;
  const auto constant =
      data::make_array_dataset("black", {1, 4, 4, true}, std::move(black), data::Labels{});
  EXPECT_THAT(data_faults(audit(*constant)),
              ElementsAre(HasSubstr("1 of 5 images (20 %) are one colour all over"),
                          HasSubstr("5 samples make no whole batch of 8")));
  // A point of one number is not constant.
  const auto points = data::make_array_dataset("points", {.channels = 1},
                                               std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}, {});
  EXPECT_TRUE(data_faults(audit(*points)).empty());
}

TEST(DataAudit, NamesAColumnThatSpansFarMoreThanTheOthersOnAnyNumberOfRanks) {
  std::vector<float> values;
  for (int i = 0; i < 600; ++i)
    for (const float scale : {1.0F, 30.0F, 0.0F, 2e15F, 0.5F})
      values.push_back(static_cast<float>(i % 7) * scale);
  const auto points = data::make_array_dataset("points", {.channels = 5}, values, {});
  for (const int size : {1, 3}) {
    const auto audits = on_ranks<DataAudit>(
        size, [&](world::Communicator& group) { return audit_data(*points, group, 64); });
    for (const auto& each : audits) {
      EXPECT_THAT(each.spans, ElementsAre(6, 180, 0, double{6 * 2e15F}, 3));
      EXPECT_THAT(data_faults(each),
                  ::testing::Contains(HasSubstr("the values of column 3 span 1.2e+16")));
    }
  }
  for (size_t i = 3; i < values.size(); i += 5) values[i] /= 1e13F;
  const auto even = data::make_array_dataset("points", {.channels = 5}, values, {});
  EXPECT_THAT(data_faults(audit(*even)), ::testing::Not(::testing::Contains(HasSubstr("column"))));
}

// More numbers than are looked at, made where they are asked for.
class Endless final : public data::Dataset {
 public:
  std::string description() const override { return "endless"; }
  int64_t size() const override { return int64_t{1} << 40; }
  data::SampleShape shape() const override { return {.channels = 50'000}; }
  int64_t classes() const override { return 0; }
  std::vector<std::string> class_names() const override { return {}; }
  void copy(std::span<const int64_t> indices, float* samples, int64_t*) const override {
    for (const int64_t index : indices) {
      std::fill_n(samples, 50'000, 0.0F);
      samples[0] = static_cast<float>(index % 1'000'003);
      samples[1] = static_cast<float>(index / 1'000'003);
      samples += 50'000;
    }
  }
  uint64_t fingerprint() const override { return 0; }
};

TEST(DataAudit, LooksAtSoManyNumbersAtMostAndSaysAtHowMany) {
  const DataAudit found = audit(Endless());
  EXPECT_EQ(found.copies.samples, kMostAuditedNumbers / 50'000);
  EXPECT_EQ(found.size, int64_t{1} << 40);
  EXPECT_EQ(found.copies.copies, 0);
  records::Record record;
  fill(found, record);
  EXPECT_EQ(record.number("looked_at"), 5000);
  EXPECT_EQ(record.find("labels"), nullptr);
}

}  // namespace
}  // namespace allmodes::diagnostics
