#include "run/failure.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

namespace allmodes::run {
namespace {

constexpr const char* kLessMemory =
    "use a smaller batch, more microbatches or smaller networks, or more ranks";

// LibTorch appends where in its own sources an error was thrown.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

Failure of_torch(const c10::Error& error) {
  const std::string message = first_line(error.what_without_backtrace());
  // The CPU's allocator has no type of its own for this, and words that differ between systems.
  constexpr std::array kOfMemory{"allocate memory", "not enough memory", "out of memory"};
  const bool of_memory = std::ranges::any_of(
      kOfMemory, [&](const char* words) { return message.find(words) != std::string::npos; });
  if (of_memory || dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr)
    return {ExitCode::kOsError, fmt::format("out of memory: {}; {}", message, kLessMemory)};
  return {ExitCode::kSoftware, "LibTorch: " + message};
}

}  // namespace

Failure failure_of(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return {known->code(), known->what()};
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error)) return of_torch(*torch);
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return {ExitCode::kOsError, fmt::format("out of memory; {}", kLessMemory)};
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    const std::string hint =
        file->code() == std::errc::no_space_on_device ? ": free some and resume" : "";
    return {ExitCode::kInputOutput,
            fmt::format("'{}': {}{}", file->path1().string(), file->code().message(), hint)};
  }
  if (const auto* system = dynamic_cast<const std::system_error*>(&error))
    return {ExitCode::kOsError, system->what()};
  if (const auto* json = dynamic_cast<const nlohmann::json::exception*>(&error))
    return {ExitCode::kSoftware, fmt::format("JSON: {}", json->what())};
  return {ExitCode::kSoftware, first_line(error.what())};
}

int report(const std::exception& error, const world::Runtime* runtime) {
  const Failure failure = failure_of(error);
  std::string where;
  if (runtime != nullptr && runtime->world().size > 1) {
    const auto& world = runtime->world();
    where = fmt::format(" [rank {} of {} on {}]", world.rank, world.size, world.host);
    if (world.rank > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(500 + 20 * std::min(world.rank, 50)));
  }
  const auto text = fmt::format("allmodes: error{}: {}\n", where, failure.message);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return static_cast<int>(failure.code);
}

int or_end_the_job(world::Runtime& runtime, const std::function<int()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    runtime.abort(report(error, &runtime));
  }
}

}  // namespace allmodes::run
