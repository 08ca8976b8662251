#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>

#include "base/durable_file.h"
#include "base/error.h"
#include "checkpoints/safetensors.h"

namespace allmodes::checkpoints {
namespace {

namespace fs = std::filesystem;

class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsTest()
      : path_(fs::temp_directory_path() / fmt::format("allmodes-{}.safetensors", ::getpid())) {}
  ~SafetensorsTest() override { fs::remove(path_); }

  // A file of this header and so many bytes of tensors.
  void make(const std::string& header, size_t data_bytes, uint64_t stated_length = UINT64_MAX) {
    uint64_t length = stated_length == UINT64_MAX ? header.size() : stated_length;
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    write_file_atomically(path_, bytes + header + std::string(data_bytes, 'd'));
  }

  // The message with which the file is refused.
  std::string refusal() const {
    try {
      const SafetensorsFile file(path_);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kDataError);
      return error.what();
    }
    return "accepted";
  }
  void expect_refused(const std::string& because) const {
    const std::string message = refusal();
    EXPECT_NE(message.find(because), std::string::npos) << message;
    EXPECT_NE(message.find(path_.string()), std::string::npos) << message;
  }

  fs::path path_;
};

std::vector<TensorView> some_tensors() {
  static const std::array<float, 6> weight{1, -2, 3.5F, 0, 1e-30F, 6};
  static const std::array<uint8_t, 3> mask{1, 0, 255};
  static const std::array<double, 2> steps{1e300, -0.0};
  static const int64_t count = -5;
  return {{"mask", DType::kU8, {3}, mask.data(), 3},
          {"layer.0/weight", DType::kF32, {2, 3}, weight.data(), 24},
          {"steps", DType::kF64, {2}, steps.data(), 16},
          {"count", DType::kI64, {}, &count, 8},
          {"empty", DType::kF32, {0, 4}, nullptr, 0}};
}

std::string bytes_of(const TensorView& tensor) {
  return tensor.bytes == 0 ? "" : std::string(static_cast<const char*>(tensor.data), tensor.bytes);
}

TEST_F(SafetensorsTest, WhatIsWrittenReadsBack) {
  const auto tensors = some_tensors();
  write_safetensors(path_, tensors, {{"format", "pt"}, {"step", "12"}});
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.metadata().at("step"), "12");
  ASSERT_EQ(file.names().size(), tensors.size());
  for (const TensorView& tensor : tensors) {
    const auto& entry = file.at(tensor.name);
    EXPECT_EQ(entry.dtype, tensor.dtype);
    EXPECT_EQ(entry.shape, tensor.shape);
    EXPECT_EQ(entry.begin % element_bytes(tensor.dtype), 0U);
    std::string bytes(tensor.bytes, '\0');
    file.read(tensor.name, bytes.data(), bytes.size());
    EXPECT_EQ(bytes, bytes_of(tensor));
  }
  EXPECT_FALSE(file.has("bias"));
  EXPECT_THROW(file.at("bias"), Error);
  float wrong_size = 0;
  EXPECT_THROW(file.read("steps", &wrong_size, 4), Error);
}

TEST_F(SafetensorsTest, AFileWithoutTensorsIsAFile) {
  write_safetensors(path_, {});
  EXPECT_TRUE(SafetensorsFile(path_).names().empty());
}

TEST_F(SafetensorsTest, ANameUsedTwiceOrAWrongSizeIsNotWritten) {
  auto tensors = some_tensors();
  tensors.push_back(tensors.front());
  EXPECT_THROW(write_safetensors(path_, tensors), Error);
  tensors = some_tensors();
  tensors[1].bytes = 20;
  EXPECT_THROW(write_safetensors(path_, tensors), Error);
}

TEST_F(SafetensorsTest, EveryTruncationIsRefused) {
  write_safetensors(path_, some_tensors());
  const std::string whole = read_file(path_);
  for (size_t length = 0; length < whole.size(); ++length) {
    write_file_atomically(path_, whole.substr(0, length));
    EXPECT_NE(refusal(), "accepted") << length;
  }
}

TEST_F(SafetensorsTest, DamagedHeadersAreRefusedWithTheirPlace) {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  make(good, 8);
  EXPECT_EQ(refusal(), "accepted");
  make(good, 9);
  expect_refused(fmt::format("byte {}: 1 bytes after the last tensor", 8 + good.size() + 8));
  make(good, 8, 100'000'001);
  expect_refused("byte 0");
  make(good, 8, UINT64_MAX - 1);
  expect_refused("byte 0");
  make("[1]", 0);
  expect_refused("not a JSON object");
  make("{\"a\":", 0);
  expect_refused("byte 14");
  make(std::string(200'000, '['), 0);
  expect_refused("not JSON");
  make(R"({"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}})", 8);
  expect_refused("F31");
  make(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8);
  expect_refused("does not fit");
  make(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8);
  expect_refused("'-2'");
  make(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0);
  expect_refused("does not fit");
  make(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8);
  expect_refused("does not fit");
  make(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", 8);
  expect_refused("does not fit");
  make(R"({"a":{"dtype":"F32","shape":[2]}})", 8);
  expect_refused("malformed");
  make(R"({"a":7})", 0);
  expect_refused("malformed");
  make(R"({"__metadata__":{"step":7}})", 0);
  expect_refused("malformed");
}

TEST_F(SafetensorsTest, OverlapsGapsAndRepeatedNamesAreRefused) {
  make(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       12);
  expect_refused("'b' overlaps");
  make(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})",
       16);
  expect_refused("'b' leaves a gap");
  make(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       8);
  expect_refused("'a' twice");
}

TEST_F(SafetensorsTest, AMissingFileIsNoInput) {
  try {
    const SafetensorsFile file("/nonexistent/x.safetensors");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNoInput);
  }
}

TEST_F(SafetensorsTest, TheFormatsOwnPythonPackageReadsTheFile) {
  write_safetensors(path_, some_tensors(), {{"format", "pt"}});
  const fs::path script =
      fs::path(__FILE__).parent_path().parent_path() / "reference" / "read_safetensors.py";
  if (!fs::exists(script)) GTEST_SKIP() << script << " is not there";
  const std::string command = fmt::format("python3 '{}' '{}'", script.string(), path_.string());
  FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said(4096, '\0');
  said.resize(std::fread(said.data(), 1, said.size(), pipe));
  const int status = WEXITSTATUS(::pclose(pipe));
  if (status == 77 || status == 127) GTEST_SKIP() << said;
  EXPECT_EQ(status, 0);
  std::string expected = "metadata format=pt\n";
  // Sorted by name, with the names that numpy gives the types.
  for (const auto& [name, described] :
       std::map<std::string, std::string>{{"count", "int64 []"},
                                          {"empty", "float32 [0x4]"},
                                          {"layer.0/weight", "float32 [2x3]"},
                                          {"mask", "uint8 [3]"},
                                          {"steps", "float64 [2]"}}) {
    for (const TensorView& tensor : some_tensors()) {
      if (tensor.name != name) continue;
      int64_t sum = 0;
      for (const char c : bytes_of(tensor)) sum += static_cast<unsigned char>(c);
      expected += fmt::format("{} {} {}\n", name, described, sum);
    }
  }
  EXPECT_EQ(said, expected);
}

}  // namespace
}  // namespace allmodes::checkpoints
