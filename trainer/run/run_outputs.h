#pragma once

// Where a run's records go.

#include <memory>
#include <optional>

#include "checkpoints/checkpoint.h"
#include "records/json_lines.h"
#include "records/optional_sink.h"
#include "records/progress.h"
#include "records/record.h"
#include "records/run_folder.h"
#include "run/checked_run.h"

namespace allmodes::run {

// How long a run's checkpoints and records may wait for space, which the log then says.
SpaceShortage space_shortage(const config::RunConfig& config);

// records.jsonl, whose failure ends the run. `resumed`: what the run continues from, null for a new
// one. Waits for space where there is none.
std::shared_ptr<records::JsonLinesSink> open_records(const records::RunFolder& folder,
                                                     const CheckedRun& run,
                                                     const checkpoints::State* resumed);

// These records and, as long as they can be written, status.json, TensorBoard's event files and
// report.html. On rank 0 of a job of `ranks`. `work` has to outlive the result.
std::unique_ptr<records::Sink> open_outputs(std::shared_ptr<records::JsonLinesSink> records,
                                            const records::RunFolder& folder, const CheckedRun& run,
                                            const checkpoints::State* resumed, int ranks,
                                            records::OptionalWork& work);

// Says in the line of progress how much of the data the evaluation found: modes that are not
// missing in the verdict's sense, else the share of the data that samples reach.
void show_coverage(const records::Record& evaluation, size_t missing, records::Progress& progress);

}  // namespace allmodes::run
