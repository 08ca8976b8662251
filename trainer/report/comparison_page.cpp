#include <fmt/format.h>

#include <algorithm>

#include "report/chart.h"
#include "report/page.h"
#include "report/page_sections.h"
#include "report/run_table.h"

namespace allmodes::report {
namespace {

constexpr size_t kMostCompared = 6;  // in one chart, and of pictures

std::string table_of_runs(const std::vector<RunView>& runs) {
  const auto rows = comparison_rows(runs);
  std::string out =
      "<section><h2>What differs, and what came</h2><div class=\"scroll\" tabindex=\"0\" "
      "role=\"region\" aria-label=\"Comparison\"><table><thead><tr>";
  for (const auto& cell : rows.front()) {
    out += cell.empty() ? "<td></td>" : fmt::format("<th scope=\"col\">{}</th>", escaped(cell));
  }
  out += "</tr></thead><tbody>";
  for (size_t i = 1; i < rows.size(); ++i) {
    out += fmt::format("<tr><th scope=\"row\">{}</th>", escaped(rows[i].front()));
    for (size_t j = 1; j < rows[i].size(); ++j)
      out += fmt::format("<td>{}</td>", escaped(rows[i][j]));
    out += "</tr>";
  }
  return out + "</tbody></table></div></section>\n";
}

std::string verdicts_of_runs(const std::vector<RunView>& runs,
                             const std::vector<std::string>& links) {
  std::string out = "<section><h2>Verdicts</h2><div class=\"grid2\">";
  for (size_t i = 0; i < runs.size(); ++i) {
    const VerdictAt none;
    const VerdictAt& last = runs[i].verdicts.empty() ? none : runs[i].verdicts.back();
    const std::string name = escaped(runs[i].name);
    out += fmt::format(
        "<div><h3>{}</h3>{}</div>",
        links[i].empty() ? name : fmt::format("<a href=\"{}\">{}</a>", escaped(links[i]), name),
        verdict_box(last, last.step > 0 ? fmt::format("judged at step {}", last.step) : "",
                    !runs[i].findings.empty()));
  }
  return out + "</div></section>\n";
}

// The figure `name` of each run as a chart: of its records of training, or of its evaluations.
std::string chart_over_runs(const std::vector<RunView>& runs, const std::string& title,
                            const std::string& name, bool evaluated) {
  std::vector<NamedCurve> curves;
  for (size_t i = 0; i < std::min(runs.size(), kMostCompared); ++i)
    curves.push_back(
        {runs[i].name, curve_of(evaluated ? runs[i].evaluations : runs[i].train, name)});
  return line_chart(title, std::move(curves), evaluated);
}

std::string curves_over_runs(const std::vector<RunView>& runs) {
  std::string out;
  for (const auto& [title, name] : {std::pair{"Modes covered", "modes_covered"},
                                    {"KL between the shares of modes, nats", "kl_reverse"},
                                    {"Precision", "precision"},
                                    {"Recall", "recall"},
                                    {"Coverage", "coverage"},
                                    {"Diversity, 1 is that of the reals", "diversity"},
                                    {"Active units", "active_units"},
                                    {"KL to the prior, nats", "kl_total"}})
    out += chart_over_runs(runs, title, name, true);
  std::vector<std::string> losses;
  for (const RunView& run : runs)
    if (!run.train.empty())
      for (const auto& [name, value] : run.train.back().values)
        if (name.starts_with("loss_") && std::ranges::find(losses, name) == losses.end())
          losses.push_back(name);
  for (const std::string& name : losses)
    out += chart_over_runs(runs, "Loss: " + name.substr(5), name, false);
  out += chart_over_runs(runs, "Samples per second", "samples_per_s", false);
  if (out.empty()) return "";
  const std::string some =
      runs.size() > kMostCompared
          ? fmt::format("<p class=\"quiet\">of the first {} runs</p>", kMostCompared)
          : "";
  return "<section><h2>Curves</h2>" + some + "<div class=\"grid2\">" + out + "</div></section>\n";
}

std::string samples_of_runs(const std::vector<RunView>& runs) {
  size_t room = kPictureBytes;
  std::string out;
  for (size_t i = 0; i < std::min(runs.size(), kMostCompared); ++i)
    if (const auto pictures = pictures_of(runs[i], "fakes"); !pictures.empty())
      out += picture_within(
          pictures.back().path,
          fmt::format("{}, samples at step {}", runs[i].name, pictures.back().step), room);
  if (out.empty()) return "";
  return "<section><h2>Samples</h2><div class=\"grid2\">" + out + "</div></section>\n";
}

}  // namespace

std::string comparison_page(const std::vector<RunView>& runs,
                            const std::vector<std::string>& links) {
  return page_head("Comparison · allmodes") +
         fmt::format("<header><h1>{} runs compared</h1></header><main>\n", runs.size()) +
         verdicts_of_runs(runs, links) + table_of_runs(runs) + curves_over_runs(runs) +
         samples_of_runs(runs) + "</main>" + page_end();
}

}  // namespace allmodes::report
