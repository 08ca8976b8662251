#pragma once

// Rows of fields in text: CSV as spreadsheets and programs write it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace allmodes::data {

// Fields are separated by commas, semicolons or tabs, whichever the first line has most of; by
// blanks where it has none of these and holds numbers alone (as numpy.savetxt writes). A field in
// double quotes may hold separators, line ends and doubled quotes (RFC 4180). A byte order mark,
// Windows line ends and lines before the table that begin with '#' are taken off; such a line that
// has as many fields as the next one is the header.
struct TextTable {
  // Where the first line holds nothing but numbers it is a row, and the columns are called 1, 2,
  // ... Numbers that count the columns, from 0 or 1 on, are a header, though (as pandas writes for
  // columns without names).
  std::vector<std::string> header;
  bool has_header = true;
  std::vector<std::vector<std::string>> rows;  // each of header.size() fields
  std::vector<int64_t> lines;                  // of each row in the file, from 1
};

// Throws kDataError ("PATH:LINE: REASON") for rows of another length than the first line's, a quote
// that does not end, or a table without rows.
TextTable parse_table(const std::string& path, const std::string& text);

// The field as a finite number, with a point for decimals; nothing where it is none.
std::optional<double> number_of(const std::string& field);

}  // namespace allmodes::data
