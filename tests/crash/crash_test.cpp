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
#include "records/json_lines.h"
#include "records/run_folder.h"
#include "run/rollback.h"
#include "run/session.h"
#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;

constexpr char kRing[] = R"(name: "ring"
batch: 32
steps: 24
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 1000 }
gan {
  latent { dimension: 4 }
  generator { width: 8 depth: 1 }
  discriminator { width: 8 depth: 1 }
}
diagnostics { log_every: 5 evaluate_every: 12 samples: 64 calibration_draws: 50 }
checkpoints { every: 8 keep: 2 }
images { every: 12 count: 4 }
)";

// Collapses at its first evaluation and goes back to its beginning.
constexpr char kVae[] = R"(name: "vae"
batch: 64
steps: 400
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 1000 }
vae {
  latent { dimension: 4 }
  encoder { width: 32 depth: 2 }
  decoder { width: 32 depth: 2 }
  optimizer { learning_rate: 2e-3 }
  likelihood: "gaussian"
  variance: 1
  beta: 4
}
diagnostics { log_every: 70 evaluate_every: 200 samples: 400 calibration_draws: 50 }
verdict { on_collapse: "rollback" rollback { limit: 2 kl_weight: 0.01 } }
checkpoints { every: 200 }
images { every: 0 count: 4 }
)";

struct Ended {
  int signal = 0;
  int code = 0;
};

Ended in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(99);
    if (std::getenv("ALLMODES_CRASH_LOUD") == nullptr &&
        std::freopen("/dev/null", "w", stderr) == nullptr)
      ::_exit(99);
    int code = 98;
    try {
      code = work();
    } catch (const Error& error) {
      code = static_cast<int>(error.code());
    } catch (const std::exception&) {
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? Ended{.signal = WTERMSIG(status)}
                             : Ended{.code = WEXITSTATUS(status)};
}

// What must be the same of two runs: the last checkpoint's bytes, and records but for their times.
struct Outcome {
  uint64_t step = 0;
  std::map<std::string, std::string> payload;  // by file
  std::vector<std::string> records;
  bool operator==(const Outcome&) const = default;
};

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
  records::RunFolder run() const {
    std::set<fs::path> found;
    for (const auto& entry : fs::directory_iterator(runs())) found.insert(entry.path());
    return {found.empty() ? fs::path() : *found.rbegin()};
  }

  static Outcome outcome_of(const records::RunFolder& run) {
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
               name.find("_s_") != name.npos || name.ends_with("_seconds");
      });
      const std::string text = records::to_json(record);
      EXPECT_TRUE(seen.insert(text).second) << "twice: " << text;
      outcome.records.push_back(text);
    }
    return outcome;
  }

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
    const char* given = std::getenv("ALLMODES_CRASH_STRIDE");
    const uint64_t stride = given == nullptr ? 29 : std::strtoull(given, nullptr, 10);
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
