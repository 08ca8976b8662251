// What a rank knows of the terminal at the other end of mpirun.

#include "records/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "records/progress.h"

namespace allmodes::records {
namespace {

// Standard error is a pipe for as long as this lives, as it is for ranks under mpirun.
class PipedStandardError {
 public:
  PipedStandardError() : kept_(::dup(STDERR_FILENO)) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
    reading_ = ends[0];
  }
  ~PipedStandardError() { restore(); }
  std::string said() {
    restore();
    std::string text(4096, '\0');
    text.resize(
        static_cast<size_t>(std::max<ssize_t>(0, ::read(reading_, text.data(), text.size()))));
    return text;
  }

 private:
  void restore() {
    if (kept_ < 0) return;
    std::fflush(stderr);
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
    kept_ = -1;
  }
  int kept_;
  int reading_;
};

class RecordsTerminal : public ::testing::Test {
 protected:
  void SetUp() override { forget(); }
  void TearDown() override { forget(); }
  static void forget() {
    for (const char* name : {"ALLMODES_TERMINAL", "ALLMODES_COLUMNS", "NO_COLOR"}) ::unsetenv(name);
  }
};

TEST_F(RecordsTerminal, APipeIsATerminalWhereTheLauncherSaysSo) {
  const PipedStandardError piped;
  EXPECT_FALSE(on_terminal(STDERR_FILENO));
  EXPECT_EQ(terminal_columns(STDERR_FILENO), 80);
  ::setenv("ALLMODES_TERMINAL", "1", 1);
  ::setenv("ALLMODES_COLUMNS", "120", 1);
  EXPECT_TRUE(on_terminal(STDERR_FILENO));
  EXPECT_EQ(terminal_columns(STDERR_FILENO), 120);
  EXPECT_TRUE(may_color(STDERR_FILENO));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(may_color(STDERR_FILENO));
}

TEST_F(RecordsTerminal, WidthsThatAreNoneAreTheUsualOne) {
  const PipedStandardError piped;
  for (const char* said : {"", "wide", "-5", "0"}) {
    ::setenv("ALLMODES_COLUMNS", said, 1);
    EXPECT_EQ(terminal_columns(STDERR_FILENO), 80) << said;
  }
  ::setenv("ALLMODES_COLUMNS", "3", 1);
  EXPECT_EQ(terminal_columns(STDERR_FILENO), 20);
}

TEST_F(RecordsTerminal, TheBarIsAsWideAsTheLauncherSays) {
  ::setenv("ALLMODES_TERMINAL", "1", 1);
  ::setenv("ALLMODES_COLUMNS", "40", 1);
  ::setenv("NO_COLOR", "1", 1);
  PipedStandardError piped;
  {
    Progress progress(true, on_terminal(STDERR_FILENO), stderr, 100, 1000.0);
    progress.update(50, std::string(200, 'x'));
  }
  const std::string said = piped.said();
  const auto begin = said.find('\r');
  ASSERT_NE(begin, std::string::npos) << said;
  const auto end = said.find("\x1b[K", begin);
  int64_t columns = 0;
  for (size_t i = begin + 1; i < end; ++i)
    if ((static_cast<unsigned char>(said[i]) & 0xC0) != 0x80) ++columns;
  EXPECT_EQ(columns, 39) << said;
}

}  // namespace
}  // namespace allmodes::records
