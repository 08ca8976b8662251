#include "records/run_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <functional>
#include <system_error>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/system_call.h"

namespace allmodes::records {
namespace {

namespace fs = std::filesystem;

constexpr size_t kDigits = 5;
constexpr int64_t kHighest = 99999;

std::string as_file_name(const std::string& name) {
  std::string plain = name.empty() ? "run" : name;
  for (char& c : plain) {
    const bool fine = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_';
    if (!fine) c = '-';
  }
  return plain;
}

// The number of a folder called NNNNN-anything, or -1.
int64_t run_number(const std::string& folder) {
  if (folder.size() <= kDigits || folder[kDigits] != '-') return -1;
  int64_t number = 0;
  for (size_t i = 0; i < kDigits; ++i) {
    if (folder[i] < '0' || folder[i] > '9') return -1;
    number = number * 10 + (folder[i] - '0');
  }
  return number;
}

// The highest-numbered run for which keep(name after the number) holds: {number, path}.
template <typename Keep>
std::pair<int64_t, fs::path> highest_run(const fs::path& out_dir, Keep keep) {
  std::pair<int64_t, fs::path> highest{-1, {}};
  std::error_code error;
  for (fs::directory_iterator entry(out_dir, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string folder = entry->path().filename().string();
    const int64_t number = run_number(folder);
    if (number > highest.first && keep(folder.substr(kDigits + 1))) {
      highest = {number, entry->path()};
    }
  }
  return highest;
}

}  // namespace

void RunFolder::remove_temporaries() const {
  allmodes::remove_temporaries(root);
  allmodes::remove_temporaries(images());
  allmodes::remove_temporaries(checkpoints());
}

fs::path create_run_folder(const fs::path& out_dir, const std::string& name) {
  create_folders(out_dir);
  const std::string plain = as_file_name(name);
  int64_t number = highest_run(out_dir, [](const std::string&) { return true; }).first + 1;
  for (; number <= kHighest; ++number) {
    const fs::path root = out_dir / fmt::format("{:05}-{}", number, plain);
    // mkdir itself decides who gets a number of one name. A rival of another name is seen only
    // afterwards; then both move on to higher numbers.
    if (uninterrupted([&] { return ::mkdir(root.c_str(), 0777); }) == 0) {
      const std::string own = root.filename().string();
      const bool first = highest_run(out_dir, [&](const std::string& other) {
                           return fmt::format("{:05}-{}", number, other) != own;
                         }).first < number;
      if (first) {
        sync_folder(out_dir);
        create_folders(root / "images");
        create_folders(root / "checkpoints");
        return root;
      }
      fs::remove(root);
    } else if (errno != EEXIST) {
      const int error = errno;
      ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot create the run folder '{}': {}", root.string(),
                    storage_cause(error));
    }
  }
  ALLMODES_FAIL(ExitCode::kCannotCreate, "'{}' has no free run number below 100000",
                out_dir.string());
}

std::vector<fs::path> run_folders(const fs::path& out_dir, const std::string& name) {
  const std::string plain = as_file_name(name);
  std::vector<std::pair<int64_t, fs::path>> found;
  std::error_code error;
  fs::directory_iterator entry(out_dir, error);
  if (error == std::errc::no_such_file_or_directory) return {};
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    const std::string folder = entry->path().filename().string();
    const int64_t number = run_number(folder);
    if (number >= 0 && folder.substr(kDigits + 1) == plain)
      found.emplace_back(number, entry->path());
  }
  if (error) {
    ALLMODES_FAIL(ExitCode::kInputOutput, "the folder '{}' cannot be listed: {}", out_dir.string(),
                  error.message());
  }
  std::ranges::sort(found, std::ranges::greater());
  std::vector<fs::path> paths;
  for (auto& [number, path] : found) paths.push_back(std::move(path));
  return paths;
}

}  // namespace allmodes::records
