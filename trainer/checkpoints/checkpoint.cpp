#include "checkpoints/checkpoint.h"

#include <sys/stat.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/space_shortage.h"
#include "base/system_call.h"
#include "checkpoints/manifest.h"
#include "checkpoints/payload_file.h"

namespace allmodes::checkpoints {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr char kManifest[] = "manifest.pb";
constexpr uint64_t kLargestManifest = UINT64_C(1) << 30;

bool is_plain_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

std::string stem_of(const std::string& file_name) {
  return file_name.ends_with(kSuffix) ? file_name.substr(0, file_name.size() - kSuffix.size()) : "";
}

void write_folder(const fs::path& folder, const State& state, const Payload& payload) {
  Manifest manifest{.state = state, .files = {}};
  for (const auto& [stem, tensors] : payload) {
    ALLMODES_CHECK(is_plain_name(stem), "'{}' cannot be the name of a file", stem);
    manifest.files.push_back(write_payload_file(folder / (stem + std::string(kSuffix)), tensors));
  }
  const std::string bytes = encode_manifest(manifest);
  DurableFile file(folder / kManifest);
  file.write(bytes.data(), bytes.size());
  file.commit();
  sync_folder(folder);
}

// Throws kNoInput when there is no manifest, kInputOutput when there is one that cannot be read.
std::string read_manifest(const fs::path& path) {
  try {
    return read_file(path, kLargestManifest);
  } catch (const Error& error) {
    std::error_code unknown;
    const bool missing = !fs::exists(path, unknown) && !unknown;
    if (error.code() != ExitCode::kNoInput || missing) throw;
    throw Error(ExitCode::kInputOutput, error.what());
  }
}

Opened read_folder(const fs::path& folder, bool keep) {
  const fs::path path = folder / kManifest;
  Manifest manifest = decode_manifest(read_manifest(path), path.string());
  Opened opened{.folder = folder, .state = std::move(manifest.state), .stems = {}};
  for (const FileEntry& entry : manifest.files) {
    // A name with a slash would lead out of the folder.
    const std::string stem = stem_of(entry.name);
    if (!is_plain_name(stem)) {
      ALLMODES_FAIL(ExitCode::kDataError, "'{}' names the file '{}'", path.string(), entry.name);
    }
    auto bytes = verify_payload_file(folder / entry.name, entry, keep);
    if (bytes) opened.bytes.emplace(stem, std::move(bytes));
    opened.stems.push_back(stem);
  }
  return opened;
}

}  // namespace

fs::path save(const fs::path& checkpoints_dir, const State& state, const Payload& payload,
              int64_t keep, std::optional<uint64_t> spare) {
  ALLMODES_CHECK(keep >= 1, "keep is {}", keep);
  create_folders(checkpoints_dir);
  tidy(checkpoints_dir);
  const fs::path final_place = checkpoints_dir / step_folder_name(state.step);
  const fs::path temporary = temporary_beside(final_place);
  try {
    if (uninterrupted([&] { return ::mkdir(temporary.c_str(), 0777); }) != 0) {
      const int cause = errno;
      throw StorageError(ExitCode::kCannotCreate, cause,
                         fmt::format("cannot create the folder '{}'", temporary.string()));
    }
    write_folder(temporary, state, payload);
    put_in_place(temporary, final_place);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  sync_folder(checkpoints_dir);
  tidy(checkpoints_dir);
  remove_old(checkpoints_dir, state.step, keep, spare);
  return final_place;
}

bool Opened::has(const std::string& stem) const {
  return std::find(stems.begin(), stems.end(), stem) != stems.end();
}

SafetensorsFile Opened::file(const std::string& stem) const {
  if (!has(stem)) {
    ALLMODES_FAIL(ExitCode::kDataError, "the checkpoint '{}' has no '{}{}'", folder.string(), stem,
                  kSuffix);
  }
  const fs::path path = folder / (stem + std::string(kSuffix));
  const auto held = bytes.find(stem);
  return held != bytes.end() ? SafetensorsFile(path, held->second) : SafetensorsFile(path);
}

Opened open(const fs::path& folder) {
  return read_folder(folder, /*keep=*/true);
}

Opened verify(const fs::path& folder) {
  return read_folder(folder, /*keep=*/false);
}

State state_of(const fs::path& folder) {
  const fs::path path = folder / kManifest;
  return decode_manifest(read_manifest(path), path.string()).state;
}

std::optional<Opened> open_newest(const fs::path& checkpoints_dir,
                                  std::vector<std::string>& refused) {
  const auto folders = list_checkpoints(checkpoints_dir);
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    try {
      Opened opened = open(folder->second);
      if (opened.state.step == folder->first) return opened;
      refused.push_back(
          fmt::format("'{}' holds step {}: renamed?", folder->second.string(), opened.state.step));
    } catch (const Error& error) {
      // What cannot be read now may be whole: an older one in its place would lose steps.
      if (error.code() == ExitCode::kInputOutput) throw;
      refused.emplace_back(error.what());
    }
  }
  return std::nullopt;
}

}  // namespace allmodes::checkpoints
