#pragma once

// Errors. Every failure of the trainer is an `Error` with an exit code; nothing but main() catches
// to report. main() adds rank and host and ends the whole job.

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace allmodes {

// Process exit codes: sysexits.h, and one of our own for "stopped because of a collapse".
enum class ExitCode : int {
  kOk = 0,
  kCollapsed = 3,          // train --on-collapse stop, or no finite gradient any more
  kUsage = 64,             // wrong command line
  kDataError = 65,         // input data damaged
  kNoInput = 66,           // input file missing or unreadable
  kLostRank = 68,          // a rank is frozen, cut off or no longer moves
  kUnavailable = 69,       // a device or service is not there
  kSoftware = 70,          // internal error
  kOsError = 71,           // an operating-system call failed
  kCannotCreate = 73,      // output cannot be created
  kInputOutput = 74,       // reading or writing failed midway
  kTemporaryFailure = 75,  // stopped by a signal after a checkpoint: resume
  kProtocol = 76,          // ranks disagree, or a collective failed
  kConfiguration = 78,     // configuration refused
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Appends "[file:line]" of the throwing place to an internal error's message.
[[noreturn]] void throw_at(ExitCode code, const char* file, int line, const std::string& message);

}  // namespace allmodes

// Throws an Error for something a user can mend: the message says what, where and what to do.
#define ALLMODES_FAIL(code, ...) throw ::allmodes::Error((code), ::fmt::format(__VA_ARGS__))

// Throws ExitCode::kSoftware, stamped with file and line, when `condition` does not hold; in every
// build type.
#define ALLMODES_CHECK(condition, ...)                                                     \
  do {                                                                                     \
    if (!(condition))                                                                      \
      ::allmodes::throw_at(                                                                \
          ::allmodes::ExitCode::kSoftware, __FILE__, __LINE__,                             \
          ::fmt::format("'{}' does not hold: ", #condition) + ::fmt::format(__VA_ARGS__)); \
  } while (false)
