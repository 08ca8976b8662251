#pragma once

// The parts of the data that verdict.json and diagnosis.json list.

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>

#include "diagnostics/verdict/verdict.h"

namespace allmodes::run {

// Null for what is no finite number: JSON has none for it.
nlohmann::ordered_json number_json(double value);

// Of each part that is missing, starved or narrow, and of each place with too few samples or too
// many that the verdict tells: name, finding, share, made, made_99, width, log10_p and the numbers,
// from 0, of a few reals of it in the data. Empty where parts were not looked for.
// `number_in_data`: of a real that was compared (Part::reals).
nlohmann::ordered_json parts_json(const diagnostics::Evidence& evidence,
                                  const diagnostics::Verdict& verdict,
                                  const std::function<int64_t(int64_t)>& number_in_data);

}  // namespace allmodes::run
