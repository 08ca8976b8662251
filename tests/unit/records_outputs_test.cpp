// What a run writes for people and other programs: event files, status.json, and that none of it
// can end a run.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/durable_file.h"
#include "base/error.h"
#include "records/event_file.h"
#include "records/optional_sink.h"
#include "records/status_file.h"
#include "records/tensorboard_sink.h"

namespace allmodes::records {
namespace {

namespace fs = std::filesystem;

class OutputsTest : public testing::Test {
 protected:
  OutputsTest()
      : folder_(fs::temp_directory_path() /
                fmt::format("allmodes-outputs-{}-{}", ::getpid(),
                            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_ / "images");
  }
  ~OutputsTest() override { fs::remove_all(folder_); }

  // The messages of all event files of a folder, each frame's sums checked.
  static std::vector<std::string> events_in(const fs::path& folder) {
    std::vector<std::string> events;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      const std::string bytes = read_file(entry.path());
      size_t at = 0;
      while (at < bytes.size()) {
        uint64_t length = 0;
        uint32_t sum = 0;
        std::memcpy(&length, bytes.data() + at, 8);
        std::memcpy(&sum, bytes.data() + at + 8, 4);
        EXPECT_EQ(sum, masked_crc32c(bytes.substr(at, 8)));
        events.push_back(bytes.substr(at + 12, length));
        std::memcpy(&sum, bytes.data() + at + 12 + length, 4);
        EXPECT_EQ(sum, masked_crc32c(events.back()));
        at += 12 + length + 4;
      }
      EXPECT_EQ(at, bytes.size());
    }
    return events;
  }
  static bool any_has(const std::vector<std::string>& events, const std::string& text) {
    return std::ranges::any_of(
        events, [&](const auto& event) { return event.find(text) != std::string::npos; });
  }
  static Record train(uint64_t step) {
    Record record{.kind = "train", .step = step, .samples = step * 64, .values = {}};
    record.set("loss_generator", 0.5);
    record.set("step_ms", 20.0);
    record.set("samples_per_s", 3200.0);
    return record;
  }
  fs::path folder_;
};

TEST(EventFileTest, TheSumsAreThoseOfTheStandard) {
  // RFC 3720, B.4.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
}

TEST(EventFileTest, AHistogramCountsEveryFiniteValueOnce) {
  const std::vector<double> values{0, 1, 2, 3, 3, 3, NAN, INFINITY};
  const auto histogram = histogram_of(values);
  EXPECT_EQ(histogram.count, 6);
  EXPECT_EQ(histogram.sum, 12);
  EXPECT_EQ(histogram.limits.back(), 3);
  double counted = 0;
  for (const double count : histogram.counts) counted += count;
  EXPECT_EQ(counted, 6);
  EXPECT_EQ(histogram_of(std::vector<double>{5, 5}).counts, (std::vector<double>{2}));
  EXPECT_EQ(histogram_of({}).count, 0);
  const auto counts = histogram_of_counts(std::vector<double>{3, 0, 1});
  EXPECT_EQ(counts.count, 4);
  EXPECT_EQ(counts.sum, 2);
  EXPECT_EQ(counts.limits, (std::vector<double>{0.5, 1.5, 2.5}));
}

TEST_F(OutputsTest, RecordsBecomeEventsUnderTheUsualTags) {
  const RunFolder run{folder_};
  const std::string png = "\x89PNG\r\n\x1a\n    IHDR" + std::string("\0\0\0\x20\0\0\0\x10", 8);
  std::ofstream(run.images() / "fakes-00000020.png", std::ios::binary) << png;
  {
    TensorBoardSink sink(run, "host", "name: \"ring\"",
                         {{"batch", "64"}, {"gan.loss", "\"hinge\""}}, std::nullopt);
    sink.write(train(20));
    Record evaluation{.kind = "evaluation", .step = 20, .values = {}};
    evaluation.set("kl_reverse", 0.25);
    evaluation.set("histogram", std::vector<int64_t>{5, 0, 2});
    sink.write(evaluation);
    Record verdict{.kind = "verdict", .step = 20, .values = {}};
    verdict.set("state", "collapsed");
    verdict.set("reason", "caf\xe9 is missing");
    sink.write(verdict);
  }
  const auto events = events_in(run.tensorboard());
  EXPECT_TRUE(any_has(events, "brain.Event:2"));
  for (const char* text : {"loss/generator", "train/step_ms", "evaluation/kl_reverse",
                           "evaluation/histogram", "collapsed: caf\\xE9 is missing",
                           "name: \"ring\"", "_hparams_/session_start_info", "gan.loss"})
    EXPECT_TRUE(any_has(events, text)) << text;
  const auto pictures = events_in(run.tensorboard() / "pictures");
  EXPECT_TRUE(any_has(pictures, png));
  // Resumed after that step, the picture is not shown once more.
  TensorBoardSink again(run, "other", "", {}, 20);
  again.write(train(40));
  EXPECT_EQ(events_in(run.tensorboard() / "pictures").size(), pictures.size());
}

TEST_F(OutputsTest, TheStatusFollowsTheRun) {
  const fs::path path = folder_ / "status.json";
  {
    StatusSink sink(path, {.run = "ring",
                           .stage = {},
                           .steps = 100,
                           .state = {},
                           .kind = {},
                           .ranks = 2,
                           .hosts = {"a"},
                           .host = "a",
                           .pid = 7});
    EXPECT_EQ(read_status(path).stage, "starting");
    sink.write(train(20));
    Status status = read_status(path);
    EXPECT_EQ(status.stage, "training");
    EXPECT_EQ(status.step, 20U);
    EXPECT_DOUBLE_EQ(status.steps_per_s, 50);
    EXPECT_DOUBLE_EQ(status.eta_s.value_or(0), 80.0 / 50);
    Record verdict{.kind = "verdict", .step = 20, .values = {}};
    verdict.set("state", "collapsed");
    verdict.set("kind", "mode_dropping");
    sink.write(verdict);
    status = read_status(path);
    EXPECT_EQ(status.state, "collapsed");
    EXPECT_GE(status.updated, status.started);
  }
  EXPECT_EQ(read_status(path).stage, "stopped");
  {
    StatusSink sink(path, {.run = "ring",
                           .stage = {},
                           .steps = 20,
                           .state = {},
                           .kind = {},
                           .hosts = {},
                           .host = {}});
    sink.write(train(20));
  }
  EXPECT_EQ(read_status(path).stage, "finished");
}

TEST_F(OutputsTest, AStatusThatIsNoneIsRefused) {
  write_file_atomically(folder_ / "status.json", "{\"run\": 3}");
  EXPECT_THROW(read_status(folder_ / "status.json"), Error);
}

class Failing : public Sink {
 public:
  void write(const Record&) override { throw std::runtime_error("no space"); }
};
class Counting : public Sink {
 public:
  explicit Counting(int& count) : count_(count) {}
  void write(const Record&) override { ++count_; }

 private:
  int& count_;
};

TEST_F(OutputsTest, OnlyWhatHasToBeWrittenEndsARun) {
  OptionalWork work;
  int required = 0, other = 0;
  FanOut outputs(std::make_unique<Counting>(required), work);
  outputs.add("a page", [] { return std::make_unique<Failing>(); });
  outputs.add("a file", []() -> std::unique_ptr<Sink> { throw std::runtime_error("no folder"); });
  outputs.add("a table", [&] { return std::make_unique<Counting>(other); });
  for (uint64_t step = 0; step < 3; ++step) EXPECT_NO_THROW(outputs.write(train(step)));
  EXPECT_EQ(required, 3);
  EXPECT_EQ(other, 3);
  EXPECT_EQ(work.failures(), 4);
  FanOut broken(std::make_unique<Failing>(), work);
  EXPECT_THROW(broken.write(train(1)), std::runtime_error);
}

}  // namespace
}  // namespace allmodes::records
