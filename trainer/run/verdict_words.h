#pragma once

// What the diagnostics found, as the rows that people read.

#include <vector>

#include "diagnostics/verdict/verdict.h"
#include "report/verdict_text.h"

namespace allmodes::run {

// One row a witness, in their order: the gravest first.
std::vector<report::Finding> findings_of(const diagnostics::Verdict& verdict);

// State, kind, what is missing in one clause and the findings; the rest is left to the caller.
report::VerdictText words_of(const diagnostics::Verdict& verdict);

}  // namespace allmodes::run
