#include "cli/named_config.h"

#include <filesystem>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "config/suggestions.h"

namespace allmodes::cli {

std::optional<std::filesystem::path> own_program() {
  std::error_code unknown;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return unknown ? std::nullopt : std::optional(program);
}

std::optional<std::filesystem::path> own_file(const std::filesystem::path& file) {
  const auto program = own_program();
  if (!program) return std::nullopt;
  std::error_code unknown;
  const auto beside = program->parent_path().parent_path();
  for (const auto& folder : {beside / "share" / "allmodes", beside})
    if (std::filesystem::exists(folder / file, unknown)) return folder / file;
  return std::nullopt;
}

std::string named_config(const std::string& word) {
  std::error_code unknown;
  if (word.empty() || word.find('/') != std::string::npos || std::filesystem::exists(word, unknown))
    return word;
  const auto found = own_file(std::filesystem::path("configs") /
                              (word.ends_with(".txtpb") ? word : word + ".txtpb"));
  if (found) return found->string();
  std::vector<std::string> names;
  if (const auto folder = own_file("configs"))
    for (const auto& entry : std::filesystem::directory_iterator(*folder, unknown))
      if (entry.path().extension() == ".txtpb") names.push_back(entry.path().stem().string());
  const std::string meant = config::nearest(std::filesystem::path(word).stem().string(), names);
  ALLMODES_FAIL(ExitCode::kNoInput,
                "there is no configuration '{}', neither a file here nor one of configs/{}", word,
                meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant));
}

}  // namespace allmodes::cli
