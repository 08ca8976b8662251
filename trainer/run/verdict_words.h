#pragma once

// What the diagnostics found, as the rows that people read.

#include <vector>

#include "checkpoints/checkpoint.h"
#include "config/run_config.h"
#include "diagnostics/verdict/verdict.h"
#include "report/verdict_text.h"

namespace allmodes::run {

// One row a witness, in their order: the gravest first.
std::vector<report::Finding> findings_of(const diagnostics::Verdict& verdict);

// State, kind, what is missing in one clause and the findings; the rest is left to the caller.
report::VerdictText words_of(const diagnostics::Verdict& verdict);

// The same of a verdict that a checkpoint carries, which keeps no findings; with what to try.
report::VerdictText words_of(const checkpoints::State::Verdict& verdict,
                             const config::RunConfig& config);

}  // namespace allmodes::run
