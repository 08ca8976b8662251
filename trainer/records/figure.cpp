#include "records/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace allmodes::records {
namespace {

bool is_capital(char c) {
  return c >= 'A' && c <= 'Z';
}

// Whether `name` is what `pattern` stands for: each run of capitals is one character or more.
bool fits(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (!is_capital(pattern.front()))
    return !name.empty() && name.front() == pattern.front() &&
           fits(pattern.substr(1), name.substr(1));
  const auto rest = std::ranges::find_if_not(pattern, is_capital) - pattern.begin();
  for (size_t taken = 1; taken <= name.size(); ++taken)
    if (fits(pattern.substr(static_cast<size_t>(rest)), name.substr(taken))) return true;
  return false;
}

// An exact name goes before one with a placeholder.
const Figure* find_in(const FigureTable& table, std::string_view name) {
  const auto exact = std::ranges::find(table.figures, name, &Figure::name);
  if (exact != table.figures.end()) return &*exact;
  const auto fitting = std::ranges::find_if(
      table.figures, [&](const Figure& figure) { return fits(figure.name, name); });
  return fitting == table.figures.end() ? nullptr : &*fitting;
}

std::string for_cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

}  // namespace

const Figure* find_figure(const FigureTables& tables, std::string_view record,
                          std::string_view name) {
  for (const bool same_kind : {true, false})
    for (const FigureTable& table : tables)
      if ((table.record == record) == same_kind)
        if (const Figure* found = find_in(table, name)) return found;
  return nullptr;
}

std::string caption_of(const Figure& figure) {
  // Units that are counted read on into the sentence: "share of ...", "names of ...".
  static constexpr std::string_view kCounted[] = {"share", "names", "samples", "modes", "images"};
  if (figure.unit.empty()) return std::string(figure.meaning);
  const bool counted = std::ranges::find(kCounted, figure.unit) != std::end(kCounted);
  return fmt::format("{}{} {}", figure.unit, counted ? "" : ",", figure.meaning);
}

std::string meaning_of(const Figure& figure) {
  const std::string caption = caption_of(figure);
  return figure.equal.empty() ? caption : fmt::format("{}; {} when equal", caption, figure.equal);
}

std::string explain_figure(const FigureTables& tables, std::string_view name) {
  std::string text;
  for (const FigureTable& table : tables) {
    const Figure* figure = find_in(table, name);
    if (figure == nullptr) continue;
    text += fmt::format("{}\n  figure of {}{}\n", figure->name, table.record,
                        table.maker.empty() ? "" : fmt::format(" ({})", table.maker));
    const auto line = [&](std::string_view what, std::string_view said) {
      if (!said.empty()) text += fmt::format("  {}: {}\n", what, said);
    };
    line("unit", figure->unit);
    line("range", figure->range);
    line("equal distributions", figure->equal);
    text += fmt::format("  {}.\n", figure->meaning);
  }
  return text;
}

std::vector<std::string> figure_names(const FigureTables& tables) {
  std::vector<std::string> names;
  for (const FigureTable& table : tables)
    for (const Figure& figure : table.figures) names.emplace_back(figure.name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

std::string figures_page(const FigureTables& tables) {
  std::string text =
      "# The lines of records.jsonl\n\n"
      "<!-- Made by `allmodes explain --figures`; edit the descriptions beside the code. -->\n\n"
      "Every line of `records.jsonl` begins with `record` (its kind), `step`, `samples` (seen over "
      "all\nranks) and `time_s` (since the start, evaluations and pictures included, earlier parts "
      "of a resumed\nrun too). A number that is not finite is `null` and has a neighbour "
      "`NAME_nonfinite` that says `nan`\nor `inf`. Capitals stand for names. *Equal*: what the "
      "figure is for samples that are distributed as\nthe data. `allmodes explain FIGURE` prints "
      "one of them; what they mean together says\n[diagnostics.md](diagnostics.md). What "
      "`diagnosis` has is in `diagnosis.json` and printed by\n`allmodes diagnose`, beside figures "
      "of evaluations of the same names.\n";
  std::string_view record;
  for (const FigureTable& table : tables) {
    if (table.figures.empty()) continue;
    if (table.record != record) text += fmt::format("\n## {}\n", table.record);
    record = table.record;
    if (!table.maker.empty()) text += fmt::format("\n### Collector `{}`\n", table.maker);
    text += "\n| figure | unit | range | equal | what |\n|---|---|---|---|---|\n";
    for (const Figure& figure : table.figures)
      text += fmt::format("| `{}` | {} | {} | {} | {} |\n", figure.name, for_cell(figure.unit),
                          for_cell(figure.range), for_cell(figure.equal), for_cell(figure.meaning));
  }
  return text;
}

}  // namespace allmodes::records
