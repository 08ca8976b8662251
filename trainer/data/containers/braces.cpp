#include "data/containers/braces.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/error.h"

namespace allmodes::data {
namespace {

constexpr uint64_t kMostNames = 1'000'000;

bool parse_number(const std::string& text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// What stands between two braces: a range, or a list.
std::vector<std::string> choices(const std::string& inside, const std::string& text) {
  std::vector<std::string> out;
  const size_t dots = inside.find("..");
  uint64_t first = 0;
  uint64_t last = 0;
  if (dots != std::string::npos && parse_number(inside.substr(0, dots), first) &&
      parse_number(inside.substr(dots + 2), last)) {
    if (last < first || last - first >= kMostNames)
      ALLMODES_FAIL(ExitCode::kConfiguration, "data.path: {}: the range {{{}}}", text, inside);
    for (uint64_t n = first; n <= last; ++n) out.push_back(fmt::format("{:0{}}", n, dots));
    return out;
  }
  for (size_t at = 0; at <= inside.size();) {
    const size_t end = std::min(inside.find(',', at), inside.size());
    out.push_back(inside.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

std::vector<std::string> expand_braces(const std::string& text) {
  const size_t open = text.find('{');
  const size_t close = open == std::string::npos ? open : text.find('}', open);
  if (close == std::string::npos) return {text};
  std::vector<std::string> out;
  const auto rests = expand_braces(text.substr(close + 1));
  for (const std::string& choice : choices(text.substr(open + 1, close - open - 1), text)) {
    for (const std::string& rest : rests) {
      if (out.size() == kMostNames)
        ALLMODES_FAIL(ExitCode::kConfiguration, "data.path: {}: more than {} names", text,
                      kMostNames);
      out.push_back(text.substr(0, open) + choice + rest);
    }
  }
  return out;
}

}  // namespace allmodes::data
