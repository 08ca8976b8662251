#pragma once

// The one place where an exception becomes an exit code and a sentence.

#include <exception>
#include <functional>
#include <string>

#include "base/error.h"
#include "world/runtime.h"

namespace allmodes::run {

struct Failure {
  ExitCode code = ExitCode::kSoftware;
  std::string message;
};

// An Error as it is; memory that ran out, on the host or a device, as kOsError with what to do;
// a failed file operation as kInputOutput, a system call as kOsError; anything else, LibTorch's and
// JSON's errors among them, as kSoftware in one line and without a stack trace.
Failure failure_of(const std::exception& error);

// Writes "allmodes: error [rank 1 of 4 on host]: message" to stderr, in one piece; the place is
// left out for one rank. A rank other than 0 waits a moment first: what all ranks find at once rank
// 0 says for all, and ends the job meanwhile. Returns the exit code.
int report(const std::exception& error, const world::Runtime* runtime);

// Runs `work`; when it throws, says what happened and ends the job, before anything of `work`'s
// owner is destroyed: a destructor may wait for a rank, a device or a file that never comes. So
// whatever can wait has to be a member of something that outlives this call, not a variable in it.
int or_end_the_job(world::Runtime& runtime, const std::function<int()>& work);

}  // namespace allmodes::run
