#include "checkpoints/checkpoint_folders.h"

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/space_shortage.h"
#include "base/system_call.h"

namespace allmodes::checkpoints {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderPrefix = "step-";
constexpr std::string_view kReplacedSuffix = ".replaced";

fs::path replaced_name(const fs::path& folder) {
  return folder.string() + std::string(kReplacedSuffix);
}

// The step of a folder called step-N or step-N.replaced.
std::optional<uint64_t> step_of(std::string_view name) {
  if (!name.starts_with(kFolderPrefix)) return std::nullopt;
  name.remove_prefix(kFolderPrefix.size());
  if (name.ends_with(kReplacedSuffix)) name.remove_suffix(kReplacedSuffix.size());
  uint64_t step = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), step);
  if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) return std::nullopt;
  return step;
}

bool is_replaced(const fs::path& folder) {
  return folder.filename().string().ends_with(kReplacedSuffix);
}

// Every entry of the folder that is named like a checkpoint.
std::vector<std::pair<uint64_t, fs::path>> step_folders(const fs::path& checkpoints_dir) {
  std::vector<std::pair<uint64_t, fs::path>> folders;
  std::error_code error;
  fs::directory_iterator entry(checkpoints_dir, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (const auto step = step_of(entry->path().filename().string()))
      folders.emplace_back(*step, entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    ALLMODES_FAIL(ExitCode::kInputOutput, "the folder '{}' cannot be read: {}",
                  checkpoints_dir.string(), storage_cause(error.value()));
  }
  // A name sorts before the same with ".replaced" after it.
  std::sort(folders.begin(), folders.end());
  return folders;
}

void remove_quietly(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

bool renamed(const fs::path& from, const fs::path& to) {
  return uninterrupted([&] { return ::rename(from.c_str(), to.c_str()); }) == 0;
}

bool exchanged(const fs::path& one, const fs::path& other) {
  return uninterrupted([&] {
           return ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
         }) == 0;
}

}  // namespace

std::string step_folder_name(uint64_t step) {
  return fmt::format("{}{:08}", kFolderPrefix, step);
}

std::vector<std::pair<uint64_t, fs::path>> list_checkpoints(const fs::path& checkpoints_dir) {
  auto folders = step_folders(checkpoints_dir);
  // Of a step's two names the first, which is the one without ".replaced", counts.
  const auto same_step = [](const auto& a, const auto& b) { return a.first == b.first; };
  folders.erase(std::unique(folders.begin(), folders.end(), same_step), folders.end());
  return folders;
}

void put_in_place(const fs::path& temporary, const fs::path& final_place) {
  if (renamed(temporary, final_place)) return;
  int error = errno;
  // The last where something that is no folder has the name.
  if (error == ENOTEMPTY || error == EEXIST || error == ENOTDIR) {
    if (exchanged(temporary, final_place)) return;
    const fs::path aside = replaced_name(final_place);
    if (renamed(final_place, aside)) {
      if (renamed(temporary, final_place)) return;
      error = errno;
      renamed(aside, final_place);
    } else {
      error = errno;
    }
  }
  throw StorageError(ExitCode::kCannotCreate, error,
                     fmt::format("cannot put the checkpoint '{}' in place", final_place.string()));
}

void tidy(const fs::path& checkpoints_dir) {
  remove_temporaries(checkpoints_dir);
  for (const auto& [step, folder] : step_folders(checkpoints_dir)) {
    if (!is_replaced(folder)) continue;
    const fs::path successor = checkpoints_dir / step_folder_name(step);
    std::error_code ignored;
    if (fs::exists(successor, ignored)) {
      remove_quietly(folder);
    } else {
      renamed(folder, successor);
    }
  }
}

void remove_checkpoint(const fs::path& folder) {
  // Else it would count from the moment that its successor is gone.
  if (!is_replaced(folder)) remove_quietly(replaced_name(folder));
  // Under another name first: a job that is killed on the way leaves no checkpoint that lacks
  // files.
  const fs::path temporary = temporary_beside(folder);
  if (renamed(folder, temporary)) {
    remove_quietly(temporary);
  } else {
    remove_quietly(folder);
  }
}

void remove_after(const fs::path& checkpoints_dir, uint64_t step) {
  const auto folders = list_checkpoints(checkpoints_dir);
  for (auto folder = folders.rbegin(); folder != folders.rend() && folder->first > step; ++folder)
    remove_checkpoint(folder->second);
}

void remove_old(const fs::path& checkpoints_dir, uint64_t step, int64_t keep,
                std::optional<uint64_t> spare) {
  auto folders = list_checkpoints(checkpoints_dir);
  std::erase_if(folders, [&](const auto& folder) { return folder.first > step; });
  for (size_t i = 0; i + static_cast<size_t>(keep) < folders.size(); ++i)
    if (folders[i].first != spare) remove_checkpoint(folders[i].second);
}

}  // namespace allmodes::checkpoints
