#pragma once

// What a fuzzer feeds: for each file format a function that takes any bytes, has them read, and
// lets pass what a damaged file may do: give a data set, or an Error that says the file is at
// fault. Everything else (another exception, an internal error, a crash) is a finding.

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoints/safetensors.h"
#include "config/load.h"
#include "data/dataset.h"

namespace allmodes::fuzz {

enum class Outcome { kRead, kRefused };

// A folder of this process, gone with it.
class Scratch {
 public:
  Scratch()
      : folder_(std::filesystem::temp_directory_path() /
                ("allmodes-fuzz-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // A new file each time: a map of the one before keeps its bytes.
  std::string write(const std::string& name, std::string_view bytes) const {
    std::filesystem::remove(folder_ / name);
    std::ofstream(folder_ / name, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return (folder_ / name).string();
  }
  std::string folder() const { return folder_.string(); }

 private:
  std::filesystem::path folder_;
};

inline Outcome read_samples(const config::Data& data) {
  try {
    const auto dataset = data::make_dataset(data, 1);
    std::vector<float> sample(static_cast<size_t>(dataset->shape().values()));
    for (const int64_t index : {int64_t{0}, dataset->size() / 2, dataset->size() - 1}) {
      int64_t label = -1;
      dataset->copy(std::span(&index, 1), sample.data(), &label);
      if (label < 0 || (dataset->classes() > 0 && label >= dataset->classes())) std::abort();
    }
    return Outcome::kRead;
  } catch (const Error& error) {
    // kConfiguration: the file cannot be mapped as the configuration asks. kNoInput: an archive
    // that names no picture.
    if (error.code() != ExitCode::kDataError && error.code() != ExitCode::kConfiguration &&
        error.code() != ExitCode::kNoInput)
      throw;
    return Outcome::kRefused;
  }
}

inline Outcome read_as(const Scratch& scratch, const char* dataset, std::string_view bytes,
                       bool memory_map, int64_t image_size) {
  config::Data data;
  data.dataset = dataset;
  data.memory_map = memory_map;
  data.image_size = image_size;
  data.path = scratch.write("data_batch_1.bin", bytes);
  if (data.dataset == "cifar10") data.path = scratch.folder();
  return read_samples(data);
}

// One picture in a folder, or an archive of pictures.
inline Outcome read_pictures(const Scratch& scratch, const std::string& name,
                             std::string_view bytes) {
  config::Data data;
  data.dataset = "images";
  data.image_size = 8;
  data.fit = "crop";
  data.threads = 1;
  data.largest_picture = 1;
  std::filesystem::create_directories(scratch.folder() + "/pictures");
  data.path = scratch.write(name, bytes);
  if (name.starts_with("pictures/")) data.path = scratch.folder() + "/pictures";
  return read_samples(data);
}

inline Outcome read_mds(const Scratch& scratch, std::string_view bytes) {
  std::filesystem::create_directories(scratch.folder() + "/mds");
  scratch.write("mds/index.json",
                R"({"shards": [{"column_names": ["image", "label"], "column_encodings": )"
                R"(["bytes", "int"], "column_sizes": [null, 8], "samples": 2, "raw_data": )"
                R"({"basename": "s.mds", "bytes": 1}}]})");
  scratch.write("mds/s.mds", bytes);
  config::Data data;
  data.dataset = "images";
  data.path = scratch.folder() + "/mds";
  data.image_size = 8;
  data.threads = 1;
  return read_samples(data);
}

inline Outcome read_npz(const Scratch& scratch, std::string_view bytes) {
  config::Data data;
  data.dataset = "npy";
  data.path = scratch.write("a.npz", bytes);
  return read_samples(data);
}

// The labels of one good image set.
inline Outcome read_labels(const Scratch& scratch, std::string_view bytes) {
  config::Data data;
  data.dataset = "idx";
  data.path = scratch.write("images",
                            std::string("\0\0\x08\x03\0\0\0\x03\0\0\0\x01\0\0\0\x01", 16) + "abc");
  data.labels = scratch.write("labels", bytes);
  return read_samples(data);
}

inline Outcome read_safetensors(const Scratch& scratch, std::string_view bytes) {
  try {
    const checkpoints::SafetensorsFile file(scratch.write("weights.safetensors", bytes));
    return Outcome::kRead;
  } catch (const Error& error) {
    if (error.code() != ExitCode::kDataError) throw;
    return Outcome::kRefused;
  }
}

inline Outcome read_configuration(const Scratch&, std::string_view bytes) {
  try {
    const auto loaded = config::parse(std::string(bytes), "fuzz.txtpb");
    return loaded.problems.empty() ? Outcome::kRead : Outcome::kRefused;
  } catch (const Error& error) {
    if (error.code() == ExitCode::kSoftware) throw;
    return Outcome::kRefused;
  }
}

struct Target {
  const char* name;
  Outcome (*read)(const Scratch& scratch, std::string_view bytes);
};

inline constexpr Target kTargets[] = {
    {"idx", [](const Scratch& s, std::string_view b) { return read_as(s, "idx", b, false, 0); }},
    {"idx_resized",
     [](const Scratch& s, std::string_view b) { return read_as(s, "idx", b, false, 4); }},
    {"idx_mapped",
     [](const Scratch& s, std::string_view b) { return read_as(s, "idx", b, true, 0); }},
    {"npy", [](const Scratch& s, std::string_view b) { return read_as(s, "npy", b, false, 0); }},
    {"npy_mapped",
     [](const Scratch& s, std::string_view b) { return read_as(s, "npy", b, true, 0); }},
    {"cifar10",
     [](const Scratch& s, std::string_view b) { return read_as(s, "cifar10", b, false, 0); }},
    {"cifar10_mapped",
     [](const Scratch& s, std::string_view b) { return read_as(s, "cifar10", b, true, 40); }},
    {"npz", read_npz},
    {"csv", [](const Scratch& s, std::string_view b) { return read_as(s, "table", b, false, 0); }},
    {"jpeg",
     [](const Scratch& s, std::string_view b) { return read_pictures(s, "pictures/x.png", b); }},
    {"png",
     [](const Scratch& s, std::string_view b) { return read_pictures(s, "pictures/x.png", b); }},
    {"webp",
     [](const Scratch& s, std::string_view b) { return read_pictures(s, "pictures/x.png", b); }},
    {"bmp",
     [](const Scratch& s, std::string_view b) { return read_pictures(s, "pictures/x.png", b); }},
    {"pnm",
     [](const Scratch& s, std::string_view b) { return read_pictures(s, "pictures/x.png", b); }},
    {"zip", [](const Scratch& s, std::string_view b) { return read_pictures(s, "a.zip", b); }},
    {"tar", [](const Scratch& s, std::string_view b) { return read_pictures(s, "a.tar", b); }},
    {"mds", read_mds},
    {"labels", read_labels},
    {"safetensors", read_safetensors},
    {"configuration", read_configuration},
};

}  // namespace allmodes::fuzz
