#include "report/report_sink.h"

#include <exception>

#include "base/durable_file.h"
#include "records/run_folder.h"
#include "report/page.h"

namespace allmodes::report {

ReportSink::ReportSink(const std::filesystem::path& run, records::FigureTables figures)
    : view_(read_run(run)), figures_(std::move(figures)), written_at_(Clock::now()) {}

ReportSink::~ReportSink() {
  try {
    if (outdated_) replace();
  } catch (const std::exception&) {
    // `allmodes report` makes it from the same files.
  }
}

void ReportSink::write(const records::Record& record) {
  add_record(view_, record);
  outdated_ = true;
  if (record.kind == "verdict") {
    judged_ = true;
    return;
  }
  constexpr double kMostShare = 0.005;
  const double since = std::chrono::duration<double>(Clock::now() - written_at_).count();
  if (judged_ && cost_s_ <= kMostShare * since) replace();
}

void ReportSink::replace() {
  const auto begin = Clock::now();
  refresh(view_);
  replace_file(records::RunFolder{view_.folder}.report(), run_page(view_, figures_));
  outdated_ = judged_ = false;
  written_at_ = Clock::now();
  cost_s_ = std::chrono::duration<double>(written_at_ - begin).count();
}

}  // namespace allmodes::report
