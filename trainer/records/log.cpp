#include "records/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/system_call.h"
#include "records/coloured.h"

namespace allmodes::records {
namespace {

// Appends lines to a file. What cannot be written is lost, and said once on the console, which has
// the same lines: a log is no reason to end a run.
class LogFileSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LogFileSink(std::filesystem::path path, spdlog::sink_ptr console)
      : path_(std::move(path)), console_(std::move(console)) {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    descriptor_ = uninterrupted([&] { return ::open(path_.c_str(), kFlags, 0666); });
    if (descriptor_ < 0) complain(errno);
  }
  ~LogFileSink() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  LogFileSink(const LogFileSink&) = delete;
  LogFileSink& operator=(const LogFileSink&) = delete;

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (descriptor_ < 0) return;
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    size_t written = 0;
    if (const int error = write_all(descriptor_, line.data(), line.size(), written); error != 0)
      complain(error);
  }
  void flush_() override {}

 private:
  void complain(int error) {
    if (std::exchange(complained_, true)) return;
    const auto text = fmt::format("'{}' was not written, {}; the run goes on", path_.string(),
                                  storage_cause(error));
    console_->log(spdlog::details::log_msg("", spdlog::level::warn, text));
  }

  std::filesystem::path path_;
  spdlog::sink_ptr console_;
  int descriptor_ = -1;
  bool complained_ = false;
};

// What was said before there was a file for it. Lines of a start are few; a run without a folder
// keeps its last ones and never asks for them.
using Kept = spdlog::sinks::ringbuffer_sink_mt;
constexpr size_t kKeptLines = 4096;

// What the logger so far has kept, in order.
std::vector<spdlog::details::log_msg_buffer> kept_lines() {
  for (const auto& sink : spdlog::default_logger()->sinks())
    if (const auto kept = std::dynamic_pointer_cast<Kept>(sink)) return kept->last_raw();
  return {};
}

// %*: the message, a verdict's with its states in colour.
class ColouredMessage : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text(message.payload.data(), message.payload.size());
    const bool verdict = text.starts_with("verdict at step") || text.starts_with("still ");
    const std::string shown = verdict ? coloured(text) : text;
    out.append(shown.data(), shown.data() + shown.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<ColouredMessage>();
  }
};

}  // namespace

void setup_log(int rank, const std::string& host,
               const std::optional<std::filesystem::path>& log_file, bool quiet, bool color) {
  const auto mode = color ? spdlog::color_mode::always : spdlog::color_mode::never;
  auto console = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(mode);
  if (rank == 0) {
    console->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    if (color) formatter->add_flag<ColouredMessage>('*');
    formatter->set_pattern(color ? "%H:%M:%S %^%-7l%$ %*" : "%H:%M:%S %^%-7l%$ %v");
    console->set_formatter(std::move(formatter));
  } else {
    std::string escaped;
    for (const char c : host) escaped += c == '%' ? "%%" : std::string(1, c);
    console->set_level(spdlog::level::warn);
    console->set_pattern(fmt::format("[rank {} {}] %^%l%$: %v", rank, escaped));
  }
  std::vector<spdlog::sink_ptr> sinks{console};
  if (log_file.has_value() && rank == 0) {
    auto file = std::make_shared<LogFileSink>(*log_file, console);
    file->set_level(spdlog::level::info);
    file->set_pattern("%Y-%m-%d %H:%M:%S.%e %-7l %v");
    for (const auto& line : kept_lines())
      if (file->should_log(line.level)) file->log(line);
    sinks.push_back(std::move(file));
  } else if (rank == 0) {
    sinks.push_back(std::make_shared<Kept>(kKeptLines));
  }
  auto logger = std::make_shared<spdlog::logger>("allmodes", sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::info);
  // A killed run keeps what it said.
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void log_to_file(const std::string& text, bool warning) {
  const auto level = warning ? spdlog::level::warn : spdlog::level::info;
  for (const auto& sink : spdlog::default_logger()->sinks())
    if (std::dynamic_pointer_cast<LogFileSink>(sink) != nullptr)
      sink->log(spdlog::details::log_msg("allmodes", level, text));
}

}  // namespace allmodes::records
