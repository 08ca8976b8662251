#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "records/event_file.h"
#include "records/record.h"
#include "records/run_folder.h"

namespace allmodes::records {

// A run's records and pictures for TensorBoard: `tensorboard --logdir RUN` or a folder of runs.
//
//   RUN/tensorboard/           scalars "train/NAME" ("loss/NAME" of a loss) and "evaluation/NAME",
//                              lists of numbers as histograms, configuration and verdicts as text,
//                              settings for the page HParams
//   RUN/tensorboard/pictures/  the PNG files of RUN/images, up to 64 MiB; then no more of them
class TensorBoardSink : public Sink {
 public:
  // `configuration`: text-proto; `settings`: what of it tells runs apart. With `resumed_step` the
  // run goes on from there. Throws kCannotCreate or kInputOutput.
  TensorBoardSink(const RunFolder& folder, const std::string& host,
                  const std::string& configuration, const std::vector<EventSetting>& settings,
                  std::optional<uint64_t> resumed_step);

  void write(const Record& record) override;

 private:
  void add_pictures();

  RunFolder folder_;
  std::string host_;
  std::optional<uint64_t> resumed_step_;
  EventFile file_;
  std::unique_ptr<EventFile> pictures_;  // made with the first of them
  std::set<std::string> shown_;          // pictures that are in the file, by name
};

}  // namespace allmodes::records
