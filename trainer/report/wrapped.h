#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace allmodes::report {

// The text in lines of at most `columns` characters, broken at spaces; those after the first begin
// with `indent`, and the first begins at column `used`. A longer word has a line of its own. No
// line break at the end.
std::string wrapped(std::string_view text, size_t columns, std::string_view indent = "",
                    size_t used = 0);

// How many characters a UTF-8 text shows, each counted as one.
size_t characters(std::string_view text);

}  // namespace allmodes::report
