// What a rank knows of the terminal at the other end of mpirun.

#include "records/terminal.h"

#include <fcntl.h>
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
    for (const char* name : {"ALLMODES_TERMINAL", "ALLMODES_COLUMNS", "ALLMODES_ONE_OUTPUT",
                             "NO_COLOR", "OMPI_COMM_WORLD_SIZE"})
      ::unsetenv(name);
  }
};

TEST_F(RecordsTerminal, APipeIsATerminalWhereTheLauncherSaysSo) {
  const PipedStandardError piped;
  EXPECT_FALSE(on_terminal(STDERR_FILENO));
  EXPECT_EQ(terminal_columns(STDERR_FILENO), 80);
  ::setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  ::setenv("ALLMODES_TERMINAL", "1", 1);
  EXPECT_FALSE(on_terminal(STDERR_FILENO));
  ::setenv("ALLMODES_TERMINAL", "12", 1);
  ::setenv("ALLMODES_COLUMNS", "120", 1);
  EXPECT_TRUE(on_terminal(STDERR_FILENO));
  EXPECT_EQ(terminal_columns(STDERR_FILENO), 120);
  EXPECT_TRUE(may_color(STDERR_FILENO));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(may_color(STDERR_FILENO));
}

// mpirun gives its ranks a pseudo-terminal whatever it writes to itself.
TEST_F(RecordsTerminal, TheTerminalOfALauncherIsNobodysScreen) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(terminal, 0);
  EXPECT_TRUE(on_terminal(terminal));
  ::setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  EXPECT_FALSE(on_terminal(terminal));
  ::setenv("ALLMODES_TERMINAL", "2", 1);
  EXPECT_FALSE(may_color(terminal));
  ::close(terminal);
}

TEST_F(RecordsTerminal, StreamsThatLeadToOnePlaceAreTold) {
  const int out = ::dup(STDOUT_FILENO);
  {
    const PipedStandardError piped;
    EXPECT_FALSE(one_output());
    std::fflush(stdout);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);
    EXPECT_TRUE(one_output());
    // Of a launcher's pipes only the launcher knows.
    ::setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    EXPECT_FALSE(one_output());
    ::setenv("ALLMODES_ONE_OUTPUT", "1", 1);
    EXPECT_TRUE(one_output());
    ::dup2(out, STDOUT_FILENO);
  }
  ::close(out);
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

// The line that the bar of 50 of 100 steps draws, without what moves the cursor.
std::string drawn(const char* columns, const std::string& text) {
  ::setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
  ::setenv("ALLMODES_TERMINAL", "2", 1);
  ::setenv("ALLMODES_COLUMNS", columns, 1);
  ::setenv("NO_COLOR", "1", 1);
  PipedStandardError piped;
  {
    Progress progress(true, on_terminal(STDERR_FILENO), stderr, 100, 1000.0);
    progress.update(50, text);
  }
  const std::string said = piped.said();
  const auto begin = said.find('\r') + 1;
  return said.substr(begin, said.find("\x1b[K", begin) - begin);
}

int64_t width(const std::string& line) {
  return std::ranges::count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

TEST_F(RecordsTerminal, TheBarIsNoWiderThanTheLauncherSaysAndEndsWithAWholeField) {
  const std::string text = "discriminator 1.319  generator 0.98";
  for (const char* columns : {"40", "60", "80", "90", "100", "120"}) {
    const auto line = drawn(columns, text);
    EXPECT_LT(width(line), std::atoi(columns)) << line;
    EXPECT_TRUE(line.ends_with("ETA ?") || line.ends_with("discriminator 1.319") ||
                line.ends_with("generator 0.98") || line.ends_with("steps/s") ||
                line.ends_with("50/100"))
        << columns << ": " << line;
  }
  EXPECT_TRUE(drawn("140", text).ends_with(text));
}

}  // namespace
}  // namespace allmodes::records
