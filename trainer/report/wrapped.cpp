#include "report/wrapped.h"

#include <algorithm>

namespace allmodes::report {

size_t characters(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string wrapped(std::string_view text, size_t columns, std::string_view indent, size_t used) {
  std::string out;
  size_t column = used;
  bool begins = true;  // of a line
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    const size_t length = characters(word);
    if (!begins && column + 1 + length > columns) {
      out += '\n';
      out += indent;
      column = indent.size();
      begins = true;
    }
    if (!begins) {
      out += ' ';
      ++column;
    }
    out += word;
    column += length;
    begins = false;
  }
  return out;
}

}  // namespace allmodes::report
