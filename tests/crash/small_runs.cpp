#include "crash/small_runs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <set>

#include "base/durable_file.h"
#include "checkpoints/checkpoint.h"
#include "records/json_lines.h"
#include "run/failure.h"

namespace allmodes::crash {

namespace fs = std::filesystem;

Ended in_child(const std::function<int()>& work, const fs::path& messages) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(99);
    const std::string where = messages.empty() ? "/dev/null" : messages.string();
    if (std::getenv("ALLMODES_CRASH_LOUD") == nullptr &&
        std::freopen(where.c_str(), "w", stderr) == nullptr)
      ::_exit(99);
    int code = 98;
    try {
      code = work();
    } catch (const std::exception& error) {
      code = run::report(error, nullptr);
    }
    std::fflush(stderr);
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? Ended{.signal = WTERMSIG(status)}
                             : Ended{.code = WEXITSTATUS(status)};
}

Outcome outcome_of(const records::RunFolder& run) {
  Outcome outcome;
  const auto folders = checkpoints::list_checkpoints(run.checkpoints());
  if (!folders.empty()) outcome.step = folders.back().first;
  if (!folders.empty())
    for (const auto& file : fs::directory_iterator(folders.back().second))
      if (file.path().extension() == ".safetensors")
        outcome.payload[file.path().filename().string()] = read_file(file.path());
  const auto lines = records::read_records(run.records());
  EXPECT_TRUE(lines.bad.empty());
  std::set<std::string> seen;
  for (records::Record record : lines.records) {
    record.time_s = 0;
    std::erase_if(record.values, [](const auto& value) {
      const std::string& name = value.first;
      return name.ends_with("_ms") || name.ends_with("_s") || name.find("_ms_") != name.npos ||
             name.find("_s_") != name.npos || name.ends_with("_seconds") ||
             name == "unwritten_files";
    });
    const std::string text = records::to_json(record);
    EXPECT_TRUE(seen.insert(text).second) << "twice: " << text;
    outcome.records.push_back(text);
  }
  return outcome;
}

records::RunFolder newest_run(const fs::path& runs) {
  std::set<fs::path> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(runs, none)) found.insert(entry.path());
  return {found.empty() ? fs::path() : *found.rbegin()};
}

}  // namespace allmodes::crash
