// After a power cut a committed checkpoint is there: a file system promises that only of what was
// synced, and of the name of a file or folder only when the folder that holds it was. Some keep
// more; a run does not rely on it.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "base/durable_file.h"
#include "crash/interposer.h"
#include "crash/small_runs.h"
#include "run/session.h"
#include "world/runtime.h"
#include "world/signals.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;

// What a power cut could take, as the journal of a run goes on.
class Unsynced {
 public:
  void created(const fs::path& path) {
    content_.insert(path);
    names_.insert(path);
  }
  void made(const fs::path& path) { names_.insert(path); }
  void synced(const fs::path& path) {
    content_.erase(path);
    std::erase_if(names_, [&](const fs::path& each) { return each.parent_path() == path; });
  }
  void renamed(const fs::path& from, const fs::path& to) {
    for (auto* set : {&content_, &names_}) {
      std::set<fs::path> moved;
      for (const auto& each : *set) {
        const auto inside = each.lexically_relative(from);
        const bool is_inside = !inside.empty() && *inside.begin() != "..";
        moved.insert(each == from ? to : is_inside ? to / inside : each);
      }
      *set = moved;
    }
    names_.insert(to);
  }
  // What of `folder`, inside it and above it, is not safe.
  std::string threatened(const fs::path& folder) const {
    std::string found;
    for (const auto* set : {&content_, &names_}) {
      for (const auto& each : *set) {
        const std::string a = (each / "").string(), b = (folder / "").string();
        if (a.starts_with(b) || b.starts_with(a)) found += each.string() + "\n";
      }
    }
    return found;
  }

 private:
  std::set<fs::path> content_;  // files whose bytes may be lost
  std::set<fs::path> names_;    // files and folders whose names may be
};

TEST(SyncTest, ACommittedCheckpointIsSafeWithAllFoldersAboveIt) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("allmodes-sync-{}", ::getpid());
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::ofstream(folder / "config.txtpb") << crash::kRing;
  const auto ended = crash::in_child([&] {
    crash::Progress progress;
    crash::watch(folder.c_str(), 0, true, &progress);
    crash::keep_journal((folder / "journal").c_str());
    run::TrainOptions options;
    options.config = (folder / "config.txtpb").string();
    options.out = (folder / "on" / "new" / "runs").string();
    options.quiet = true;
    world::Runtime runtime;
    const world::StopRequest signals;
    return run::train(options, runtime, signals);
  });
  ASSERT_EQ(ended.code, 0);

  Unsynced unsynced;
  fs::path committed;
  int commits = 0;
  std::ifstream journal(folder / "journal");
  for (std::string what, path, to; journal >> what >> path;) {
    // The last call of a save is the sync of the folder of checkpoints.
    const bool is_last = what == "sync" && path.ends_with("/checkpoints") && !committed.empty();
    if (what == "create") unsynced.created(path);
    if (what == "mkdir") unsynced.made(path);
    if (what == "sync") unsynced.synced(path);
    if (what == "rename") {
      journal >> to;
      unsynced.renamed(path, to);
      if (fs::path(to).filename().string().starts_with("step-")) committed = to;
    }
    if (!is_last) continue;
    EXPECT_EQ(unsynced.threatened(committed), "") << "of " << committed;
    ++commits;
    committed.clear();
  }
  EXPECT_EQ(commits, 3);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace allmodes
