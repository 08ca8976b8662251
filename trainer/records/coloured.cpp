#include "records/coloured.h"

#include <utility>

#include "records/terminal.h"

namespace allmodes::records {

std::string coloured(const std::string& text) {
  constexpr const char* kRed = "\x1b[1;31m";
  constexpr const char* kYellow = "\x1b[1;33m";
  constexpr const char* kGreen = "\x1b[1;32m";
  const std::pair<const char*, const char*> marks[] = {{"\n  x ", kRed}, {"\n  ! ", kYellow}};
  std::string out = text;
  for (const auto& [mark, colour] : marks)
    for (size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at + 1))
      out = out.substr(0, at + 3) + colour + out[at + 3] + "\x1b[0m" + out.substr(at + 4);
  const std::pair<const char*, const char*> states[] = {
      {"collapsed", kRed}, {"at_risk", kYellow}, {"healthy", kGreen}};
  // The first state that is named is the verdict's.
  size_t first = std::string::npos;
  const std::pair<const char*, const char*>* which = nullptr;
  for (const auto& state : states)
    if (const size_t at = out.find(state.first); at < first) {
      first = at;
      which = &state;
    }
  if (which == nullptr) return out;
  const std::string word = which->first;
  return out.replace(first, word.size(), which->second + word + "\x1b[0m");
}

std::string coloured_for(int descriptor, const std::string& text) {
  return may_color(descriptor) ? coloured(text) : text;
}

}  // namespace allmodes::records
