#pragma once

// What a run writes: records, verdicts, pictures and the console, at the loop's events. All ranks
// call it alike (the figures are reduced over them); only rank 0 writes.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/checkpoint.h"
#include "diagnostics/collectors/collector.h"
#include "diagnostics/collectors/data_audit.h"
#include "diagnostics/statistics/moments.h"
#include "records/json_lines.h"
#include "records/optional_sink.h"
#include "records/progress.h"
#include "records/record.h"
#include "records/run_folder.h"
#include "report/verdict_text.h"
#include "run/checked_run.h"
#include "run/first_weights.h"
#include "run/rank_sums.h"
#include "training/loop.h"

namespace allmodes::run {

// How much a run says.
enum class Speech { quiet, usual, verbose };

class Reporter {
 public:
  // `resumed`: the checkpoint that the run continues from, whose history is carried on.
  Reporter(const CheckedRun& run, training::Model& model, world::Communicator& control,
           const diagnostics::CollectorSetup& setup, records::RunFolder folder,
           const checkpoints::State* resumed, Speech speech);

  // Records whose weights a new run begins with.
  void began_with(const std::string& checkpoint, const FirstWeights& weights);
  // Records what the data look like, and warns of what is odd. Before the first step.
  void audited(const diagnostics::DataAudit& audit);
  void tick(const training::Position& position, const training::StepReport& report);
  void log(const training::Position& position, const training::StepReport& report);
  // Evaluates and records; judges, unless the model is untrained (step 0), for which there is no
  // verdict. The same on every rank.
  std::optional<checkpoints::State::Verdict> evaluate(const training::Position& position);
  void images(const training::Position& position);
  // The history's part of a checkpoint.
  void fill(checkpoints::State& state) const;
  // Records the last rollback, to `position`, and what it has changed in the configuration.
  void went_back(const training::Position& position, const std::vector<std::string>& adjustments);
  // The last verdict; a healthy one before there is any.
  checkpoints::State::Verdict last_verdict() const;
  // Waits until all records are on the disk; on rank 0.
  void settle() const {
    if (records_) records_->finish();
  }
  // Ends progress and says the verdict once more; on rank 0.
  void finish();

  double trained_seconds() const;
  // records.jsonl; null but on rank 0.
  const std::shared_ptr<records::JsonLinesSink>& record_file() const { return records_; }

 private:
  records::Record start_record(const std::string& kind, const training::Position& position) const;
  void write_verdict(const training::Position& position, const diagnostics::Verdict& verdict,
                     const diagnostics::Evidence& evidence);
  void say(const std::string& line, bool warning);
  void say_verdict(const training::Position& position, const diagnostics::Verdict& verdict,
                   report::VerdictText words);
  // The step from which on each verdict had the last one's state; nothing when it is the first.
  std::optional<uint64_t> since_when() const;
  // Steps of the run whose update was skipped.
  int64_t skipped_steps() const;
  RankSums sums_of(const training::StepReport& report, const training::Position& position);
  void set_rates(const training::Position& position, records::Record& record) const;
  void set_times(const training::Position& position, const RankSums& sums, records::Record& record);

  const CheckedRun& run_;
  training::Model& model_;
  world::Communicator& control_;
  at::Device device_;
  records::RunFolder folder_;
  bool root_;
  bool verbose_;
  bool quiet_;
  std::vector<diagnostics::NamedCollector> collectors_;
  std::unique_ptr<data::Dataset> held_out_;  // of a family that does not draw, where there is one
  records::OptionalWork optional_;
  std::shared_ptr<records::JsonLinesSink> records_;
  std::unique_ptr<records::Sink> sink_;
  std::unique_ptr<records::Progress> progress_;
  std::vector<diagnostics::PastEvaluation> history_;
  std::vector<checkpoints::State::Verdict> verdicts_;
  std::vector<checkpoints::State::Rollback> rollbacks_;
  std::optional<report::VerdictText> said_;  // by this process
  bool said_in_full_ = false;                // with its table
  std::vector<std::string> said_lost_;       // names of what was missing then
  std::string progress_text_;
  double seconds_before_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point logged_at_;
  // Exposed exchange since the last log step, by phase and network; the names are those of all
  // ranks.
  std::map<std::string, double> exchange_seconds_;
  double loading_seconds_ = 0;  // since the last log step
  uint64_t logged_step_ = 0;
  uint64_t logged_samples_ = 0;
  uint64_t evaluated_step_ = 0;
  int64_t skipped_by_earlier_ = 0;  // steps skipped before this process, or before a rollback
  int64_t skipped_evaluated_ = 0;   // steps skipped up to the last evaluation
  // At log steps since the last evaluation: d_real - d_fake where these are probabilities, else
  // d_apart.
  diagnostics::Moments margins_;
};

}  // namespace allmodes::run
