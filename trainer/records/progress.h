#pragma once

// How far the run is: a bar on a terminal, one plain line an interval elsewhere.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace allmodes::records {

class Progress {
 public:
  // Says nothing when not `enabled` (ranks other than 0, --quiet). With `terminal` one line is
  // redrawn in place, at most ten times a second; otherwise a line is written every `interval_s`
  // seconds. `stream` is borrowed. NO_COLOR is respected.
  Progress(bool enabled, bool terminal, FILE* stream, int64_t total, double interval_s);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `step` of `total` steps are done; `text` is a short summary, cut to the terminal's width. Rate
  // and remaining time count from the first call, so they are right for a resumed run.
  void update(int64_t step, std::string_view text);
  // A figure of the last evaluation in [0, greatest], "modes 4/8", stands before the text from here
  // on; on a terminal with those of the evaluations before it as a row of blocks.
  void evaluated(std::string_view name, double value, double greatest);
  // On a terminal says at once what goes on between two steps, in place of the text, until the next
  // update; elsewhere nothing.
  void doing(std::string_view what);
  // Removes the bar, so that another line can be written; the next update draws it again.
  void clear();
  // Writes the last state and ends the line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);
  std::string summary() const;
  void say(const std::string& text) const;

  bool enabled_;
  bool terminal_;
  bool color_;
  bool unicode_;
  FILE* stream_;
  int64_t total_;
  double interval_s_;
  bool started_ = false;
  bool shown_ = false;  // a bar stands on the terminal's line
  int64_t drawn_step_ = -1;
  int64_t first_step_ = 0;
  int64_t step_ = 0;
  std::string text_;
  std::string doing_;
  std::string figure_;
  std::vector<double> heights_;  // of the last evaluations, in [0, 1]
  Clock::time_point begin_;
  Clock::time_point drawn_;
};

// "0:07", "12:34", "3:05:09" or "2 d 07 h".
std::string format_duration(double seconds);

}  // namespace allmodes::records
