// What status.json, TensorBoard's event files and report.html cost the rank that writes them: the
// records of a run that has ended are given to each anew, in a copy of its folder, in the order in
// which they came.
//
//   build/tests/bench_outputs RUN [SECONDS]
//
// SECONDS: processor time of the run that they are a share of; else the time that its records tell,
// which on a machine that is not idle is longer. The report is written at each verdict here; a run
// leaves it out where that would be more than half a percent of the time since the last one.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/durable_file.h"
#include "records/json_lines.h"
#include "records/status_file.h"
#include "records/tensorboard_sink.h"
#include "report/page.h"
#include "report/run_view.h"

namespace {

using namespace allmodes;
namespace fs = std::filesystem;

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The processor time of `work`, said; returned in seconds.
template <typename Work>
double measured(const char* what, size_t times, Work work) {
  const double begin = processor_seconds();
  work();
  const double took = processor_seconds() - begin;
  fmt::print("{:<28}{:>6} times {:>10.3f} ms each\n", what, times,
             1e3 * took / static_cast<double>(std::max<size_t>(times, 1)));
  return took;
}

size_t count_of(const std::vector<records::Record>& records, const std::string& kind) {
  return static_cast<size_t>(
      std::ranges::count(records, kind, [](const auto& each) { return each.kind; }));
}

// All three, in `folder`, a copy of the run's.
double write_outputs(const fs::path& folder, const std::vector<records::Record>& all) {
  const records::RunFolder run{folder};
  fs::remove_all(run.root / "tensorboard");
  const size_t lines = count_of(all, "train"), verdicts = count_of(all, "verdict");
  double took = measured("status.json", lines + verdicts, [&] {
    records::StatusSink status(run.status(), {.run = "run", .steps = all.back().step});
    for (const auto& record : all) status.write(record);
  });
  const std::string configuration = read_file(run.config());
  took += measured("event files, a record", all.size(), [&] {
    records::TensorBoardSink events(run, "host", configuration, {}, std::nullopt);
    for (const auto& record : all) events.write(record);
  });
  report::RunView view = report::read_run(run.root);
  took += measured("report.html", verdicts, [&] {
    for (size_t i = 0; i < verdicts; ++i) {
      report::refresh(view);
      replace_file(run.report(), report::run_page(view));
    }
  });
  return took;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_outputs RUN [SECONDS]\n");
    return 64;
  }
  const fs::path folder =
      fs::temp_directory_path() / fmt::format("allmodes-bench-outputs-{}", ::getpid());
  fs::copy(argv[1], folder, fs::copy_options::recursive);
  const auto all = records::read_records(records::RunFolder{folder}.records()).records;
  const double took = all.empty() ? 0 : write_outputs(folder, all);
  fs::remove_all(folder);
  if (all.empty()) return 66;
  const double of = argc > 2 ? std::atof(argv[2]) : all.back().time_s;
  fmt::print("in all {:.0f} ms, {:.2f} % of {:.1f} s\n", 1e3 * took, 100 * took / of, of);
  return 0;
}
