#include "report/verdict_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/run_view.h"
#include "report/wrapped.h"

namespace allmodes::report {
namespace {

constexpr size_t kMostRows = 8;
constexpr size_t kFewestColumns = 20;
constexpr size_t kWidestWhat = 23;
constexpr size_t kNarrowestWhat = 14;
constexpr size_t kNarrowestParts = 8;

using Row = std::array<std::string, 5>;  // what, parts, found, expected, chance

std::string chance_of(const std::optional<double>& log10_p) {
  if (!log10_p) return "";
  if (!std::isfinite(*log10_p)) return "p = 0";
  return fmt::format("p<1e{:.0f}", std::floor(*log10_p) + 1);
}

// A name without what stands in brackets behind it, as the centre of a mode does.
std::string without_brackets(const std::string& name) {
  const size_t at = name.find(" (");
  return at == 0 || !name.ends_with(")") ? name : name.substr(0, at);
}

// As many of the names as fit, and how many more there are: "Coat, Shirt, +3".
std::string names_within(const std::vector<std::string>& names, size_t columns) {
  if (names.empty()) return "all";
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string name = (i > 0 ? ", " : "") + without_brackets(readable_name(names[i]));
    const size_t left = names.size() - i - 1;
    const std::string rest = left > 0 ? fmt::format(", +{}", left) : "";
    if (characters(text) + characters(name) + rest.size() > columns && i > 0)
      return text + fmt::format(", +{}", left + 1);
    text += name;
  }
  return text;
}

std::string cut_to(const std::string& text, size_t columns) {
  if (characters(text) <= columns) return text;
  std::string out;
  size_t shown = 0;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (begins && ++shown > columns - std::min<size_t>(columns, 2)) break;
    out += c;
  }
  return out + "..";
}

std::string padded(const std::string& text, size_t columns) {
  const size_t shown = characters(text);
  return shown < columns ? text + std::string(columns - shown, ' ') : text;
}

// The findings that do not follow from the first, or all; how many are left out.
std::pair<std::vector<Finding>, size_t> listed(const VerdictText& verdict) {
  std::vector<Finding> rows = verdict.findings;
  if (!verdict.whole.empty())
    std::erase_if(rows, [](const Finding& each) { return each.explained; });
  return {rows, verdict.findings.size() - rows.size()};
}

std::string table_of(const VerdictText& verdict, size_t columns) {
  const auto [findings, follow] = listed(verdict);
  const size_t shown = std::min(findings.size(), kMostRows);
  std::vector<Row> rows{{"finding", "where", "found", "expected", "chance"}};
  for (size_t i = 0; i < shown; ++i) {
    const Finding& each = findings[i];
    rows.push_back({each.what.empty() ? state_in_words(each.kind, "") : each.what, "", each.found,
                    each.expected, chance_of(each.log10_p)});
  }
  std::array<size_t, 5> widths{};
  for (const Row& row : rows)
    for (size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], characters(row[k]));
  widths[0] = std::min(widths[0], kWidestWhat);
  // The names take what the others leave: a mark and a space at both ends of the row's columns.
  const auto left_by = [&](bool with_expected) {
    const size_t others =
        4 + widths[0] + widths[2] + (with_expected ? widths[3] + 2 : 0) + widths[4] + 3 * 2;
    return columns > others ? columns - others : 0;
  };
  // In a narrow terminal what is expected goes first, then the end of what was found.
  const bool with_expected = left_by(true) >= kNarrowestParts;
  if (left_by(with_expected) < kNarrowestParts) widths[0] = std::min(widths[0], kNarrowestWhat);
  const size_t room = std::max(kNarrowestParts, left_by(with_expected));
  for (size_t i = 0; i < shown; ++i)
    rows[i + 1][1] = cut_to(names_within(findings[i].parts, room), room);
  widths[1] = 0;
  for (const Row& row : rows) widths[1] = std::max(widths[1], characters(row[1]));
  std::string out;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string line = i == 0 ? "    " : findings[i - 1].state == "collapsed" ? "  x " : "  ! ";
    for (size_t k = 0; k < 5; ++k)
      if (k != 3 || with_expected) line += padded(cut_to(rows[i][k], widths[k]), widths[k]) + "  ";
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  if (shown < findings.size()) out += fmt::format("    and {} more\n", findings.size() - shown);
  if (follow > 0)
    out += fmt::format("    and {} that follow{} from it ({})\n", follow, follow == 1 ? "s" : "",
                       verdict.whole);
  return out;
}

std::string help_of(const VerdictText& verdict, size_t columns) {
  std::string out;
  for (size_t i = 0; i < verdict.help.size(); ++i) {
    const Suggestion& each = verdict.help[i];
    const std::string head = i == 0 ? "  try  " : "       ";
    const std::string line = head + each.change + (each.words.empty() ? "" : "  " + each.words);
    if (each.words.empty())
      out += head + wrapped(each.change, columns, "       ", head.size());
    else  // what is to be pasted stays in one line
      out += characters(line) <= columns ? line : head + each.change;
    out += "\n";
  }
  return out;
}

std::string named(const VerdictText& verdict) {
  const std::string kind =
      verdict.kind.empty() || verdict.kind == "none" ? "" : verdict.kind + ", ";
  return fmt::format("{}: {}{}", verdict.state, kind, verdict.brief);
}

std::string since_of(const VerdictText& verdict) {
  return verdict.since ? fmt::format("; since step {}", *verdict.since) : "";
}

}  // namespace

std::string brief_of(const std::string& reason) {
  return reason.substr(0, reason.find("; "));
}

std::string headline(const VerdictText& verdict, size_t columns, size_t used) {
  return wrapped(fmt::format("{}: {}{}", verdict.place, named(verdict), since_of(verdict)),
                 std::max(columns, kFewestColumns), "  ", used);
}

std::string repetition(const VerdictText& verdict, size_t columns, size_t used) {
  std::string place = verdict.place;
  if (const auto at = place.find("at step"); at != std::string::npos) place = place.substr(at);
  const std::string text = named(verdict);
  return wrapped(fmt::format("still {} {}{}{}", verdict.state, place,
                             text.substr(verdict.state.size()), since_of(verdict)),
                 std::max(columns, kFewestColumns), "  ", used);
}

std::string in_full(const VerdictText& verdict, size_t columns, size_t used) {
  std::string out = headline(verdict, columns, used) + "\n";
  if (!verdict.findings.empty()) out += table_of(verdict, columns);
  out += help_of(verdict, columns);
  if (find_kind(verdict.kind) != nullptr)
    out += fmt::format("  why  allmodes explain {}\n", verdict.kind);
  if (!verdict.see.empty()) out += fmt::format("  see  {}\n", verdict.see);
  return out;
}

void add_words(const VerdictText& verdict, nlohmann::ordered_json& json) {
  json["brief"] = verdict.brief;
  if (verdict.since) json["since"] = *verdict.since;
  auto& list = json["findings"] = nlohmann::ordered_json::array();
  for (const Finding& each : verdict.findings) {
    list.push_back({{"state", each.state},
                    {"kind", each.kind},
                    {"what", each.what},
                    {"parts", each.parts},
                    {"found", each.found},
                    {"expected", each.expected},
                    {"explained", each.explained}});
    if (each.log10_p && std::isfinite(*each.log10_p)) list.back()["log10_p"] = *each.log10_p;
  }
  auto& changes = json["try"] = nlohmann::ordered_json::array();
  for (const Suggestion& each : verdict.help)
    changes.push_back(each.change + (each.words.empty() ? "" : "  # " + each.words));
}

std::vector<Finding> findings_from(const nlohmann::json& list) {
  std::vector<Finding> findings;
  if (!list.is_array()) return findings;
  for (const auto& each : list) {
    try {
      findings.push_back({.state = each.at("state").get<std::string>(),
                          .kind = each.at("kind").get<std::string>(),
                          .what = each.at("what").get<std::string>(),
                          .parts = each.at("parts").get<std::vector<std::string>>(),
                          .found = each.at("found").get<std::string>(),
                          .expected = each.at("expected").get<std::string>(),
                          .log10_p = {},
                          .explained = each.value("explained", false)});
      if (each.contains("log10_p")) findings.back().log10_p = each.at("log10_p").get<double>();
    } catch (const nlohmann::json::exception&) {
      // A file of another version: the sentence says it too.
    }
  }
  return findings;
}

}  // namespace allmodes::report
