#pragma once

// Small files in every format that data sets are read from, in a folder of their own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/dataset.h"
#include "unit/array_files.h"

namespace allmodes::data {

// Bytes that a data set hands out are those that its samples are made of.
inline void expect_bytes_are_samples(const Dataset& dataset) {
  ASSERT_TRUE(dataset.holds_bytes());
  std::vector<int64_t> indices(static_cast<size_t>(std::min<int64_t>(dataset.size(), 20)));
  for (size_t i = 0; i < indices.size(); ++i)
    indices[i] = dataset.size() - 1 - static_cast<int64_t>(i);
  const size_t values = indices.size() * static_cast<size_t>(dataset.shape().values());
  std::vector<float> samples(values);
  std::vector<uint8_t> bytes(values);
  std::vector<int64_t> labels(indices.size(), -1), others(indices.size(), -2);
  dataset.copy(indices, samples.data(), labels.data());
  dataset.copy_bytes(indices, bytes.data(), others.data());
  EXPECT_EQ(labels, others);
  for (size_t i = 0; i < values; ++i)
    ASSERT_EQ((static_cast<float>(bytes[i]) - kByteCentre) * kByteScale, samples[i]);
}

namespace fs = std::filesystem;

class DataFiles : public ::testing::Test {
 protected:
  DataFiles() : folder_(fs::temp_directory_path() / ("allmodes-data-" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~DataFiles() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const std::string& bytes) const {
    fs::create_directories((folder_ / name).parent_path());
    fs::remove(folder_ / name);  // rewriting in place makes some file systems wait for the disk
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  std::string write_gz(const std::string& name, const std::string& bytes) const {
    const gzFile file = gzopen(path(name).c_str(), "wb9");
    if (!bytes.empty()) gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
    gzclose(file);
    return path(name);
  }

  std::string read(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // Rows of `width` pixels, `channels` interleaved.
  void write_png(const std::string& name, unsigned width, unsigned height, bool colour,
                 const std::vector<uint8_t>& pixels) const {
    fs::create_directories((folder_ / name).parent_path());
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    ASSERT_NE(png_image_write_to_file(&image, path(name).c_str(), 0, pixels.data(), 0, nullptr), 0);
  }

  fs::path folder_;
};

inline config::Data data_of(const std::string& name, const std::string& path,
                            const std::string& labels = "", int64_t image_size = 0) {
  config::Data data;
  data.dataset = name;
  data.path = path;
  data.labels = labels;
  data.image_size = image_size;
  return data;
}

inline std::vector<float> sample(const Dataset& dataset, int64_t index, int64_t* label = nullptr) {
  std::vector<float> out(static_cast<size_t>(dataset.shape().values()));
  dataset.copy(std::span(&index, 1), out.data(), label);
  return out;
}

inline int64_t label_of(const Dataset& dataset, int64_t index) {
  int64_t label = -1;
  sample(dataset, index, &label);
  return label;
}

// The error of `call`, which must throw one.
inline Error error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {ExitCode::kOk, ""};
}

inline Error error_of(const config::Data& data) {
  return error_of([&] { make_dataset(data, 1); });
}

#define EXPECT_REFUSED(data, exit_code, matcher) \
  do {                                           \
    const Error thrown = error_of(data);         \
    EXPECT_EQ(thrown.code(), exit_code);         \
    EXPECT_THAT(thrown.what(), matcher);         \
  } while (false)

}  // namespace allmodes::data
