// Which message and exit code an error ends a job with, whatever has thrown it.

#include "run/failure.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "base/error.h"

namespace allmodes::run {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What the last exception that `throwing` lets out becomes.
template <typename Throwing>
Failure failure_in(Throwing throwing) {
  try {
    throwing();
  } catch (const std::exception& error) {
    return failure_of(error);
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(FailureOf, AnErrorOfTheProgramKeepsItsCodeAndWords) {
  const auto failure = failure_of(Error(ExitCode::kNoInput, "'x' is missing"));
  EXPECT_EQ(failure.code, ExitCode::kNoInput);
  EXPECT_EQ(failure.message, "'x' is missing");
}

TEST(FailureOf, MemoryThatRunsOutIsNoInternalErrorAndSaysWhatHelps) {
  const auto expect_memory = [](const Failure& failure) {
    EXPECT_EQ(failure.code, ExitCode::kOsError) << failure.message;
    EXPECT_THAT(failure.message, HasSubstr("out of memory"));
    EXPECT_THAT(failure.message, HasSubstr("smaller batch"));
    EXPECT_THAT(failure.message, Not(HasSubstr("\n")));
  };
  expect_memory(failure_of(std::bad_alloc()));
  // What the allocator of a GPU throws, and what that of the CPU does.
  expect_memory(failure_in([] {
    TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate 20.00 GiB.");
  }));
  expect_memory(failure_in([] { at::empty({int64_t{1} << 58}, at::kFloat); }));
}

TEST(FailureOf, AFullDiskIsNamedWithItsFile) {
  const auto full = failure_of(std::filesystem::filesystem_error(
      "cannot copy", "/runs/records.jsonl", std::make_error_code(std::errc::no_space_on_device)));
  EXPECT_EQ(full.code, ExitCode::kInputOutput);
  EXPECT_THAT(full.message, HasSubstr("/runs/records.jsonl"));
  EXPECT_THAT(full.message, HasSubstr("free some and resume"));
  const auto refused = failure_in([] { std::filesystem::file_size("/no such file"); });
  EXPECT_EQ(refused.code, ExitCode::kInputOutput);
  EXPECT_THAT(refused.message, HasSubstr("/no such file"));
}

TEST(FailureOf, WhatTheSystemRefusesIsAnErrorOfTheSystem) {
  const auto failure = failure_of(
      std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again), "thread"));
  EXPECT_EQ(failure.code, ExitCode::kOsError);
}

TEST(FailureOf, OthersAreInternalErrorsOfOneLine) {
  const auto torch = failure_in([] { TORCH_CHECK(false, "sizes differ"); });
  EXPECT_EQ(torch.code, ExitCode::kSoftware);
  EXPECT_THAT(torch.message, HasSubstr("LibTorch: sizes differ"));
  EXPECT_THAT(torch.message, Not(HasSubstr("\n")));
  const auto json = failure_in([] { (void)nlohmann::json::parse("{"); });
  EXPECT_EQ(json.code, ExitCode::kSoftware);
  EXPECT_THAT(json.message, HasSubstr("JSON"));
  EXPECT_EQ(failure_of(std::logic_error("a\nb")).message, "a");
}

}  // namespace
}  // namespace allmodes::run
