#pragma once

// status.json: where a run is, for people, scripts and dashboards that look at its folder.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "records/record.h"

namespace allmodes::records {

struct Status {
  std::string run = {};    // its name
  std::string stage = {};  // "starting", "training", "finished" or "stopped"
  uint64_t step = 0;
  uint64_t steps = 0;      // that the run is to have
  uint64_t samples = 0;    // seen so far, over all ranks
  double steps_per_s = 0;  // over the last log interval; 0: not known yet
  double samples_per_s = 0;
  std::optional<double> eta_s = {};  // until the last step
  // The last verdict; state "" before there is any.
  std::string state = {};
  std::string kind = {};
  uint64_t verdict_step = 0;
  int64_t ranks = 1;
  std::vector<std::string> hosts = {};  // of the ranks, each once
  std::string host = {};                // rank 0's, where
  int64_t pid = 0;                      // its process is
  double started = 0;                   // seconds since 1970
  double updated = 0;  // when this was written; its age says whether the run still moves
};

std::string to_json(const Status& status);
// Throws kNoInput, kInputOutput, or kDataError when it is no status.
Status read_status(const std::filesystem::path& path);

// Keeps status.json: replaces it, so that a reader finds a whole one at every moment, with each
// "train" and "verdict" record, and says at its end how the run ended.
class StatusSink : public Sink {
 public:
  // `status` has what does not change: run, steps, ranks, hosts, host, pid; and of a resumed run
  // its step, samples and last verdict. Throws kCannotCreate or kInputOutput.
  StatusSink(std::filesystem::path path, Status status);
  ~StatusSink() override;

  void write(const Record& record) override;

 private:
  void replace();

  std::filesystem::path path_;
  Status status_;
};

}  // namespace allmodes::records
