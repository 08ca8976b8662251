#include "report/page_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/durable_file.h"
#include "base/error.h"
#include "report/chart.h"

namespace allmodes::report {
namespace {

constexpr size_t kMostModes = 200;  // rows of the table

// The row of one mode: the bar is what was seen, the line across it what was expected.
std::string mode_row(const ModeShare& mode, double longest) {
  const auto percent = [&](double value) { return longest > 0 ? 100 * value / longest : 0; };
  return fmt::format(
      R"(<tr{}><td class="name">{}</td><td class="n" data-label="expected">{}</td><td class="n" data-label="seen">{}</td><td class="share"><div class="bar" aria-hidden="true"><i style="width:{:.1f}%"></i><u style="left:{:.1f}%"></u></div></td><td>{}</td></tr>)",
      mode.missing ? " class=\"lost\"" : "", escaped(mode.name), short_number(mode.expected),
      short_number(mode.observed), percent(mode.observed), percent(mode.expected),
      mode.missing ? (mode.note.empty() ? "missing" : "missing: " + escaped(mode.note)) : "");
}

std::string chance_on_page(const std::optional<double>& log10_p) {
  if (!log10_p) return "";
  if (!std::isfinite(*log10_p)) return "p = 0";
  return fmt::format("p &lt; 1e{:.0f}", std::floor(*log10_p) + 1);
}

}  // namespace

const char* mark_of(const std::string& state) {
  if (state == "collapsed") return "✕";
  if (state == "at_risk") return "!";
  return state == "healthy" ? "✓" : "·";
}

std::string verdict_box(const VerdictAt& verdict, const std::string& judged, bool brief) {
  std::string out = fmt::format(
      R"(<div class="verdict {0}"><p><strong><span class="mark" aria-hidden="true">{1}</span> {2}</strong></p>)",
      escaped(verdict.state), mark_of(verdict.state),
      escaped(state_in_words(verdict.state, verdict.kind)));
  const std::string said = brief ? brief_of(verdict.reason) : verdict.reason;
  if (!said.empty()) out += fmt::format("<p>{}</p>", escaped(said));
  if (said != verdict.reason)
    out += fmt::format("<details><summary>In full</summary><p>{}</p></details>",
                       escaped(verdict.reason));
  if (!judged.empty()) out += fmt::format("<p class=\"quiet\">{}</p>", escaped(judged));
  return out + "</div>";
}

std::string findings_table(std::span<const Finding> findings) {
  if (findings.empty()) return "";
  std::string out =
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"What was found\"><table class=\"stacked\">"
      "<caption>What was found, worst first</caption><thead><tr><th>finding</th><th>where</th>"
      "<th>found</th><th>expected</th><th>chance</th></tr></thead><tbody>";
  for (const Finding& each : findings) {
    std::string where;
    for (size_t i = 0; i < std::min<size_t>(each.parts.size(), 12); ++i)
      where += (i > 0 ? ", " : "") + each.parts[i];
    if (each.parts.size() > 12) where += fmt::format(" and {} more", each.parts.size() - 12);
    out += fmt::format(
        R"(<tr class="{}"><td><span class="mark" aria-hidden="true">{}</span> {}</td><td class="name">{}</td><td data-label="found">{}</td><td data-label="expected">{}</td><td class="chance">{}</td></tr>)",
        escaped(each.state), mark_of(each.state),
        escaped(each.what.empty() ? state_in_words(each.kind, "") : each.what),
        escaped(where.empty() ? "all" : where), escaped(each.found), escaped(each.expected),
        chance_on_page(each.log10_p));
  }
  return out + "</tbody></table></div>";
}

std::string advice(std::span<const Suggestion> help, const std::string& name) {
  std::string out;
  for (const auto& each : help) {
    // Of a model that is not known it is a sentence, no word of a command line.
    const char* tag = each.change.starts_with("--") ? "code" : "span";
    out += fmt::format("<p><b>Try</b> <{0}>{1}</{0}> {2}</p>", tag, escaped(each.change),
                       escaped(each.words));
  }
  if (const Kind* kind = find_kind(name))
    out += fmt::format(
        "<details><summary>What {} means</summary><p>{}</p><p><b>How it is seen.</b> {}</p>"
        "<p><b>What else looks like it.</b> {}</p><p><code>allmodes explain "
        "{}</code></p></details>",
        escaped(name), escaped(kind->meaning), escaped(kind->measured), escaped(kind->otherwise),
        escaped(name));
  return out;
}

std::string modes_section(std::vector<ModeShare> modes) {
  if (modes.empty()) return "";
  std::ranges::stable_sort(modes, [](const ModeShare& a, const ModeShare& b) {
    if (a.missing != b.missing) return a.missing;
    return a.observed * b.expected < b.observed * a.expected;
  });
  double longest = 0;
  for (const auto& mode : modes) longest = std::max({longest, mode.expected, mode.observed});
  std::string out =
      "<section><h2>Modes: expected and observed samples</h2><p class=\"quiet\">Bar: seen. Line "
      "across it: expected.</p><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
      "aria-label=\"Modes\"><table class=\"stacked\"><thead><tr><th>mode</th><th class=\"n\">expected</th>"
      "<th class=\"n\">seen</th><th>share</th><th>verdict</th></tr></thead><tbody>";
  const size_t shown = std::min(modes.size(), kMostModes);
  for (size_t i = 0; i < shown; ++i) out += mode_row(modes[i], longest);
  out += "</tbody></table></div>";
  if (shown < modes.size())
    out +=
        fmt::format("<p class=\"quiet\">and {} more, with larger shares</p>", modes.size() - shown);
  return out + "</section>\n";
}

std::string picture_within(const std::filesystem::path& path, const std::string& title,
                           size_t& room) {
  try {
    const std::string png = read_file(path, room);
    room -= png.size();
    return fmt::format(
        R"(<figure class="chart samples"><figcaption>{0}</figcaption><img alt="{0}" src="data:image/png;base64,{1}"></figure>)",
        escaped(title), base64(png));
  } catch (const Error&) {
    return "";  // too large, or not there
  }
}

}  // namespace allmodes::report
