#include "diagnosis/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diagnosis/figure_table.h"
#include "diagnosis/figures.h"
#include "report/chart.h"
#include "report/page.h"
#include "report/page_sections.h"

namespace allmodes::diagnosis {
namespace {

std::vector<report::ModeShare> mode_shares(const Diagnosis& diagnosis) {
  std::vector<report::ModeShare> shares;
  const auto& modes = diagnosis.evidence.modes;
  if (!modes) return shares;
  const auto& missing = diagnosis.verdict.missing;
  for (size_t i = 0; i < modes->names.size(); ++i) {
    const auto is_it = [&](const auto& mode) { return mode.mode == static_cast<int64_t>(i); };
    shares.push_back({.name = modes->names[i],
                      .expected = modes->expected_share[i] * static_cast<double>(modes->samples),
                      .observed = static_cast<double>(modes->observed[i]),
                      .missing = std::ranges::any_of(missing, is_it)});
  }
  return shares;
}

// `head` and `rows` are cells and rows of HTML; "" without rows.
std::string table_section(const char* title, const char* head, const std::string& rows) {
  if (rows.empty()) return "";
  return fmt::format(
      "<section><h2>{0}</h2><div class=\"scroll\" tabindex=\"0\" role=\"region\" "
      "aria-label=\"{0}\"><table><thead><tr>{1}</tr></thead><tbody>{2}</tbody></table></div>"
      "</section>\n",
      title, head, rows);
}

std::string figures_section(const Diagnosis& diagnosis) {
  const auto figures = figure_tables();
  std::string rows;
  for (const Line& line : diagnosis.lines) {
    if (!line.printed) continue;
    std::string name = line.name;
    std::ranges::replace(name, '_', ' ');
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td>{}</td></tr>",
                        report::escaped(name),
                        std::isnan(line.value) ? "-" : report::short_number(line.value),
                        report::escaped(caption_of(line, figures)));
  }
  return table_section("Figures",
                       "<th scope=\"col\">figure</th><th scope=\"col\" class=\"n\">value</th>"
                       "<th scope=\"col\">meaning</th>",
                       rows);
}

// Classes, parts and dimensions, each with its interval.
std::string each_section(const Diagnosis& diagnosis) {
  std::string rows;
  for (const Line& line : lines_of_each(diagnosis))
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
        report::escaped(line.name), report::short_number(line.value),
        line.interval ? report::escaped(fmt::format("{:.4g} to {:.4g} ({})", line.interval->low,
                                                    line.interval->high, line.interval->method))
                      : "-",
        report::escaped(line.beside));
  return table_section("One by one",
                       "<th scope=\"col\">what</th><th scope=\"col\" class=\"n\">value</th>"
                       "<th scope=\"col\">99 % interval</th><th scope=\"col\">beside</th>",
                       rows);
}

std::string pictures_section(const std::vector<DrawnPicture>& pictures) {
  size_t room = report::kPictureBytes;
  std::string out;
  for (const auto& picture : pictures)
    out += report::picture_within(picture.path, picture.title, room);
  if (out.empty()) return "";
  return "<section><h2>Pictures</h2><div class=\"grid2\">" + out + "</div></section>\n";
}

}  // namespace

std::string diagnosis_page(const Diagnosis& diagnosis, const std::vector<DrawnPicture>& pictures) {
  const auto& verdict = diagnosis.verdict;
  const auto words = verdict_words(diagnosis);
  const report::VerdictAt at{
      .state = to_string(verdict.state), .kind = verdict.kind, .reason = verdict.reason};
  std::string out = report::page_head("Diagnosis · allmodes");
  out +=
      fmt::format("<header><h1>Diagnosis</h1><p class=\"quiet\">{} samples{}, features: {}</p>",
                  diagnosis.samples,
                  diagnosis.reals > 0 ? fmt::format(" beside {} real ones", diagnosis.reals) : "",
                  report::escaped(diagnosis.features));
  out += report::verdict_box(at, "", !words.findings.empty()) +
         report::findings_table(words.findings) + report::advice(words.help, verdict.kind) +
         "</header>\n<main>";
  out += report::modes_section(mode_shares(diagnosis)) + pictures_section(pictures) +
         figures_section(diagnosis) + each_section(diagnosis);
  return out + "<p>The same as numbers: <a href=\"diagnosis.json\">diagnosis.json</a></p></main>" +
         report::page_end();
}

}  // namespace allmodes::diagnosis
