#pragma once

#include <chrono>
#include <optional>

#include "records/figure.h"
#include "records/record.h"
#include "report/run_view.h"

namespace allmodes::report {

// Keeps a run's report.html: written anew after a verdict, with the next record, when verdict.json
// is there too, where that costs less than half a percent of the time since the last one; and at
// the end of the run in any case.
class ReportSink : public records::Sink {
 public:
  // Reads what the run has recorded before. Throws kNoInput or kInputOutput.
  explicit ReportSink(const std::filesystem::path& run, records::FigureTables figures);
  ~ReportSink() override;

  void write(const records::Record& record) override;

 private:
  using Clock = std::chrono::steady_clock;
  void replace();

  RunView view_;
  records::FigureTables figures_;
  bool outdated_ = false;  // records have come since it was written
  bool judged_ = false;    // a verdict among them
  Clock::time_point written_at_;
  double cost_s_ = 0;  // of the last time
};

}  // namespace allmodes::report
