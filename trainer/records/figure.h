#pragma once

// What each number of a record means, said once: docs/records.md, `allmodes explain FIGURE`, the
// captions of reports and the table of `allmodes diagnose` are made from it. The descriptions stand
// in the files that measure the figures.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace allmodes::records {

struct Figure {
  // As in the record. Words in capitals stand for any name: "loss_NAME", "gradient_norm_NETWORK".
  std::string_view name;
  std::string_view unit;     // "nats", "ms", "samples", "share", "names"; "": a plain number
  std::string_view range;    // "[0, 1]"; "": none that says something
  std::string_view equal;    // of samples distributed as the data; "": the question has no sense
  std::string_view meaning;  // one sentence without its full stop
};

// Figures of one kind of record that one place makes.
struct FigureTable {
  std::string_view
      record;  // "data", "from", "train", "evaluation", "verdict", "rollback", "diagnosis"
  std::string_view maker;  // the collector's name; "" where the record's name says it
  std::span<const Figure> figures;
};
using FigureTables = std::vector<FigureTable>;

// The figure that is written under `name` into a record of that kind; where that kind has none of
// this name, another kind's. Null for a name that nobody describes.
const Figure* find_figure(const FigureTables& tables, std::string_view record,
                          std::string_view name);

// "share of samples in the ball of some real", for beside a number.
std::string caption_of(const Figure& figure);

// The same with what it is for equal sets: "...; 0 when equal".
std::string meaning_of(const Figure& figure);

// All that is said of the figures called `name`, of every kind of record; "" where there is none.
std::string explain_figure(const FigureTables& tables, std::string_view name);

// All names, in order.
std::vector<std::string> figure_names(const FigureTables& tables);

// The page docs/records.md.
std::string figures_page(const FigureTables& tables);

}  // namespace allmodes::records
