#pragma once

// The single findings that the verdict is made of; each returns at most one witness. See verdict.h
// for what each says.

#include <optional>
#include <vector>

#include "diagnostics/verdict.h"

namespace allmodes::diagnostics {

std::optional<Witness> witness_divergence(const Evidence& evidence);
std::optional<Witness> witness_duplicates(const Evidence& evidence,
                                          const std::vector<PastEvaluation>& history);
std::optional<Witness> witness_posterior(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_mean(const Evidence& evidence,
                                    const std::vector<PastEvaluation>& history,
                                    const config::Verdict& levels);
std::optional<Witness> witness_dropping(const Evidence& evidence,
                                        const std::vector<MissingMode>& missing,
                                        const config::Verdict& levels);
std::optional<Witness> witness_imbalance(const Evidence& evidence,
                                         const std::vector<PastEvaluation>& history,
                                         const config::Verdict& levels);
std::optional<Witness> witness_unformed(const Evidence& evidence, const config::Verdict& levels);
std::optional<Witness> witness_aggregate(const Evidence& evidence);

}  // namespace allmodes::diagnostics
