#pragma once

// `allmodes diagnose --run`: a run's checkpoints, evaluated anew.

#include <string>

#include "diagnosis/diagnosis.h"
#include "world/runtime.h"

namespace allmodes::diagnosis {

struct DiagnoseRunOptions {
  std::string run;              // a run's folder
  std::string step = "newest";  // a number, "newest" or "all"
  std::string out;              // "": RUN/diagnosis
  bool own_samples = true;      // as many as the run's own evaluations; else `diagnose.samples`
  DiagnoseOptions diagnose;
};

// Collective. Samples the averaged generator of each checkpoint as an evaluation of training does,
// from the same latents, measures what the run's collectors measure, and beside it what
// diagnose_samples() does with reals of the run's data. Prints a table and a verdict for each and
// writes OUT/step-SSSSSSSS/. Each checkpoint is judged by itself, without the ones before it.
// Returns the exit code of the newest's verdict. Throws kNoInput (no such run, no checkpoint of
// that step), kDataError (a damaged checkpoint, or other data than it was made on), kConfiguration.
int diagnose_run(const DiagnoseRunOptions& options, world::Runtime& runtime);

}  // namespace allmodes::diagnosis
