#pragma once

// records.jsonl: one record a line, in the order in which they were made.

#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/space_shortage.h"
#include "records/record.h"

namespace allmodes::records {

// What a run continues from, as its checkpoint says.
struct Continuation {
  uint64_t step = 0;      // steps done
  int64_t rollbacks = 0;  // that the run has made
};

// Each record is handed to the system as a whole line, so that a killed run leaves whole lines and
// at most half of the last one. What the disk has no space for is kept in memory and written, in
// order and once, before anything that comes later. May be used by several threads.
class JsonLinesSink : public Sink {
 public:
  // Starts a new file, or continues one. Then, atomically and before anything is written, the file
  // becomes what it was at the checkpoint: records of later steps, of rollbacks that the checkpoint
  // does not know, and a line cut off by a crash are dropped; of records that stand twice the first
  // is kept. Lines that are no records are moved to the file's neighbour ".bad.jsonl", with a
  // warning. Throws kCannotCreate or kInputOutput. `shortage`: how long the disk may be full
  // afterwards.
  explicit JsonLinesSink(std::filesystem::path path,
                         std::optional<Continuation> continued = std::nullopt,
                         SpaceShortage shortage = {});
  ~JsonLinesSink() override;
  JsonLinesSink(const JsonLinesSink&) = delete;
  JsonLinesSink& operator=(const JsonLinesSink&) = delete;

  // A record that the continued file has already is left out: a run that begins anew at a step
  // makes the records of that step again. Throws kInputOutput, for a full disk only when it has
  // been full for too long.
  void write(const Record& record) override;
  // Puts what was written on the disk; the same.
  void flush() override;
  // The same, but throws kInputOutput also when there is no space at this moment: for what may be
  // written only once all records before it are on the disk.
  void settle();
  // settle() as soon as there is space. Waits for that.
  void finish();
  // Of the records of a continued file the last step; 0 where there is none.
  uint64_t last_step() const { return last_step_; }

 private:
  // What a run has one record of: the kind, the step, and of a rollback its number.
  using Key = std::tuple<std::string, uint64_t, int64_t>;
  static std::optional<Key> key_of(const Record& record);
  void restore(const Continuation& continued);
  // Hands to the system what it has not taken yet. The mutex is held.
  void push();
  // Does `work`, which may fail for want of space while that may last. The mutex is held.
  template <typename Work>
  void attempt(Work work);

  std::filesystem::path path_;
  std::mutex mutex_;
  int descriptor_ = -1;
  std::string pending_;  // lines, the first perhaps without its beginning, that were not written
  SpaceShortage shortage_;
  std::set<Key> known_;  // of the step that is continued from
  uint64_t last_step_ = 0;
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
