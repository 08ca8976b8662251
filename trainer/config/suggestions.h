#pragma once

// What could have been meant by a name or a number that was refused.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace allmodes::config {

// The candidate nearest to `name` (Damerau-Levenshtein, at most a third of the name's length
// edited), or "".
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

// "unknown X 'name'; did you mean 'Y'? Known: a, b, c".
std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& candidates);

// "250 and 260" of 256 and 10: the multiples of `unit` next below and next above `value`; only the
// one above where there is none below. Both >= 1.
std::string nearest_multiples(int64_t value, int64_t unit);

}  // namespace allmodes::config
