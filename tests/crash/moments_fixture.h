#pragma once

// Runs in processes of their own, to which something happens at a chosen moment.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/durable_file.h"
#include "crash/interposer.h"
#include "crash/small_runs.h"
#include "crash/storage_fault.h"
#include "run/session.h"
#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes::crash {

class MomentsTest : public testing::Test {
 protected:
  MomentsTest()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("allmodes-moments-{}", ::getpid())),
        hits_(static_cast<uint64_t*>(::mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~MomentsTest() override {
    ::munmap(hits_, sizeof *hits_);
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path runs() const { return folder_ / "runs"; }
  std::filesystem::path folder() const { return folder_; }
  std::string messages() const { return read_file(folder_ / "messages"); }
  records::RunFolder run() const { return newest_run(runs()); }

  // Trains in a process of its own, whose seconds are counted.
  Ended train(const std::string& config, const std::vector<Fault>& faults,
              const std::vector<std::string>& overrides = {}, bool resume = false,
              rlim_t memory = RLIM_INFINITY) {
    std::ofstream(folder_ / "config.txtpb") << config;
    *hits_ = 0;
    const auto began = std::chrono::steady_clock::now();
    const auto ended = in_child(
        [&] {
          run::TrainOptions options;
          options.config = (folder_ / "config.txtpb").string();
          options.out = runs().string();
          options.overrides = overrides;
          options.quiet = true;
          if (resume) options.resume = "auto";
          const rlimit limit{memory, memory};
          ::setrlimit(RLIMIT_AS, &limit);
          const world::StopRequest signals;
          world::Runtime runtime;
          watch(runs().c_str(), 0, exchange_, nullptr);
          for (const auto& fault : faults) inject(fault, hits_);
          return run::train(options, runtime, signals);
        },
        folder_ / "messages");
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return ended;
  }

  double seconds_ = 0;
  bool exchange_ = true;
  uint64_t hits() const { return *hits_; }

 private:
  std::filesystem::path folder_;
  uint64_t* hits_;
};

}  // namespace allmodes::crash
