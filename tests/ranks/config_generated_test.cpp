// What is made of a configuration before training (data, networks, plans) with every value that its
// fields may be given: an error with a place, never an exception that nobody expects.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

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
      const std::string text = text_with(field, value);
      try {
        const CheckedRun run = check_text(text, "run.txtpb");
        for (const auto& problem : run.loaded.problems)
          EXPECT_FALSE(problem.message.empty()) << text;
        if (run.good()) {
          EXPECT_NE(run.objective, nullptr) << text;
        }
        ++checked;
      } catch (const std::exception& error) {
        ADD_FAILURE() << text << "threw " << error.what();
      }
    }
  }
  EXPECT_GT(checked, 1000U);
}

// Which field a missing or wrong file is blamed on: its own, also where the path of the labels is
// the beginning of that of the data, so that the message alone does not tell.
TEST(CheckedRun, AFileThatIsWrongIsBlamedOnItsOwnField) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("allmodes-blame-{}", ::getpid());
  std::filesystem::create_directories(folder);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
  header.resize(117, ' ');
  std::ofstream(folder / "x.npy") << std::string("\x93NUMPY\x01\x00\x76\x00", 10) << header << "\n"
                                  << std::string(24, '\0');
  const auto blamed = [&](const std::string& path, const std::string& labels) {
    const CheckedRun run = check_text(
        fmt::format("data {{ dataset: \"npy\" path: \"{0}/{1}\"\n labels: \"{0}/{2}\" }}\n"
                    "vae {{ likelihood: \"gaussian\" }}\n",
                    folder.string(), path, labels),
        "run.txtpb");
    EXPECT_EQ(run.loaded.problems.size(), 1U);
    return run.loaded.problems.empty() ? "" : run.loaded.problems[0].path;
  };
  EXPECT_EQ(blamed("y.npy", "y"), "data.path");
  EXPECT_EQ(blamed("x.npy", "x"), "data.labels");
  EXPECT_EQ(blamed("x.npy", "x.npy"), "data.labels");  // numbers that are no labels
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace allmodes::run
