// Every field of the schema with values at, beyond and far beyond the ends of its range, alone and
// two at a time. Whatever a user writes, reading it returns and says what is wrong.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "config/field_list.h"
#include "config/load.h"
#include "configuration_text.h"

namespace allmodes::config {
namespace {

// All fields, those of layers in one network only.
std::vector<Field> fields_once() {
  auto fields = every_field();
  std::erase_if(fields, [](const Field& field) {
    return field.block || field.repeated ||
           (field.path.find("layers[]") != std::string::npos &&
            !field.path.starts_with("gan.discriminator."));
  });
  return fields;
}

TEST(ConfigGenerated, AnyValueOfAnyFieldAloneIsReadOrRefusedAtItsPlace) {
  size_t refused = 0;
  for (const Field& field : fields_once()) {
    std::string path = field.path;
    while (path.find("[]") != std::string::npos) path.replace(path.find("[]"), 2, "[0]");
    const auto complains = [&](const std::string& text) {
      const Loaded loaded = parse(text, "run.txtpb");
      for (const Problem& problem : loaded.problems) {
        EXPECT_FALSE(problem.message.empty()) << text;
        EXPECT_THAT(problem.where, ::testing::StartsWith("run.txtpb:")) << text;
      }
      return std::ranges::count(loaded.problems, path, &Problem::path) > 0 ? std::optional(loaded)
                                                                           : std::nullopt;
    };
    const bool required = complains(test::nested(field.path, field.value)).has_value();
    for (const std::string& value : test::telling_values(field)) {
      const auto loaded = complains(test::nested(field.path, value));
      refused += loaded.has_value();
      // What was refused is not in the configuration: nothing later can compute with it.
      if (loaded && !required && loaded->problems.size() == 1 &&
          loaded->problems[0].message.find(": must be ") != std::string::npos) {
        EXPECT_FALSE(complains(print(loaded->config))) << field.path << ": " << value;
      }
    }
  }
  EXPECT_GT(refused, 500U);
}

// Fields that relations or sums of a run may combine.
std::vector<Field> related_fields(const std::string& family) {
  std::vector<Field> result;
  for (const Field& field : every_field()) {
    const bool own = field.scope == "Run" || field.scope == "Verdict" ||
                     field.scope == "Rollback" || field.path.starts_with(family + ".");
    const bool inner = field.path.find("layers[]") != std::string::npos ||
                       field.path.find("encoder.") != std::string::npos ||
                       field.path.find("generator.") != std::string::npos;
    if (own && !inner && !field.block && !field.repeated && field.type == "whole number" &&
        field.path.find("[]") == std::string::npos)
      result.push_back(field);
  }
  return result;
}

TEST(ConfigGenerated, NoTwoValuesTogetherEndTheProgram) {
  size_t pairs = 0;
  for (const std::string family : {"gan", "vae", "wae_gan"}) {
    const std::vector<Field> fields = related_fields(family);
    ASSERT_GT(fields.size(), 15U) << family;
    for (const Field& one : fields) {
      for (const Field& other : fields) {
        if (one.path >= other.path) continue;
        for (const auto& first : test::few_values(one)) {
          for (const auto& second : test::few_values(other)) {
            const Loaded loaded = parse(family + " {} verdict {}", "run.txtpb",
                                        {one.path + "=" + first, other.path + "=" + second});
            for (const Problem& problem : loaded.problems)
              EXPECT_FALSE(problem.message.empty()) << one.path << " " << other.path;
            ++pairs;
          }
        }
      }
    }
  }
  EXPECT_GT(pairs, 5000U);
}

std::string first_problem(std::string_view text) {
  const Loaded loaded = parse(text, "run.txtpb");
  return loaded.problems.empty() ? "" : loaded.problems[0].where + " " + loaded.problems[0].message;
}

TEST(ConfigGenerated, RefusedAndHugeFactorsOfTheBatchAreNotDividedBy) {
  const Loaded zero = parse("batch: 64 deterministic_shards: 8 gan { packing: 0 }", "run.txtpb");
  ASSERT_EQ(zero.problems.size(), 1U);
  EXPECT_EQ(zero.problems[0].path, "gan.packing");
  // 2^44 * 2^20 = 2^64, which is 0 in 64 bits.
  EXPECT_THAT(first_problem("microbatches: 17592186044416 gan { packing: 1048576 }"),
              ::testing::HasSubstr("does not divide the batch of 64"));
  EXPECT_THAT(first_problem("deterministic_shards: 17592186044416 gan { packing: 1048576 }"),
              ::testing::HasSubstr("do not divide the batch of 64"));
}

TEST(ConfigGenerated, AMisspeltFamilyOrLayerIsOneMistake) {
  for_each_alternative<Family>([]<class S>() {
    std::string misspelt(S::kBlock.name);
    misspelt.pop_back();
    if (misspelt.size() < 3) misspelt = std::string(S::kBlock.name) + "s";
    const Loaded loaded = parse(misspelt + " { }", "run.txtpb");
    ASSERT_EQ(loaded.problems.size(), 1U) << misspelt;
    EXPECT_THAT(loaded.problems[0].message, ::testing::HasSubstr("did you mean")) << misspelt;
  });
  const Loaded layer = parse("gan { generator { layers { liner { units: 3 } } } }", "run.txtpb");
  ASSERT_EQ(layer.problems.size(), 1U);
}

TEST(ConfigGenerated, TheNearestBatchesThatFitAreSaid) {
  EXPECT_THAT(first_problem("batch: 256 gan { packing: 10 }"),
              ::testing::HasSubstr("the nearest that fit: 250 and 260"));
  EXPECT_THAT(first_problem("batch: 5 gan { packing: 10 }"),
              ::testing::HasSubstr("the nearest that fit: 10"));
  EXPECT_THAT(first_problem("batch: 100 microbatches: 3 gan {}"),
              ::testing::HasSubstr("the nearest batches that fit: 99 and 102"));
  EXPECT_THAT(first_problem("batch: 100 deterministic_shards: 8 vae {}"),
              ::testing::HasSubstr("the nearest batches that fit: 96 and 104"));
}

TEST(ConfigGenerated, AByteOrderMarkAndCarriageReturnsMoveNoPlace) {
  const std::string plain = "gan {}\nbatch: 0\n  steps: 0\n";
  std::string windows = "\xEF\xBB\xBF";
  for (const char c : plain) windows += c == '\n' ? "\r\n" : std::string(1, c);
  const Loaded a = parse(plain, "run.txtpb"), b = parse(windows, "run.txtpb");
  ASSERT_EQ(a.problems.size(), 2U);
  ASSERT_EQ(b.problems.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(a.problems[i].where, b.problems[i].where);
    EXPECT_EQ(a.problems[i].message, b.problems[i].message);
  }
  EXPECT_EQ(first_problem("\xEF\xBB\xBF"
                          "batch: 0 gan {}"),
            first_problem("batch: 0 gan {}"));
  EXPECT_EQ(first_problem("\xEF\xBB\xBF"
                          "gan {}\r\n"),
            "");
}

}  // namespace
}  // namespace allmodes::config
