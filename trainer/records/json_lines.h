#pragma once

// records.jsonl: one record a line, in the order in which they were made.

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "records/record.h"

namespace allmodes::records {

// What a run continues from, as its checkpoint says.
struct Continuation {
  uint64_t step = 0;      // steps done
  int64_t rollbacks = 0;  // that the run has made
};

// Each record is handed to the system as a whole line, so that a killed run leaves whole lines and
// at most half of the last one.
class JsonLinesSink : public Sink {
 public:
  // Starts a new file, or continues one. Then, atomically and before anything is written, the file
  // becomes what it was at the checkpoint: records of later steps, of rollbacks that the checkpoint
  // does not know, and a line cut off by a crash are dropped; of records that stand twice the first
  // is kept. Lines that are no records are moved to the file's neighbour ".bad.jsonl", with a
  // warning. Throws kCannotCreate or kInputOutput.
  explicit JsonLinesSink(std::filesystem::path path,
                         std::optional<Continuation> continued = std::nullopt);
  ~JsonLinesSink() override;
  JsonLinesSink(const JsonLinesSink&) = delete;
  JsonLinesSink& operator=(const JsonLinesSink&) = delete;

  // A record that the continued file has already is left out: a run that begins anew at a step
  // makes the records of that step again. Throws kInputOutput.
  void write(const Record& record) override;
  // Puts what was written on the disk.
  void flush() override;

 private:
  // What a run has one record of: the kind, the step, and of a rollback its number.
  using Key = std::tuple<std::string, uint64_t, int64_t>;
  static std::optional<Key> key_of(const Record& record);
  void restore(const Continuation& continued);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::set<Key> known_;  // of the step that is continued from
};

// A line that is no record.
struct BadLine {
  int64_t number = 0;  // from 1
  std::string text;
  std::string why;
};

struct RecordLines {
  std::vector<Record> records;
  std::vector<BadLine> bad;
};

// The records of a file, in its order; a last line without newline is left out. A null with its
// "_nonfinite" companion reads back as the number it was. Throws kNoInput or kInputOutput.
RecordLines read_records(const std::filesystem::path& path);

// Where lines of `path` that are no records are put: records.jsonl -> records.bad.jsonl.
std::filesystem::path bad_lines_file(const std::filesystem::path& path);

}  // namespace allmodes::records
