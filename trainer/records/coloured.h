#pragma once

#include <string>

namespace allmodes::records {

// A verdict's text with the first state that it names and the marks of its table ("  x ", "  ! " at
// the beginning of a line) in colour: collapsed red, at_risk yellow, healthy green.
std::string coloured(const std::string& text);

// The same where the descriptor's reader sees colours (terminal.h); else the text as it is.
std::string coloured_for(int descriptor, const std::string& text);

}  // namespace allmodes::records
