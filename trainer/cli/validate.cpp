#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/named_config.h"
#include "run/agreement.h"
#include "run/checked_run.h"

namespace allmodes::cli {
namespace {

// `ranks`: how many shall train it; 0 where that is not asked.
ExitCode validate(const std::string& word, const std::vector<std::string>& overrides,
                  int64_t ranks) {
  try {
    const std::string file = named_config(word);
    const run::CheckedRun run = run::check_run(file, overrides);
    if (!run.good()) {
      fmt::print(stderr, "{}", run::problems_text(run.loaded));
      return run.exit_code();
    }
    if (const std::string uneven = ranks > 0 ? run::uneven_batch(run, ranks) : "";
        !uneven.empty()) {
      fmt::print(stderr, "{}", uneven);
      return ExitCode::kConfiguration;
    }
    fmt::print("{}: good\n", file);
    return ExitCode::kOk;
  } catch (const Error& error) {
    fmt::print(stderr, "allmodes: error: {}\n", error.what());
    return error.code();
  }
}

struct Configuration {
  std::string file;
  std::vector<std::string> overrides;
};

// Of each line of the file, "-" for standard input, a JSON list: CONFIG, FIELD=VALUE, ... Throws
// kNoInput for a file that cannot be opened and kDataError for a line that is no such list.
std::vector<Configuration> listed_in(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file)
      throw Error(ExitCode::kNoInput, fmt::format("--each: {} cannot be opened: {}", path,
                                                  std::generic_category().message(errno)));
  }
  std::istream& lines = path == "-" ? std::cin : file;
  std::vector<Configuration> listed;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const auto words = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const bool good = words.is_array() && !words.empty() &&
                      std::ranges::all_of(words, [](const auto& word) { return word.is_string(); });
    if (!good)
      throw Error(ExitCode::kDataError, fmt::format("{}:{}: not a JSON list of strings; write {}",
                                                    path == "-" ? "standard input" : path, number,
                                                    R"(["CONFIG", "FIELD=VALUE", ...])"));
    listed.push_back({words.front().get<std::string>(), {}});
    for (size_t i = 1; i < words.size(); ++i)
      listed.back().overrides.push_back(words[i].get<std::string>());
  }
  return listed;
}

ExitCode validate_each(const std::string& path, const std::vector<std::string>& overrides,
                       int64_t ranks) {
  try {
    ExitCode code = ExitCode::kOk;
    for (auto& [file, own] : listed_in(path)) {
      own.insert(own.end(), overrides.begin(), overrides.end());
      code = std::max(code, validate(file, own, ranks));
    }
    return code;
  } catch (const Error& error) {
    fmt::print(stderr, "allmodes: error: {}\n", error.what());
    return error.code();
  }
}

void add_validate(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("validate", "Check configurations; needs no GPU and no MPI");
  auto files = std::make_shared<std::vector<std::string>>();
  auto overrides = std::make_shared<std::vector<std::string>>();
  auto each = std::make_shared<std::string>();
  auto* named =
      command->add_option("CONFIG", *files, "Text-proto files, or names of those of configs/");
  command->add_option("--each", *each,
                      "Also those that FILE lists, - for standard input: a line is a JSON list of "
                      "CONFIG and the FIELD=VALUE that are set in it");
  command->add_option("--set", *overrides, "FIELD=VALUE, applied before checking")
      ->allow_extra_args(false);
  auto ranks = std::make_shared<int64_t>(0);
  command
      ->add_option("--ranks", *ranks,
                   "Also check that so many ranks can share out the batch; says how many can")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  command->footer(
      "Prints every error as file:line:column: message and exits 78; 0 when good;\n65 or 66 "
      "when all that is wrong is a damaged or missing data file.");
  command->callback([&dispatch, named, files, each, overrides, ranks] {
    if (files->empty() && each->empty()) throw CLI::RequiredError(named->get_name());
    dispatch.alone = [files, each, overrides, ranks] {
      ExitCode code = ExitCode::kOk;
      // A file that cannot be read does not keep the others from being checked.
      for (const auto& file : *files) code = std::max(code, validate(file, *overrides, *ranks));
      if (!each->empty()) code = std::max(code, validate_each(*each, *overrides, *ranks));
      return static_cast<int>(code);
    };
  });
}

}  // namespace

extern const Command kValidate{.place = 2, .add = add_validate};

}  // namespace allmodes::cli
