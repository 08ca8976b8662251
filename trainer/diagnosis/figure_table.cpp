#include "diagnosis/figure_table.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>

#include "base/error.h"
#include "diagnosis/figures.h"
#include "diagnostics/verdict/lost_rows.h"

namespace allmodes::diagnosis {
namespace {

// Name, value and interval leave so many of 80 columns.
constexpr size_t kBesideColumns = 22;

const records::Figure& figure_of(const Line& line, const records::FigureTables& figures) {
  const records::Figure* figure = records::find_figure(figures, "diagnosis", line.name);
  ALLMODES_CHECK(figure != nullptr, "nobody describes the figure '{}'", line.name);
  return *figure;
}

// What the figure is beside, where that is short: of these very samples, else as it is described.
std::string short_beside(const Line& line, const records::FigureTables& figures) {
  if (!line.brief.empty()) return line.brief;
  if (!line.beside.empty()) return line.beside.size() <= kBesideColumns ? line.beside : "";
  // "0; measured": what stands before the first mark.
  const std::string_view equal = figure_of(line, figures).equal;
  const std::string said = fmt::format("{} when equal", equal.substr(0, equal.find_first_of(",;")));
  return !equal.empty() && said.size() <= kBesideColumns ? said : "";
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::string caption_of(const Line& line, const records::FigureTables& figures) {
  const records::Figure& figure = figure_of(line, figures);
  std::string caption;
  if (line.interval)
    caption = fmt::format("{:.4g} to {:.4g} (99 %, {}); ", line.interval->low, line.interval->high,
                          line.interval->method);
  if (line.beside.empty()) return caption + records::meaning_of(figure);
  return caption + records::caption_of(figure) + "; " + line.beside;
}

std::vector<Line> lines_of_each(const Diagnosis& diagnosis) {
  std::vector<Line> lines;
  const auto& modes = diagnosis.evidence.modes;
  if (modes && modes->names.size() == diagnosis.class_coverage.size())
    for (size_t i = 0; i < modes->names.size(); ++i)
      lines.push_back(
          {.name = "class " + modes->names[i],
           .value = diagnosis.class_coverage[i],
           .beside = fmt::format("covered; {} of {:.4g}", modes->observed[i],
                                 modes->expected_share[i] * static_cast<double>(modes->samples)),
           .interval = diagnosis.class_intervals[i]});
  for (size_t i = 0; i < diagnosis.kl_per_dimension.size(); ++i) {
    lines.push_back({.name = fmt::format("kl of dimension {}", i),
                     .value = diagnosis.kl_per_dimension[i],
                     .beside = "nats"});
    if (i < diagnosis.kl_intervals.size()) lines.back().interval = diagnosis.kl_intervals[i];
  }
  for (const auto* part : diagnostics::lost_parts(diagnosis.evidence, diagnosis.verdict))
    lines.push_back(
        {.name = part->name,
         .value = part->made,
         .beside = fmt::format("{:.4f} of the data", part->share),
         .interval = diagnostics::Interval{part->made_low, part->made_high, "Clopper-Pearson"}});
  return lines;
}

TextTable::TextTable(bool verbose) : verbose_(verbose), figures_(figure_tables()) {}

void TextTable::add(const Line& line) {
  if (!line.printed) return;
  if (std::isnan(line.value)) {
    lines_ += fmt::format("  {:<22} {:>9}  too many features\n", line.name, "-");
  } else if (verbose_) {
    lines_ +=
        fmt::format("  {:<22} {:>11.5g}  {}\n", line.name, line.value, caption_of(line, figures_));
  } else {
    add_plain(line, short_beside(line, figures_));
  }
}

void TextTable::add_plain(const Line& line, const std::string& beside) {
  std::string range;
  if (line.interval) {
    const std::string& method = line.interval->method;
    const auto letter = static_cast<char>(
        std::tolower(static_cast<unsigned char>(method.empty() ? '?' : method[0])));
    range = fmt::format("{:.3g} to {:.3g} {}", line.interval->low, line.interval->high, letter);
    methods_[letter] = method;
  }
  lines_ +=
      trimmed(fmt::format("  {:<22} {:>9.4g}  {:<21} {}", line.name, line.value, range, beside));
}

std::string TextTable::text() const {
  if (verbose_ || lines_.empty()) return lines_;
  std::string list;
  for (const auto& [letter, method] : methods_)
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", letter, method);
  return trimmed(fmt::format("  {:<22} {:>9}  {:<21} {}", "figure", "value",
                             methods_.empty() ? "" : "99 % interval", "when equal")) +
         lines_ + (list.empty() ? "" : "  intervals: " + list + "\n") +
         "  what each is: allmodes explain FIGURE, or --verbose\n";
}

}  // namespace allmodes::diagnosis
