// What is made of a configuration before training (data, networks, plans) with every value that its
// fields may be given: an error with a place, never an exception that nobody expects.

#include <gtest/gtest.h>

#include <cstdlib>

#include "configuration_text.h"
#include "run/checked_run.h"

namespace allmodes::run {
namespace {

constexpr const char* kData = "dataset: \"ring\" ";

// A whole configuration of the field's family, or of a GAN, on few points in the plane.
std::string text_with(const config::Field& field, const std::string& value) {
  const std::string samples = field.path == "data.samples" ? "" : "samples: 64 ";
  const std::string dataset = field.path == "data.dataset" ? "" : kData;
  if (field.path.starts_with("data."))
    return test::nested(field.path, value, dataset + samples) + "gan {}\n";
  std::string text = test::nested(field.path, value) + "data { " + kData + samples + "}\n";
  const std::string first = field.path.substr(0, field.path.find('.'));
  bool of_family = false;
  config::for_each_alternative<config::Family>(
      [&]<class S>() { of_family |= S::kBlock.name == first; });
  return of_family ? text : text + "gan {}\n";
}

TEST(CheckedRunGenerated, AnyValueOfAnyFieldIsGoodOrRefusedWithAPlace) {
  size_t checked = 0;
  for (const config::Field& field : config::every_field()) {
    if (field.block || field.repeated) continue;
    // Layers are the same in all networks, and all networks' settings are.
    const bool again = !field.path.starts_with("gan.") && field.scope != "Run" &&
                       (field.path.find("layers[]") != std::string::npos ||
                        field.scope == "Network" || field.scope == "Optimizer");
    if (again) continue;
    for (const std::string& value : test::telling_values(field)) {
      // Points are drawn into memory, as many as there is memory for.
      if (field.path == "data.samples" && std::strtod(value.c_str(), nullptr) > 1e6) continue;
      const std::string text = text_with(field, value);
      try {
        const CheckedRun run = check_text(text, "run.txtpb");
        for (const auto& problem : run.loaded.problems)
          EXPECT_FALSE(problem.message.empty()) << text;
        if (run.good()) EXPECT_NE(run.objective, nullptr) << text;
        ++checked;
      } catch (const std::exception& error) {
        ADD_FAILURE() << text << "threw " << error.what();
      }
    }
  }
  EXPECT_GT(checked, 1000U);
}

TEST(CheckedRun, AMissingLabelsFileIsBlamedOnTheLabels) {
  // The path of the labels is the beginning of that of the data: the message alone does not tell.
  const CheckedRun run = check_text(
      "data { dataset: \"npy\" path: \"/nowhere/x.npy\"\n labels: \"/nowhere/x\" }\nvae {}\n",
      "run.txtpb");
  ASSERT_EQ(run.loaded.problems.size(), 1U);
  EXPECT_EQ(run.loaded.problems[0].path, "data.path");
}

}  // namespace
}  // namespace allmodes::run
