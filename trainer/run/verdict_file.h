#pragma once

// verdict.json: the last verdict of a run, for programs that watch it.

#include <string>
#include <vector>

#include "checkpoints/checkpoint.h"
#include "diagnostics/verdict/verdict.h"
#include "records/record.h"
#include "report/verdict_text.h"
#include "run/checked_run.h"

namespace allmodes::run {

// The file's text: the verdict's record with the run's name, its rollbacks and the missing modes;
// of known modes, what was expected and observed of each of them; of others the parts of the data
// (parts_json.h); since when it is so, the findings and what to try, as `words` have them.
std::string verdict_json(const records::Record& record, const CheckedRun& run,
                         const std::vector<checkpoints::State::Rollback>& rollbacks,
                         const diagnostics::Verdict& verdict,
                         const diagnostics::Evidence& evidence, const report::VerdictText& words);

}  // namespace allmodes::run
