#include "records/log.h"

#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <vector>

#include "base/error.h"

namespace allmodes::records {

void setup_log(int rank, const std::string& host,
               const std::optional<std::filesystem::path>& log_file, bool quiet, bool color) {
  const auto mode = color ? spdlog::color_mode::always : spdlog::color_mode::never;
  auto console = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(mode);
  if (rank == 0) {
    console->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
    console->set_pattern("%H:%M:%S %^%-7l%$ %v");
  } else {
    std::string escaped;
    for (const char c : host) escaped += c == '%' ? "%%" : std::string(1, c);
    console->set_level(spdlog::level::warn);
    console->set_pattern(fmt::format("[rank {} {}] %^%l%$: %v", rank, escaped));
  }
  std::vector<spdlog::sink_ptr> sinks{console};
  if (log_file.has_value() && rank == 0) {
    try {
      auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(log_file->string(), false);
      file->set_level(spdlog::level::info);
      file->set_pattern("%Y-%m-%d %H:%M:%S.%e %-7l %v");
      sinks.push_back(std::move(file));
    } catch (const spdlog::spdlog_ex& error) {
      ALLMODES_FAIL(ExitCode::kCannotCreate, "cannot open the log '{}': {}", log_file->string(),
                    error.what());
    }
  }
  auto logger = std::make_shared<spdlog::logger>("allmodes", sinks.begin(), sinks.end());
  logger->set_level(spdlog::level::info);
  // A killed run keeps what it said.
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace allmodes::records
