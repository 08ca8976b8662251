#pragma once

// Tables of numbers and categories as text: CSV with a header.

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace allmodes::data {

// Rows of fields. Fields are separated by commas, semicolons or tabs, whichever the header has most
// of; a field in double quotes may hold separators, line ends and doubled quotes (RFC 4180). A byte
// order mark and Windows line ends are taken off.
struct TextTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  // each of header.size() fields
  std::vector<int64_t> lines;                  // of each row in the file, from 1
};

// Throws kDataError ("PATH:LINE: REASON") for rows of another length than the header's, a quote
// that does not end, or a table without rows.
TextTable parse_table(const std::string& path, const std::string& text);

// The table at data.path, plain or gzip. Columns whose fields are all numbers become one
// coordinate, with data.standardize brought to mean 0 and deviation 1 (column_scale() undoes it);
// other columns are categories, one coordinate of 0 or 1 for each, sorted. data.label_column is the
// class instead. Missing fields (empty, NA, NaN, null, ?) of numbers are refused with their column,
// number and first line; of categories they are a category of their own. Throws kNoInput,
// kDataError, and kConfiguration when there is no such column.
std::unique_ptr<Dataset> read_table(const config::Data& data);

}  // namespace allmodes::data
