#pragma once

// Text from outside: file names, lines of files, messages of other libraries.

#include <string>
#include <string_view>

namespace allmodes {

// The text as valid UTF-8. Each byte that is no part of a well-formed sequence (Unicode 15, table
// 3-7) is spelt \xNN, so two texts that differ still do ("caf\xE9" beside "caf\xE8").
std::string valid_utf8(std::string_view text);

// A name that may stand in a line of text: valid UTF-8, and control characters (line breaks and
// what terminals take for orders) spelt \xNN too.
std::string readable_name(std::string_view name);

}  // namespace allmodes
