// Every kind of file that a run writes, every call on it, every answer that a disk may give: what a
// run needs ends it, with one message that names file and cause; what it can do without is a
// warning; what passes by itself is nobody's business. After all of them the run goes on to the
// same end.
//
// ALLMODES_STORAGE_STRIDE says which combinations are tried: every so many; 1 is all.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/durable_file.h"
#include "base/system_call.h"
#include "checkpoints/checkpoint.h"
#include "crash/small_runs.h"
#include "crash/storage_fault.h"
#include "environment.h"
#include "run/session.h"
#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;
using crash::Call;
using crash::Fault;
using crash::outcome_of;

enum class Wanted { kEnds, kWarns, kNothing };

struct Combination {
  Fault fault;
  Wanted wanted = Wanted::kEnds;
  bool resumed = false;  // the fault meets a run that is continued
};

std::string to_string(const Combination& each) {
  const Fault& fault = each.fault;
  return fmt::format("{} of '{}' {}, from the {}. time{}", crash::name_of(fault.call), fault.part,
                     fault.error != 0 ? fmt::format("fails: {}", std::strerror(fault.error))
                     : fault.shorten  ? std::string("moves one byte")
                                      : fmt::format("takes {} s", fault.block_s),
                     fault.first, each.resumed ? ", at a resume" : "");
}

// What calls may fail with.
std::vector<int> errors_of(Call call) {
  switch (call) {
    case Call::kOpen:
      return {EIO, ENOSPC, EACCES, EROFS, EMFILE, ESTALE};
    case Call::kOpenToRead:
      return {EIO, EACCES, EMFILE, ESTALE};
    case Call::kRead:
      return {EIO, ESTALE};
    case Call::kMkdir:
    case Call::kRename:
      return {EIO, ENOSPC, EACCES, EROFS};
    case Call::kWrite:
      return {EIO, ENOSPC, EDQUOT, EFBIG, ESTALE};
    default:
      return {EIO, ENOSPC, ESTALE};
  }
}

void add(std::vector<Combination>& all, const char* part, std::initializer_list<Call> calls,
         Wanted wanted, uint64_t first = 1) {
  for (const Call call : calls) {
    for (const int error : errors_of(call))
      all.push_back({.fault = {.call = call, .part = part, .error = error, .first = first},
                     .wanted = wanted});
    // What passes by itself. close() is not called again after EINTR, nor is it a failure.
    all.push_back(
        {.fault = {.call = call, .part = part, .error = EINTR, .first = first, .count = 3},
         .wanted = Wanted::kNothing});
    if (call == Call::kWrite)
      all.push_back({.fault = {.call = call, .part = part, .shorten = true, .first = first},
                     .wanted = Wanted::kNothing});
    if (call != Call::kClose)
      all.push_back(
          {.fault = {.call = call, .part = part, .block_s = 0.1, .first = first, .count = 2},
           .wanted = Wanted::kNothing});
  }
}

std::vector<Combination> combinations() {
  using enum Call;
  std::vector<Combination> all;
  // From the second on: the first checkpoint stands.
  add(all, "/generator.safetensors", {kOpen, kWrite, kSync, kClose}, Wanted::kEnds, 2);
  add(all, "/manifest.pb", {kOpen, kWrite, kSync, kClose}, Wanted::kEnds, 2);
  add(all, "/.tmp-step-", {kMkdir}, Wanted::kEnds, 2);
  add(all, "/checkpoints/step-", {kRename}, Wanted::kEnds, 2);
  add(all, "/records.jsonl", {kWrite}, Wanted::kEnds, 4);
  add(all, "/records.jsonl", {kOpen, kSync}, Wanted::kEnds);
  add(all, "config.txtpb-", {kOpen, kWrite, kSync, kClose}, Wanted::kEnds);
  add(all, "/config.txtpb", {kRename}, Wanted::kEnds);
  add(all, "run_id-", {kOpen, kWrite, kSync}, Wanted::kEnds);
  add(all, "/lock", {kOpen}, Wanted::kEnds);
  add(all, "/00000-ring", {kMkdir}, Wanted::kEnds);
  add(all, "verdict.json-", {kOpen, kWrite, kSync, kClose}, Wanted::kWarns);
  add(all, "/verdict.json", {kRename}, Wanted::kWarns);
  add(all, "status.json-", {kOpen, kWrite, kClose}, Wanted::kWarns);
  add(all, "report.html-", {kOpen, kWrite, kClose}, Wanted::kWarns);
  add(all, "events.out.tfevents", {kOpen, kWrite}, Wanted::kWarns);
  add(all, "/tensorboard", {kMkdir}, Wanted::kWarns);
  add(all, ".png-", {kOpen, kWrite}, Wanted::kWarns);
  add(all, "/log.txt", {kOpen, kWrite}, Wanted::kWarns);
  add(all, "/lock", {kWrite, kLock}, Wanted::kWarns);
  for (const char* part : {"/manifest.pb", "/generator.safetensors", "/records.jsonl"})
    for (const Call call : {kOpenToRead, kRead}) {
      for (const int error : {EIO, EACCES, EMFILE, ESTALE})
        if (call == kOpenToRead || error == EIO)
          all.push_back({.fault = {.call = call, .part = part, .error = error}, .resumed = true});
      all.push_back({.fault = {.call = call, .part = part, .error = EINTR, .count = 3},
                     .wanted = Wanted::kNothing,
                     .resumed = true});
    }
  for (const int error : {EIO, EACCES, ESTALE})
    all.push_back(
        {.fault = {.call = kList, .part = "/checkpoints", .error = error}, .resumed = true});
  return all;
}

class StorageTest : public testing::Test {
 protected:
  StorageTest()
      : folder_(fs::temp_directory_path() / fmt::format("allmodes-storage-{}", ::getpid())),
        hits_(static_cast<uint64_t*>(::mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(folder_ / "config.txtpb") << crash::kRing;
  }
  ~StorageTest() override {
    ::munmap(hits_, sizeof *hits_);
    fs::remove_all(folder_);
  }

  fs::path runs() const { return folder_ / "runs"; }
  std::string messages() const { return read_file(folder_ / "messages"); }

  crash::Ended train(const Fault* fault, bool resume) {
    *hits_ = 0;
    return crash::in_child(
        [&] {
          run::TrainOptions options;
          options.config = (folder_ / "config.txtpb").string();
          options.out = runs().string();
          options.quiet = true;
          if (resume) options.resume = "auto";
          world::Runtime runtime;
          const world::StopRequest signals;
          if (fault != nullptr) crash::inject(*fault, hits_);
          return run::train(options, runtime, signals);
        },
        folder_ / "messages");
  }

  void expect_handled(const Combination& each, const crash::Outcome& calm) {
    fs::remove_all(runs());
    // Ended at its third save, by a full disk.
    const Fault full{.call = Call::kMkdir, .part = "/.tmp-step-", .error = ENOSPC, .first = 3};
    if (each.resumed) {
      ASSERT_EQ(train(&full, false).code, 73) << messages();
    }
    const auto ended = train(&each.fault, each.resumed);
    const std::string said = messages();
    ASSERT_GT(*hits_, 0U) << "no such call";
    ASSERT_EQ(ended.signal, 0) << said;
    if (each.wanted == Wanted::kEnds) {
      EXPECT_TRUE(ended.code == 65 || ended.code == 66 || ended.code == 73 || ended.code == 74)
          << ended.code << "\n"
          << said;
      const size_t at = said.find("allmodes: error");
      ASSERT_NE(at, said.npos) << said;
      EXPECT_EQ(said.find("allmodes: error", at + 1), said.npos) << said;
      const std::string line = said.substr(at, said.find('\n', at) - at);
      // A temporary name may stand for the file's.
      EXPECT_NE(line.find(each.fault.part.substr(each.fault.part.starts_with('/') ? 1 : 0)),
                line.npos)
          << line;
      EXPECT_NE(line.find(storage_cause(each.fault.error)), line.npos) << line;
    } else {
      EXPECT_EQ(ended.code, 0) << said;
      EXPECT_EQ(said.find("was not written") != said.npos || said.find("cannot be") != said.npos,
                each.wanted == Wanted::kWarns)
          << said;
    }
    if (each.wanted != Wanted::kEnds) {
      EXPECT_TRUE(outcome_of(crash::newest_run(runs())) == calm);
      return;
    }
    ASSERT_EQ(train(nullptr, true).code, 0) << messages();
    EXPECT_TRUE(outcome_of(crash::newest_run(runs())) == calm);
    for (const auto& entry : fs::recursive_directory_iterator(crash::newest_run(runs()).root))
      EXPECT_FALSE(is_temporary(entry.path())) << entry.path();
  }

 private:
  fs::path folder_;
  uint64_t* hits_;
};

TEST_F(StorageTest, WhatARunNeedsEndsItAndWhatItCanDoWithoutIsAWarning) {
  ASSERT_EQ(train(nullptr, false).code, 0) << messages();
  const crash::Outcome calm = outcome_of(crash::newest_run(runs()));
  const char* given = test::environment("ALLMODES_STORAGE_STRIDE");
  const uint64_t stride = given == nullptr ? 37 : std::strtoull(given, nullptr, 10);
  const auto all = combinations();
  uint64_t tried = 0;
  uint64_t wrong = 0;
  for (size_t i = stride / 2; i < all.size(); i += stride) {
    SCOPED_TRACE(to_string(all[i]));
    const auto before =
        testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
    expect_handled(all[i], calm);
    const auto after =
        testing::UnitTest::GetInstance()->current_test_info()->result()->total_part_count();
    wrong += after > before ? 1 : 0;
    ++tried;
  }
  std::printf("%llu of %llu combinations tried, %llu of them wrong\n",
              static_cast<unsigned long long>(tried), static_cast<unsigned long long>(all.size()),
              static_cast<unsigned long long>(wrong));
}

}  // namespace
}  // namespace allmodes
