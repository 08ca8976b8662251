#include "records/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "records/sparkline.h"
#include "records/terminal.h"

namespace allmodes::records {
namespace {

constexpr double kRedrawSeconds = 0.1;
constexpr size_t kShownEvaluations = 8;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// Whether the locale's character set is UTF-8, by the variables in the order POSIX reads them.
bool unicode_locale() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!is_set(variable)) continue;
    const std::string locale = std::getenv(variable);
    return locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

// Of a UTF-8 text of fields that two spaces part, the whole fields that fit into so many columns,
// one character each.
std::string cut(std::string_view text, int64_t columns) {
  size_t end = 0;
  while (end < text.size() && columns > 0) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    --columns;
  }
  if (end < text.size() && !text.substr(end).starts_with("  "))
    end = std::max<size_t>(text.substr(0, end).rfind("  ") + 1, 1) - 1;
  return std::string(text.substr(0, end));
}

std::string bar(double share, int64_t width, bool unicode, bool color) {
  const auto full = static_cast<int64_t>(std::lround(share * static_cast<double>(width)));
  std::string text = color ? "\x1b[36m" : "";
  for (int64_t i = 0; i < full; ++i) text += unicode ? "━" : "=";
  if (color) text += "\x1b[2m";
  for (int64_t i = full; i < width; ++i) text += unicode ? (color ? "━" : "╌") : "-";
  if (color) text += "\x1b[0m";
  return text;
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto s = static_cast<int64_t>(std::min(seconds, 3.0e9) + 0.5);
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  if (s < 86400) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{} d {:02} h", s / 86400, s / 3600 % 24);
}

Progress::Progress(bool enabled, bool terminal, FILE* stream, int64_t total, double interval_s)
    : enabled_(enabled),
      terminal_(terminal),
      color_(terminal && !is_set("NO_COLOR")),
      unicode_(unicode_locale()),
      stream_(stream),
      total_(std::max<int64_t>(total, 1)),
      interval_s_(interval_s) {}

Progress::~Progress() {
  clear();
}

// A terminal that went away or a full disk is no reason to end a run: what cannot be said is lost.
void Progress::say(const std::string& text) const {
  std::fwrite(text.data(), 1, text.size(), stream_);
  std::fflush(stream_);
  std::clearerr(stream_);
}

void Progress::update(int64_t step, std::string_view text) {
  if (!enabled_) return;
  const Clock::time_point now = Clock::now();
  step_ = step;
  text_ = text;
  doing_.clear();
  if (!started_) {
    started_ = true;
    first_step_ = step;
    begin_ = now;
    drawn_ = now;
    if (!terminal_) return;
  } else {
    const double since = std::chrono::duration<double>(now - drawn_).count();
    if (since < (terminal_ ? kRedrawSeconds : interval_s_)) return;
  }
  draw(now);
}

void Progress::evaluated(std::string_view name, double value, double greatest) {
  figure_ = fmt::format("{} {:.3g}/{:.3g}  ", name, value, greatest);
  heights_.push_back(greatest > 0 ? value / greatest : 0);
  if (heights_.size() > kShownEvaluations) heights_.erase(heights_.begin());
}

void Progress::doing(std::string_view what) {
  if (!enabled_ || !terminal_ || !started_) return;
  doing_ = what;
  draw(Clock::now());
}

std::string Progress::summary() const {
  if (!doing_.empty()) return doing_;
  if (!terminal_ || !unicode_ || heights_.size() < 2) return figure_ + text_;
  return figure_.substr(0, figure_.size() - 1) + sparkline(heights_) + "  " + text_;
}

void Progress::draw(Clock::time_point now) {
  drawn_ = now;
  drawn_step_ = step_;
  const double elapsed = std::chrono::duration<double>(now - begin_).count();
  const double rate = elapsed > 0 ? static_cast<double>(step_ - first_step_) / elapsed : 0.0;
  const double share =
      std::clamp(static_cast<double>(step_) / static_cast<double>(total_), 0.0, 1.0);
  const std::string remaining =
      step_ >= total_ ? "took " + format_duration(elapsed)
      : rate > 0      ? "ETA " + format_duration(static_cast<double>(total_ - step_) / rate)
                      : std::string("ETA ?");
  const std::string counts =
      fmt::format("{}/{}  {:.{}f} steps/s  {}", step_, total_, rate, rate < 100 ? 1 : 0, remaining);
  if (!terminal_) {
    say(fmt::format("{:3.0f}%  step {}  {}\n", 100 * share, counts, summary()));
    return;
  }
  const int64_t width = terminal_columns(::fileno(stream_)) - 1;
  const int64_t bar_width = std::clamp<int64_t>(width / 4, 5, 40);
  const std::string left = fmt::format("{:3.0f}% ", 100 * share);
  const std::string right =
      cut(fmt::format("  {}  {}", counts, summary()),
          std::max<int64_t>(0, width - bar_width - static_cast<int64_t>(left.size())));
  say(fmt::format("\r{}{}{}\x1b[K", left, bar(share, bar_width, unicode_, color_), right));
  shown_ = true;
}

void Progress::clear() {
  if (!shown_) return;
  say("\r\x1b[K");
  shown_ = false;
}

void Progress::finish() {
  if (!enabled_ || !started_) return;
  doing_.clear();
  if (terminal_ || drawn_step_ != step_) draw(Clock::now());
  if (shown_) say("\n");
  shown_ = false;
  started_ = false;
}

}  // namespace allmodes::records
