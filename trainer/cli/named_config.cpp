#include "cli/named_config.h"

#include <filesystem>
#include <system_error>

namespace allmodes::cli {

std::string named_config(const std::string& word) {
  namespace fs = std::filesystem;
  std::error_code unknown;
  if (word.empty() || word.find('/') != std::string::npos || fs::exists(word, unknown)) return word;
  const fs::path program = fs::read_symlink("/proc/self/exe", unknown);
  if (unknown) return word;
  const std::string file = word.ends_with(".txtpb") ? word : word + ".txtpb";
  const fs::path beside = program.parent_path().parent_path();
  for (const fs::path& folder : {beside / "share" / "allmodes" / "configs", beside / "configs"})
    if (fs::exists(folder / file, unknown)) return (folder / file).string();
  return word;
}

}  // namespace allmodes::cli
