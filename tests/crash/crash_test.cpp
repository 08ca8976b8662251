// A run that is killed at any moment loses no checkpoint that was committed, has no record twice,
// and ends as the run that was never killed: with the same weights, moments and records.
//
// Each point is a process of its own that trains in earnest, forked from this one, which has loaded
// the libraries. ALLMODES_CRASH_STRIDE says which points are tried: every so many; 1 is all.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/durable_file.h"
#include "base/error.h"
#include "checkpoints/checkpoint.h"
#include "crash/interposer.h"
#include "crash/small_runs.h"
#include "environment.h"
#include "records/json_lines.h"
#include "records/run_folder.h"
#include "run/rollback.h"
#include "run/session.h"
#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes {
namespace {

using crash::Ended;
using crash::in_child;
using crash::kRing;
using crash::kVae;
using crash::newest_run;
using crash::Outcome;
using crash::outcome_of;
namespace fs = std::filesystem;

class CrashTest : public testing::Test {
 protected:
  CrashTest()
      : folder_(fs::temp_directory_path() / fmt::format("allmodes-crash-{}", ::getpid())),
        progress_(static_cast<crash::Progress*>(::mmap(nullptr, sizeof(crash::Progress),
                                                       PROT_READ | PROT_WRITE,
                                                       MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~CrashTest() override {
    ::munmap(progress_, sizeof *progress_);
    fs::remove_all(folder_);
  }

  fs::path runs() const { return folder_ / "runs"; }

  // Trains, or goes on, to the end or to the point at which it is killed.
  Ended train(uint64_t kill_at, bool resume) {
    *progress_ = {};
    return in_child([&] {
      crash::watch(runs().c_str(), kill_at, exchange_, progress_);
      run::TrainOptions options;
      options.config = (folder_ / "config.txtpb").string();
      options.out = runs().string();
      options.quiet = true;
      if (resume) options.resume = "auto";
      world::Runtime runtime;
      const world::StopRequest signals;
      return run::train(options, runtime, signals);
    });
  }

  // The newest run.
  records::RunFolder run() const { return newest_run(runs()); }

  static bool has_gone_back(const fs::path& folder) {
    return fs::exists(folder / "records-before-rollback-1.jsonl");
  }

  static void expect_no_temporaries(const fs::path& folder) {
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      EXPECT_FALSE(is_temporary(entry.path())) << entry.path();
  }

  // Kills a run at every so many of its points and lets it go on.
  void expect_nothing_lost(const char* config) {
    std::ofstream(folder_ / "config.txtpb") << config;
    ASSERT_EQ(train(0, false).code, 0);
    const uint64_t points = progress_->points;
    const Outcome calm = outcome_of(run());
    const char* given = test::environment("ALLMODES_CRASH_STRIDE");
    const uint64_t stride = given == nullptr ? 97 : std::strtoull(given, nullptr, 10);
    uint64_t tried = 0;
    for (uint64_t point = 1 + stride / 2; point <= points; point += stride) {
      SCOPED_TRACE(fmt::format("killed at point {} of {}", point, points));
      fs::remove_all(runs());
      const Ended ended = train(point, false);
      // Files that are written again every so many milliseconds make the last points come or not.
      if (ended.signal == 0 && ended.code == 0) continue;
      ASSERT_EQ(ended.signal, SIGKILL) << ended.code;
      const crash::Progress killed = *progress_;
      if (killed.renamed > 0) {
        std::vector<std::string> refused;
        const auto newest = checkpoints::open_newest(run().checkpoints(), refused);
        EXPECT_TRUE(refused.empty()) << refused[0];
        ASSERT_TRUE(newest.has_value()) << "no checkpoint of " << killed.renamed;
        // A run that goes back has removed the checkpoints behind the one that it goes back to,
        // which is one that it may go back to again.
        EXPECT_TRUE(newest->state.step >= killed.last_step ||
                    (has_gone_back(run().root) && run::is_vouched_for(newest->state)))
            << "step " << newest->state.step << " is left, step " << killed.last_step
            << " was committed";
      }
      ASSERT_EQ(train(0, true).code, 0);
      EXPECT_TRUE(outcome_of(run()) == calm);
      expect_no_temporaries(run().root);
      ++tried;
      if (HasFailure()) return;
    }
    std::printf("%llu of %llu points, nothing lost, nothing twice\n",
                static_cast<unsigned long long>(tried), static_cast<unsigned long long>(points));
  }

  bool exchange_ = true;

 private:
  fs::path folder_;
  crash::Progress* progress_;
};

TEST_F(CrashTest, ARunThatIsKilledAnywhereLosesNothing) {
  expect_nothing_lost(kRing);
}

TEST_F(CrashTest, ARunThatGoesBackAndIsKilledAnywhereLosesNothing) {
  expect_nothing_lost(kVae);
}

TEST_F(CrashTest, NeitherDoesOneWhereNamesCannotBeExchanged) {
  exchange_ = false;
  expect_nothing_lost(kVae);
}

}  // namespace
}  // namespace allmodes
