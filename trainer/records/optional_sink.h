#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "records/record.h"

namespace allmodes::records {

// Does what a run can do without: writes a picture, a report, an event file. A failure is said in a
// warning, the first one of each `what` and then each time that their number has doubled, and
// counted; the run goes on.
class OptionalWork {
 public:
  // True when `work` ended without an exception.
  bool attempt(const std::string& what, const std::function<void()>& work);
  // Failures so far.
  int64_t failures() const { return failures_; }

 private:
  std::vector<std::pair<std::string, int64_t>> counts_;  // by `what`
  int64_t failures_ = 0;
};

// Hands each record to one sink that has to take it, whose failure is thrown, and then to others
// that may fail.
class FanOut : public Sink {
 public:
  FanOut(std::shared_ptr<Sink> required, OptionalWork& work)
      : required_(std::move(required)), work_(work) {}
  // Adds what `make` makes, unless that fails. `what` names it in warnings: "the event file".
  void add(const std::string& what, const std::function<std::unique_ptr<Sink>()>& make);

  void write(const Record& record) override;
  void flush() override;

 private:
  std::shared_ptr<Sink> required_;
  OptionalWork& work_;
  std::vector<std::pair<std::string, std::unique_ptr<Sink>>> others_;
};

}  // namespace allmodes::records
