#pragma once

// The figures of a diagnosis as lines of text.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/diagnosis.h"

namespace allmodes::diagnosis {

// What the figure means, and what it is of equal distributions: of these very samples where that is
// known.
std::string caption_of(const Line& line, const records::FigureTables& figures);

// Of each class its coverage, of each dimension of a posterior its KL, of each part that is said to
// be lost its share of the samples: with intervals, and what each is beside. They have no
// description of their own.
std::vector<Line> lines_of_each(const Diagnosis& diagnosis);

// One line a figure: its value, its 99 % interval with a letter for the method, and what it is
// beside, in at most 80 columns. `verbose`: with the figure's whole description instead, as on the
// page, in lines of any length.
class TextTable {
 public:
  explicit TextTable(bool verbose);

  // A figure that is described; nothing where it is not printed.
  void add(const Line& line);
  // As it stands, without a description, beside what is said.
  void add_plain(const Line& line, const std::string& beside);

  // With a heading, and what the letters mean. Empty without lines.
  std::string text() const;

 private:
  bool verbose_;
  records::FigureTables figures_;
  std::string lines_;
  std::map<char, std::string> methods_;
};

}  // namespace allmodes::diagnosis
