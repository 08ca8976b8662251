#pragma once

// Tables of numbers and categories as text (text_table.h).

#include <memory>

#include "data/dataset.h"

namespace allmodes::data {

// The table at data.path, plain or gzip. Columns whose fields are all numbers become one
// coordinate, with data.standardize brought to mean 0 and deviation 1 (column_scale() undoes it);
// other columns are categories, one coordinate of 0 or 1 for each, sorted. data.label_column is the
// class instead. A column without a name that counts the rows (a data frame's index) or is empty
// (a separator at the ends of the lines) is left out and said. Missing fields (empty, NA, NaN,
// null, ?) of numbers are refused with their column, number and first line; of categories they are
// a category of their own. Throws kNoInput, kDataError, and kConfiguration when there is no such
// column.
std::unique_ptr<Dataset> read_table(const config::Data& data);

}  // namespace allmodes::data
