#pragma once

#include <chrono>
#include <optional>

#include "records/record.h"
#include "report/run_view.h"

namespace allmodes::report {

// Keeps a run's report.html: written anew with a verdict where that costs less than half a percent
// of the time since the last one, and at the end of the run in any case.
class ReportSink : public records::Sink {
 public:
  // Reads what the run has recorded before. Throws kNoInput or kInputOutput.
  explicit ReportSink(const std::filesystem::path& run);
  ~ReportSink() override;

  void write(const records::Record& record) override;

 private:
  using Clock = std::chrono::steady_clock;
  void replace();

  RunView view_;
  bool outdated_ = false;
  Clock::time_point written_at_;
  double cost_s_ = 0;  // of the last time
};

}  // namespace allmodes::report
