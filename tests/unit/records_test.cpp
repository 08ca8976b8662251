#include "records/json_lines.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "base/durable_file.h"
#include "base/error.h"
#include "records/run_folder.h"

namespace allmodes::records {
namespace {

namespace fs = std::filesystem;

class RecordsTest : public testing::Test {
 protected:
  RecordsTest()
      : folder_(fs::temp_directory_path() /
                fmt::format("allmodes-records-{}-{}", ::getpid(),
                            testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~RecordsTest() override { fs::remove_all(folder_); }
  std::set<std::string> entries() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
  fs::path folder_;
};

Record at_step(uint64_t step) {
  Record record{.kind = "train", .step = step, .samples = step * 64, .time_s = 0.5, .values = {}};
  record.set("loss_generator", 0.1);
  return record;
}

TEST_F(RecordsTest, ARecordIsOneObjectWithFixedNamesFirst) {
  Record record = at_step(20);
  record.set("modes_covered", 7);
  record.set("missing", std::vector<std::string>{"2", "a \"quoted\"\nname"});
  record.set("state", "collapsed");
  EXPECT_EQ(to_json(record),
            R"({"record":"train","step":20,"samples":1280,"time_s":0.5,"loss_generator":0.1,)"
            R"("modes_covered":7,"missing":["2","a \"quoted\"\nname"],"state":"collapsed"})");
}

TEST_F(RecordsTest, SetReplacesAndKeepsTheOrder) {
  Record record = at_step(1);
  record.set("b", 2.0);
  record.set("loss_generator", 3.0);
  ASSERT_EQ(record.values.size(), 2U);
  EXPECT_EQ(record.values[0].first, "loss_generator");
  EXPECT_EQ(record.number("loss_generator"), 3.0);
  EXPECT_EQ(record.number("absent"), std::nullopt);
  record.set("flag", true);
  EXPECT_TRUE(std::holds_alternative<bool>(*record.find("flag")));
  record.set("float", 0.5F);
  EXPECT_EQ(record.number("float"), 0.5);
  record.set("count", size_t{7});
  EXPECT_TRUE(std::holds_alternative<int64_t>(*record.find("count")));
  EXPECT_EQ(record.number("flag"), 1.0);
  record.set("text", "x");
  EXPECT_EQ(record.number("text"), std::nullopt);
}

TEST_F(RecordsTest, NumbersThatAreNotFiniteAreNullWithACompanion) {
  const double infinity = std::numeric_limits<double>::infinity();
  Record record = at_step(1);
  record.set("loss_generator", std::nan(""));
  record.set("kl_per_dim", std::vector<double>{1.5, -infinity, infinity});
  const auto json = nlohmann::json::parse(to_json(record));
  EXPECT_TRUE(json.at("loss_generator").is_null());
  EXPECT_EQ(json.at("loss_generator_nonfinite"), "nan");
  EXPECT_EQ(json.at("kl_per_dim").dump(), "[1.5,null,null]");
  EXPECT_EQ(json.at("kl_per_dim_nonfinite").dump(), R"(["-inf","inf"])");
}

TEST_F(RecordsTest, WhatIsWrittenReadsBackToTheSameBits) {
  const fs::path path = folder_ / "records.jsonl";
  Record record = at_step(3);
  record.set("third", 1.0 / 3.0);
  record.set("tiny", 5e-324);
  record.set("lost", -std::numeric_limits<double>::infinity());
  record.set("list", std::vector<double>{0.1, std::nan(""), 1e300});
  record.set("counts", std::vector<int64_t>{0, -1, int64_t{1} << 60});
  record.set("flag", false);
  {
    JsonLinesSink sink(path);
    sink.write(record);
    sink.flush();
  }
  const auto records = read_records(path).records;
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(to_json(records[0]), to_json(record));
  EXPECT_EQ(records[0].number("third"), 1.0 / 3.0);
  EXPECT_EQ(records[0].number("tiny"), 5e-324);
  EXPECT_EQ(records[0].number("lost"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(std::get<std::vector<double>>(*records[0].find("list"))[1]));
}

TEST_F(RecordsTest, TextThatIsNotUtf8IsReplacedNotThrown) {
  Record record = at_step(1);
  record.set("reason", "class \xff\xfe");
  EXPECT_NO_THROW(nlohmann::json::parse(to_json(record)));
}

TEST_F(RecordsTest, ResumingDropsLaterRecordsAndACutOffLine) {
  const fs::path path = folder_ / "records.jsonl";
  {
    JsonLinesSink sink(path);
    for (uint64_t step = 10; step <= 50; step += 10) sink.write(at_step(step));
  }
  std::ofstream(path, std::ios::app) << R"({"record":"train","st)";
  {
    JsonLinesSink sink(path, Continuation{.step = 30});
    sink.write(at_step(31));
  }
  std::vector<uint64_t> steps;
  for (const Record& record : read_records(path).records) steps.push_back(record.step);
  EXPECT_EQ(steps, (std::vector<uint64_t>{10, 20, 30, 31}));
  EXPECT_EQ(entries(), std::set<std::string>{"records.jsonl"});
}

TEST_F(RecordsTest, ALineThatIsNoRecordIsNamedAndTheOthersAreRead) {
  const fs::path path = folder_ / "records.jsonl";
  write_file_atomically(path, to_json(at_step(1)) + "\nnonsense\n" + to_json(at_step(2)) + "\n");
  const RecordLines lines = read_records(path);
  EXPECT_EQ(lines.records.size(), 2U);
  ASSERT_EQ(lines.bad.size(), 1U);
  EXPECT_EQ(lines.bad[0].number, 2);
  EXPECT_EQ(lines.bad[0].text, "nonsense");
}

TEST_F(RecordsTest, AContinuedRunSetsBadLinesAsideWithTheirText) {
  const fs::path path = folder_ / "records.jsonl";
  const std::string zeros(64, '\0');
  write_file_atomically(
      path, to_json(at_step(1)) + "\nnonsense\n" + zeros + "\n" + to_json(at_step(2)) + "\n");
  for (int attempt = 0; attempt < 2; ++attempt) {
    JsonLinesSink(path, Continuation{.step = 9});
    EXPECT_EQ(read_file(path), to_json(at_step(1)) + "\n" + to_json(at_step(2)) + "\n");
    EXPECT_EQ(read_file(folder_ / "records.bad.jsonl"), "nonsense\n" + zeros + "\n");
    // As after a kill between the two writes.
    write_file_atomically(path, read_file(path) + "nonsense\n" + zeros + "\n");
  }
}

TEST_F(RecordsTest, ARunThatBeginsAnewAtAStepHasNoRecordTwice) {
  const fs::path path = folder_ / "records.jsonl";
  const auto record = [](const char* kind, uint64_t step, double time_s, int number = 0) {
    Record made{.kind = kind, .step = step, .time_s = time_s, .values = {}};
    if (number > 0) made.set("number", number);
    return made;
  };
  {
    JsonLinesSink sink(path);
    sink.write(record("data", 0, 1));
    sink.write(record("evaluation", 0, 2));
    sink.write(record("rollback", 0, 3, 1));
    sink.write(record("evaluation", 20, 4));
  }
  {
    // Killed before the checkpoint that would have known of the rollback.
    JsonLinesSink sink(path, Continuation{.step = 0, .rollbacks = 0});
    sink.write(record("data", 0, 11));
    sink.write(record("evaluation", 0, 12));
    sink.write(record("rollback", 0, 13, 1));
    sink.write(record("rollback", 0, 14, 2));
    sink.write(record("evaluation", 20, 15));
  }
  std::vector<double> times;
  for (const Record& each : read_records(path).records) times.push_back(each.time_s);
  EXPECT_EQ(times, (std::vector<double>{1, 2, 13, 14, 15}));
  { JsonLinesSink sink(path, Continuation{.step = 0, .rollbacks = 2}); }
  times.clear();
  for (const Record& each : read_records(path).records) times.push_back(each.time_s);
  EXPECT_EQ(times, (std::vector<double>{1, 2, 13, 14}));
}

TEST_F(RecordsTest, AnAtomicWriteThatFailsLeavesTheOldContent) {
  const fs::path path = folder_ / "verdict.json";
  write_file_atomically(path, "old");
  // A file-size limit stands in for a full disk.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  ExitCode code = ExitCode::kOk;
  try {
    write_file_atomically(path, std::string(5000, 'x'));
  } catch (const Error& error) {
    code = error.code();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, ExitCode::kInputOutput);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(entries(), std::set<std::string>{"verdict.json"});
}

TEST_F(RecordsTest, AFullDiskIsCalledAFullDisk) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  JsonLinesSink sink("/dev/full");
  try {
    sink.write(at_step(1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kInputOutput);
    EXPECT_NE(std::string(error.what()).find("free some and resume"), std::string::npos);
  }
}

TEST_F(RecordsTest, RecordsFollowAFileThatIsReplacedAndEndTheRunWhenItIsGone) {
  const fs::path path = folder_ / "records.jsonl";
  JsonLinesSink sink(path);
  sink.write(at_step(1));
  fs::copy_file(path, folder_ / "edited");
  fs::rename(folder_ / "edited", path);
  sink.write(at_step(2));
  EXPECT_EQ(read_records(path).records.size(), 2U);
  fs::remove(path);
  try {
    sink.write(at_step(3));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kInputOutput);
    EXPECT_NE(std::string(error.what()).find("was removed"), std::string::npos);
  }
}

TEST_F(RecordsTest, RunNumbersRiseOverAllNames) {
  EXPECT_EQ(create_run_folder(folder_ / "runs", "ring").filename(), "00000-ring");
  EXPECT_EQ(create_run_folder(folder_ / "runs", "vae").filename(), "00001-vae");
  const RunFolder run{create_run_folder(folder_ / "runs", "ring")};
  EXPECT_EQ(run.root.filename(), "00002-ring");
  EXPECT_TRUE(fs::is_directory(run.images()));
  EXPECT_TRUE(fs::is_directory(run.checkpoints()));
  const auto rings = run_folders(folder_ / "runs", "ring");
  ASSERT_EQ(rings.size(), 2u);
  EXPECT_EQ(rings[0].filename(), "00002-ring");
  EXPECT_EQ(rings[1].filename(), "00000-ring");
  EXPECT_EQ(run_folders(folder_ / "runs", "vae").at(0).filename(), "00001-vae");
  EXPECT_TRUE(run_folders(folder_ / "runs", "other").empty());
  EXPECT_TRUE(run_folders(folder_ / "absent", "ring").empty());
}

TEST_F(RecordsTest, ANameCannotLeaveTheFolder) {
  EXPECT_EQ(create_run_folder(folder_, "../a b/c").filename(), "00000-..-a-b-c");
}

TEST_F(RecordsTest, RunsStartedTogetherGetDifferentNumbers) {
  std::vector<std::thread> threads;
  std::vector<fs::path> made(8);
  for (size_t i = 0; i < made.size(); ++i) {
    threads.emplace_back([&, i] { made[i] = create_run_folder(folder_, i % 2 == 0 ? "a" : "b"); });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> numbers;
  for (const fs::path& path : made) numbers.insert(path.filename().string().substr(0, 5));
  EXPECT_EQ(numbers.size(), made.size());
  EXPECT_EQ(entries().size(), made.size());
}

TEST_F(RecordsTest, AFolderThatCannotBeMadeIsCannotCreate) {
  write_file_atomically(folder_ / "file", "x");
  try {
    create_run_folder(folder_ / "file" / "runs", "a");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCannotCreate);
  }
}

}  // namespace
}  // namespace allmodes::records
