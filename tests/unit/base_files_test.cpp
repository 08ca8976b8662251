#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "base/cache_folder.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/system_call.h"
#include "base/text.h"

namespace allmodes {
namespace {

namespace fs = std::filesystem;

class BaseFilesTest : public testing::Test {
 protected:
  BaseFilesTest()
      : folder_(fs::temp_directory_path() /
                fmt::format("allmodes-base-{}-{}", ::getpid(),
                            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~BaseFilesTest() override { fs::remove_all(folder_); }
  std::set<std::string> entries() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.insert(entry.path().filename().string());
    return names;
  }
  static std::string message_of(const auto& call, ExitCode code) {
    try {
      call();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    return "no error";
  }
  fs::path folder_;
};

TEST(TextTest, ValidTextStaysAsItIs) {
  for (const char* text :
       {"", "plain", "café", "日本", "\U0001F600", "\u07FF\u0800\uFFFD", "a\nb\t"})
    EXPECT_EQ(valid_utf8(text), text);
}

TEST(TextTest, BytesThatAreNoUtf8AreSpelt) {
  EXPECT_EQ(valid_utf8("caf\xe9"), "caf\\xE9");
  EXPECT_EQ(valid_utf8("\xc3"), "\\xC3");                             // cut off
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "\\xC0\\xAF");                    // overlong
  EXPECT_EQ(valid_utf8("\xe0\x9f\xbf"), "\\xE0\\x9F\\xBF");           // overlong
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\\xED\\xA0\\x80");           // surrogate
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), "\\xF4\\x90\\x80\\x80");  // beyond U+10FFFF
  EXPECT_EQ(valid_utf8("\xe9\xc3\xa9z"), "\\xE9éz");
  EXPECT_NE(valid_utf8("caf\xe9"), valid_utf8("caf\xe8"));
}

TEST(TextTest, NamesKeepToTheirLine) {
  EXPECT_EQ(readable_name("a\nb\x1b[31m\x7f"), "a\\x0Ab\\x1B[31m\\x7F");
  EXPECT_EQ(readable_name("\xc2\x9b"), "\\xC2\\x9B");
  EXPECT_EQ(readable_name("Ankle boot é"), "Ankle boot é");
}

TEST(CacheFolderTest, WithoutAHomeNothingIsKept) {
  EXPECT_EQ(cache_folder("kind", [](const char*) -> char* { return nullptr; }), std::nullopt);
  static std::string empty;
  EXPECT_EQ(cache_folder("kind", [](const char*) { return empty.data(); }), std::nullopt);
}

TEST(CacheFolderTest, TheNearestVariableCounts) {
  static std::string value = "/x";
  const auto given = [](std::string_view name) {
    static std::string_view wanted;
    wanted = name;
    return cache_folder("kind", [](const char* asked) -> char* {
      return wanted == asked ? value.data() : nullptr;
    });
  };
  EXPECT_EQ(given("ALLMODES_CACHE"), "/x/kind");
  EXPECT_EQ(given("XDG_CACHE_HOME"), "/x/allmodes/kind");
  EXPECT_EQ(given("HOME"), "/x/.cache/allmodes/kind");
}

TEST_F(BaseFilesTest, ACacheFolderIsItsOwnersAndLosesOldTemporaries) {
  const fs::path cache = folder_ / "cache" / "kind";
  prepare_cache_folder(cache);
  EXPECT_EQ(fs::status(cache).permissions(), fs::perms::owner_all);
  for (const char* name : {".tmp-old", ".tmp-new", "kept"}) std::ofstream(cache / name) << "x";
  fs::last_write_time(cache / ".tmp-old", fs::file_time_type::clock::now() - std::chrono::days(2));
  fs::last_write_time(cache / "kept", fs::file_time_type::clock::now() - std::chrono::days(2));
  prepare_cache_folder(cache);
  EXPECT_FALSE(fs::exists(cache / ".tmp-old"));
  EXPECT_TRUE(fs::exists(cache / ".tmp-new"));
  EXPECT_TRUE(fs::exists(cache / "kept"));
}

TEST_F(BaseFilesTest, ANewFileIsNeverWrittenThroughALink) {
  std::ofstream(folder_ / "victim") << "mine";
  fs::create_symlink(folder_ / "victim", folder_ / "link");
  message_of([&] { DurableFile file(folder_ / "link"); }, ExitCode::kCannotCreate);
  message_of([&] { DurableFile file(folder_ / "victim"); }, ExitCode::kCannotCreate);
  EXPECT_EQ(read_file(folder_ / "victim"), "mine");
}

// No count, time or process is in them: each of their last sixteen digits takes many values. That
// one of them should take fewer than four in a hundred names by chance is less likely than 1e-70.
TEST_F(BaseFilesTest, TemporaryNamesCannotBeForeseen) {
  constexpr size_t kDigits = 16;
  std::set<fs::path> names;
  std::array<std::set<char>, kDigits> values;
  for (int i = 0; i < 100; ++i) {
    const fs::path path = temporary_beside(folder_ / "a");
    EXPECT_TRUE(is_temporary(path));
    names.insert(path);
    const std::string name = path.filename().string();
    ASSERT_GT(name.size(), kDigits);
    for (size_t digit = 0; digit < kDigits; ++digit)
      values[digit].insert(name[name.size() - kDigits + digit]);
  }
  EXPECT_EQ(names.size(), 100U);
  for (const auto& seen : values) EXPECT_GE(seen.size(), 4U);
}

TEST_F(BaseFilesTest, AWriteThatFailsLeavesNothingBeside) {
  write_file_atomically(folder_ / "a", "old");
  EXPECT_THROW(write_file_atomically(folder_ / "a",
                                     [](DurableFile& file) {
                                       file.write("half", 4);
                                       throw std::runtime_error("no more");
                                     }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder_ / "a"), "old");
  EXPECT_EQ(entries(), std::set<std::string>{"a"});
}

TEST_F(BaseFilesTest, AFullDiskIsNamedWithTheRemedy) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  size_t written = 7;
  EXPECT_EQ(write_all(full, "x", 1, written), ENOSPC);
  EXPECT_EQ(written, 0U);
  ::close(full);
  EXPECT_NE(storage_cause(ENOSPC).find("free some and resume"), std::string::npos);
  EXPECT_NE(storage_cause(EFBIG).find("ulimit -f"), std::string::npos);
}

TEST_F(BaseFilesTest, InterruptedCallsAreRepeatedAndShortWritesCompleted) {
  // A pipe that is read slowly gives short writes; a timer without SA_RESTART interrupts them.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  struct sigaction action {};
  action.sa_handler = [](int) {};
  struct sigaction before {};
  ::sigaction(SIGALRM, &action, &before);
  const itimerval often{{0, 2000}, {0, 2000}};
  ::setitimer(ITIMER_REAL, &often, nullptr);
  const std::string sent(1 << 20, 'x');
  std::string received;
  std::thread reader([&] {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    char buffer[4096];
    for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
      received.append(buffer, static_cast<size_t>(got));
      ::usleep(500);
    }
  });
  size_t written = 0;
  EXPECT_EQ(write_all(ends[1], sent.data(), sent.size(), written), 0);
  ::close(ends[1]);
  reader.join();
  const itimerval never{};
  ::setitimer(ITIMER_REAL, &never, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  ::close(ends[0]);
  EXPECT_EQ(written, sent.size());
  EXPECT_EQ(received, sent);
}

TEST_F(BaseFilesTest, FoldersAreMadeWithThoseAboveThem) {
  create_folders(folder_ / "a" / "b" / "c");
  create_folders(folder_ / "a" / "b" / "c" / "");
  EXPECT_TRUE(fs::is_directory(folder_ / "a" / "b" / "c"));
  std::ofstream(folder_ / "file") << "x";
  EXPECT_NE(message_of([&] { create_folders(folder_ / "file" / "below"); }, ExitCode::kCannotCreate)
                .find("file"),
            std::string::npos);
}

}  // namespace
}  // namespace allmodes
