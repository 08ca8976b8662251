#pragma once

#include <string>

namespace allmodes::records {

// A verdict's text with the first state that it names and the marks of its table ("  x ", "  ! " at
// the beginning of a line) in colour: collapsed red, at_risk yellow, healthy green.
std::string coloured(const std::string& text);

}  // namespace allmodes::records
