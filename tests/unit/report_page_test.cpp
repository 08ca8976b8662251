#include "report/page.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "base/durable_file.h"
#include "base/error.h"
#include "records/json_lines.h"
#include "records/run_folder.h"
#include "report/chart.h"
#include "report/report_sink.h"
#include "report/run_table.h"

namespace allmodes::report {
namespace {

namespace fs = std::filesystem;

constexpr char kHostile[] = "<script>alert('&\"')</script>\xe9";

class ReportTest : public testing::Test {
 protected:
  ReportTest()
      : base_(fs::temp_directory_path() /
              fmt::format("allmodes-report-{}-{}", ::getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name())),
        run_{records::create_run_folder(base_, "ring")} {
    write_file_atomically(run_.config(),
                          "name: \"ring\"\nbatch: 64\ngan {\n  loss: \"hinge\"\n}\n");
    records::JsonLinesSink sink(run_.records());
    for (uint64_t step = 10; step <= 60; step += 10) {
      sink.write(train(step));
      if (step % 20 == 0) sink.write(evaluation(step));
      if (step % 20 == 0) sink.write(verdict(step, step == 20 ? "healthy" : "collapsed"));
    }
    write_file_atomically(run_.verdict(),
                          R"({"step": 60, "state": "collapsed", "kind": "mode_dropping",
            "findings": [{"state": "collapsed", "kind": "mode_dropping", "what": "modes missing",
                          "parts": ["<b>lost"], "found": "0", "expected": "30"}],
            "missing_modes": [{"name": "<b>lost", "expected": 20, "observed": 1}],
            "modes": [{"name": "kept", "expected": 30, "observed": 60},
                      {"name": "<b>lost", "expected": 30, "observed": 7}]})");
  }
  ~ReportTest() override { fs::remove_all(base_); }

  static records::Record train(uint64_t step) {
    records::Record record{.kind = "train", .step = step, .values = {}};
    record.set("loss_generator", std::sin(static_cast<double>(step)));
    record.set("d_real", 0.5);
    record.set("d_fake", NAN);
    return record;
  }
  static records::Record evaluation(uint64_t step) {
    records::Record record{.kind = "evaluation", .step = step, .values = {}};
    record.set("modes_covered", int64_t{8} - static_cast<int64_t>(step) / 20);
    record.set("precision", 0.5);
    record.set("recall", 0.25);
    record.set("recall_null_median", 0.95);
    record.set("recall_log10_p", -3.0);
    record.set("evaluation_s", 1.5);
    return record;
  }
  static records::Record verdict(uint64_t step, const char* state) {
    records::Record record{.kind = "verdict", .step = step, .values = {}};
    record.set("state", state);
    record.set("kind", "mode_dropping");
    record.set("reason", kHostile);
    record.set("modes_missing", int64_t{1});
    return record;
  }
  static bool has(const std::string& page, const std::string& text) {
    return page.find(text) != std::string::npos;
  }

  fs::path base_;
  records::RunFolder run_;
};

TEST_F(ReportTest, ThePageBeginsWithTheVerdictInWords) {
  const std::string page = run_page(read_run(run_.root));
  EXPECT_LT(page.find("collapsed: mode dropping"), page.find("<main>"));
  EXPECT_TRUE(has(page, "judged at step 60; collapsed since step 40"));
  // The mode that is missing comes before the others.
  EXPECT_LT(page.find("&lt;b&gt;lost"), page.find(">kept<"));
  EXPECT_TRUE(has(page, "missing: 1 lie on it, of 20 expected there"));
  for (const char* part : {"Losses", "Modes", "Precision over recall", "loss: &quot;hinge"})
    EXPECT_TRUE(has(page, part)) << part;
  // In the chart, beside the modes that have a sample.
  EXPECT_NE(page.find("modes missing", page.find("modes covered")), std::string::npos);
}

TEST_F(ReportTest, NamesFromOutsideAreTextOnThePage) {
  const std::string page = run_page(read_run(run_.root));
  EXPECT_FALSE(has(page, "<script>alert"));
  EXPECT_FALSE(has(page, "<b>lost"));
  EXPECT_TRUE(has(page, "&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;"));
  EXPECT_FALSE(has(page, "http:"));
  EXPECT_FALSE(has(page, "https:"));
}

TEST_F(ReportTest, PicturesAreWithinAndTheirBytesAreBounded) {
  const std::string picture(400 << 10, 'p');
  for (int step = 0; step < 40; ++step)
    write_file_atomically(run_.images() / fmt::format("fakes-{:08}.png", step), picture);
  const std::string page = run_page(read_run(run_.root));
  EXPECT_TRUE(has(page, "data:image/png;base64,"));
  EXPECT_TRUE(has(page, "data-step=\"39\""));
  EXPECT_LT(page.size(), size_t{5} << 20);
}

TEST_F(ReportTest, ARunThatHasJustBegunHasAPage) {
  const records::RunFolder empty{records::create_run_folder(base_, "new")};
  write_file_atomically(empty.config(), "name: \"new\"\n");
  EXPECT_TRUE(has(run_page(read_run(empty.root)), "no verdict yet"));
}

TEST_F(ReportTest, RunsComparedStandSideBySideOnAPage) {
  const records::RunFolder other{records::create_run_folder(base_, "ring")};
  write_file_atomically(other.config(), "name: \"ring\"\ngan {\n  loss: \"saturating\"\n}\n");
  records::JsonLinesSink(other.records()).write(evaluation(20));
  const std::string page =
      comparison_page({read_run(run_.root), read_run(other.root)}, {"a/report.html", ""});
  for (const char* part : {"href=\"a/report.html\"", "collapsed: mode dropping", "no verdict yet",
                           "gan.loss", "Modes covered", "Loss: generator"})
    EXPECT_TRUE(has(page, part)) << part;
  EXPECT_FALSE(has(page, "<b>lost"));
  EXPECT_FALSE(has(page, "<script>alert"));
}

TEST_F(ReportTest, WhatIsNoRunIsRefused) {
  EXPECT_THROW(read_run(base_), Error);
  EXPECT_THROW(runs_in(base_ / "absent"), Error);
}

TEST_F(ReportTest, CurvesSayWhatTheirFiguresMean) {
  constexpr records::Figure kTimes[] = {{"step_ms", "ms", "> 0", "", "of a step <mean>"}};
  const RunView view{.folder = run_.root,
                     .name = "run",
                     .configuration = {},
                     .status = {},
                     .train = {{.kind = "train", .step = 1, .values = {{"step_ms", 3.5}}}}};
  const std::string page = run_page(view, {{"train", "", kTimes}});
  EXPECT_TRUE(has(page, "Time of a step, ms"));
  EXPECT_TRUE(has(page, "title=\"ms, of a step &lt;mean&gt;\""));
}

TEST_F(ReportTest, TheSinkKeepsThePage) {
  {
    ReportSink sink(run_.root, {});
    sink.write(verdict(80, "healthy"));
    sink.write(train(90));
    EXPECT_TRUE(has(read_file(run_.report()), "judged at step 80"));
    sink.write(verdict(100, "healthy"));
  }
  EXPECT_TRUE(has(read_file(run_.report()), "judged at step 100"));
}

TEST_F(ReportTest, ChartsKeepPeaksAndSayTheirValuesInWords) {
  Curve curve;
  for (int i = 0; i < 10000; ++i) curve.emplace_back(i, i == 5001 ? 77.0 : 1.0);
  const std::string chart = line_chart("Loss", {{"generator", curve}});
  EXPECT_LT(chart.size(), size_t{40000});
  EXPECT_TRUE(has(chart, "between 1 and 77"));
  EXPECT_TRUE(has(chart, "5001,77 "));
  EXPECT_EQ(line_chart("Empty", {{"none", {}}}), "");
  EXPECT_FALSE(has(line_chart("One", {{"flat", {{0, 0}}}}), "nan"));
}

TEST_F(ReportTest, Base64IsThatOfTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe"), "//4=");
}

TEST_F(ReportTest, RunsAreListedTheNewestFirst) {
  const records::RunFolder second{records::create_run_folder(base_, "vae")};
  write_file_atomically(second.config(), "name: \"vae\"\n");
  const auto runs = runs_in(base_);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(runs[0].filename(), "00001-vae");
  EXPECT_EQ(runs_in(run_.root).size(), 1U);
  const std::string table = runs_table({glance_at(runs[0]), glance_at(runs[1])});
  EXPECT_TRUE(has(table, "00000-ring"));
  EXPECT_TRUE(has(table, "collapsed: mode dropping"));
}

TEST_F(ReportTest, ARunInTextFitsItsColumns) {
  const std::string text = run_in_text(read_run(run_.root), 60);
  EXPECT_TRUE(has(text, "collapsed: mode_dropping")) << text;
  EXPECT_TRUE(has(text, "since step 40")) << text;
  EXPECT_TRUE(has(text, "modes missing")) << text;
  EXPECT_EQ(sparkline({{0, 0}, {1, 7}}, 8), "▁█");
}

TEST_F(ReportTest, ThePageHasTheEnvironmentOfTheLastStart) {
  write_file_atomically(run_.log(),
                        "2026-11-27 17:45:12.353 info    allmodes 0.1.0, LibTorch 2.10.0, MPI\n"
                        "2026-11-27 17:45:12.353 info      rank   0  old-host  cpu  pid 1\n"
                        "2026-11-27 17:45:13.353 warning verdict at step 60: collapsed: x\n"
                        "  of <two> lines\n"
                        "2026-11-28 17:45:12.353 info    allmodes 0.1.0, LibTorch 2.11.0, MPI\n"
                        "2026-11-28 17:45:12.353 info      rank   0  new-<host>  cpu  pid 1\n"
                        "2026-11-28 17:45:13.353 info    gan 'ring' on ring\n");
  const std::string page = run_page(read_run(run_.root));
  EXPECT_TRUE(has(page, "allmodes 0.1.0, LibTorch 2.11.0, MPI\n  rank   0  new-&lt;host&gt;"))
      << page;
  EXPECT_FALSE(has(page, "old-host") || has(page, "of &lt;two&gt; lines"));
}

TEST_F(ReportTest, AComparisonShowsWhatDiffers) {
  const records::RunFolder other{records::create_run_folder(base_, "ring")};
  write_file_atomically(other.config(),
                        "name: \"ring\"\nbatch: 64\ngan {\n  loss: \"saturating\"\n}\n");
  const std::string table = comparison_of({read_run(run_.root), read_run(other.root)});
  EXPECT_TRUE(has(table, "gan.loss"));
  EXPECT_FALSE(has(table, "batch"));
  EXPECT_TRUE(has(table, "no verdict yet"));
  EXPECT_TRUE(has(table, "0.25, of 0.95")) << table;
  EXPECT_FALSE(has(table, "_null_median") || has(table, "_log10_p") || has(table, "evaluation_s"));
}

}  // namespace
}  // namespace allmodes::report
