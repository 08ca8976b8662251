#include "data/table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "data/array_dataset.h"
#include "data/input_file.h"
#include "data/registry.h"
#include "data/text_table.h"

namespace allmodes::data {
namespace {

// A column of more different texts names things, it does not sort them.
constexpr size_t kMostCategories = 100;

bool is_missing(const std::string& field) {
  std::string lower = field;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower.empty() || lower == "na" || lower == "nan" || lower == "null" || lower == "n/a" ||
         lower == "?";
}

// Coordinates that grow column by column.
struct Coordinates {
  std::vector<std::vector<float>> columns;
  ColumnScale scale;

  void add(const std::string& name, std::vector<float> values, double mean, double deviation) {
    columns.push_back(std::move(values));
    scale.names.push_back(name);
    scale.mean.push_back(static_cast<float>(mean));
    scale.deviation.push_back(static_cast<float>(deviation));
  }
};

class TableReader {
 public:
  TableReader(const config::Data& data, TextTable table) : data_(data), table_(std::move(table)) {}

  std::unique_ptr<Dataset> read() {
    remark_on_header();
    refuse_equal_names();
    for (size_t c = 0; c < table_.header.size(); ++c) {
      if (!data_.label_column.empty() && table_.header[c] == data_.label_column)
        labels_ = classes_of(c);
      else if (!is_left_out(c))
        add_column(c);
    }
    if (!data_.label_column.empty() && labels_.names.empty())
      ALLMODES_FAIL(ExitCode::kConfiguration,
                    "data.label_column: {} has no column '{}' (it has {})", data_.path,
                    data_.label_column, fmt::join(table_.header, ", "));
    if (coordinates_.columns.empty())
      ALLMODES_FAIL(ExitCode::kDataError, "{}: no column beside the classes", data_.path);
    const size_t width = coordinates_.columns.size();
    std::vector<float> values(table_.rows.size() * width);
    for (size_t c = 0; c < width; ++c)
      for (size_t r = 0; r < table_.rows.size(); ++r)
        values[r * width + c] = coordinates_.columns[c][r];
    remark_on_columns();
    StoredFacts facts{.remarks = std::move(remarks_), .scale = std::move(coordinates_.scale)};
    return make_array_dataset(data_.path, {.channels = static_cast<int64_t>(width)},
                              std::move(values), std::move(labels_), std::nullopt,
                              std::move(facts));
  }

 private:
  const std::string& field(size_t row, size_t column) const { return table_.rows[row][column]; }

  void remark_on_header() {
    if (!table_.has_header)
      remarks_.push_back(
          fmt::format("its first line holds numbers alone and is taken for a row; the columns are "
                      "called 1 to {}",
                      table_.header.size()));
    else if (number_of(table_.header[0]))
      remarks_.push_back(fmt::format("its first line ({}) is taken for the names of its columns",
                                     shortened(table_.header)));
  }

  void refuse_equal_names() const {
    std::map<std::string, size_t> places;
    for (size_t c = 0; c < table_.header.size(); ++c) {
      if (table_.header[c].empty()) continue;
      const auto [first, is_new] = places.emplace(table_.header[c], c);
      if (!is_new)
        ALLMODES_FAIL(ExitCode::kDataError,
                      "{}: the columns {} and {} are both called '{}'; give one another name, or "
                      "take it away",
                      data_.path, first->second + 1, c + 1, table_.header[c]);
    }
  }

  void remark_on_columns() {
    const auto say = [&](const char* kind, const std::vector<std::string>& names) {
      if (!names.empty())
        remarks_.push_back(fmt::format("{} {} {}: {}", names.size(),
                                       names.size() == 1 ? "column of" : "columns of", kind,
                                       shortened(names)));
    };
    say("numbers", numbers_);
    say("categories", categories_);
  }

  // The names, of many the first ones and the last.
  static std::string shortened(const std::vector<std::string>& names) {
    constexpr size_t kShown = 8;
    if (names.size() <= kShown) return fmt::format("{}", fmt::join(names, ", "));
    return fmt::format("{}, ..., {}", fmt::join(names.begin(), names.begin() + (kShown - 1), ", "),
                       names.back());
  }

  bool is_left_out(size_t c) {
    if (!table_.header[c].empty()) return false;
    bool empty = true;
    bool counts = true;
    for (size_t r = 0; r < table_.rows.size(); ++r) {
      empty = empty && field(r, c).empty();
      counts = counts && number_of(field(r, c)) == static_cast<double>(r);
    }
    if (empty || counts)
      remarks_.push_back(fmt::format("column {} has no name and {}; it is left out", c + 1,
                                     empty ? "is empty" : "counts the rows"));
    return empty || counts;
  }

  void add_column(size_t c) {
    size_t numbers = 0;
    size_t missing = 0;
    size_t first_missing = 0;
    for (size_t r = 0; r < table_.rows.size(); ++r) {
      if (number_of(field(r, c))) {
        ++numbers;
      } else if (is_missing(field(r, c)) && missing++ == 0) {
        first_missing = r;
      }
    }
    if (numbers == 0 || numbers + missing < table_.rows.size()) return add_categories(c);
    if (missing > 0)
      ALLMODES_FAIL(
          ExitCode::kDataError,
          "{}:{}: the column '{}' has no number here, and in {} of {} rows; fill them in, "
          "or take these rows or the column away",
          data_.path, table_.lines[first_missing], table_.header[c], missing, table_.rows.size());
    add_numbers(c);
  }

  static bool counts_rows(const std::vector<double>& values) {
    for (size_t r = 0; r < values.size(); ++r)
      if (values[r] != values[0] + static_cast<double>(r)) return false;
    return true;
  }

  void add_numbers(size_t c) {
    const auto count = static_cast<double>(table_.rows.size());
    numbers_.push_back(table_.header[c]);
    std::vector<double> values;
    double sum = 0;
    for (size_t r = 0; r < table_.rows.size(); ++r) {
      values.push_back(*number_of(field(r, c)));
      sum += values.back();
    }
    if (values.size() > 2 && counts_rows(values))
      remarks_.push_back(fmt::format(
          "the column '{}' counts the rows; take it away if it is no data", table_.header[c]));
    const double mean = data_.standardize ? sum / count : 0;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    double deviation = data_.standardize ? std::sqrt(squares / count) : 1;
    if (!(deviation > 0)) {
      remarks_.push_back(fmt::format("the column '{}' is constant", table_.header[c]));
      deviation = 1;
    }
    std::vector<float> out;
    for (const double value : values) out.push_back(static_cast<float>((value - mean) / deviation));
    coordinates_.add(table_.header[c], std::move(out), mean, deviation);
  }

  void add_categories(size_t c) {
    const Labels categories = classes_of(c);
    if (categories.names.size() > kMostCategories) refuse_texts(c, categories.names.size());
    categories_.push_back(fmt::format("{} ({})", table_.header[c], categories.names.size()));
    for (size_t k = 0; k < categories.names.size(); ++k) {
      std::vector<float> is;
      for (const int32_t label : categories.values)
        is.push_back(label == static_cast<int32_t>(k) ? 1.0F : 0.0F);
      coordinates_.add(fmt::format("{}={}", table_.header[c], categories.names[k]), std::move(is),
                       0, 1);
    }
  }

  // A column of so many different texts, which are names or numbers of another kind.
  [[noreturn]] void refuse_texts(size_t c, size_t different) const {
    const auto is_number = [&](const auto& row) { return number_of(row[c]).has_value(); };
    const auto numbers = static_cast<size_t>(std::ranges::count_if(table_.rows, is_number));
    const auto first =
        static_cast<size_t>(std::ranges::find_if(table_.rows,
                                                 [&](const auto& row) {
                                                   return !number_of(row[c]) && !is_missing(row[c]);
                                                 }) -
                            table_.rows.begin());
    const std::string& text = field(first, c);
    const bool digits = text.find_first_not_of("+-0123456789,. ") == std::string::npos &&
                        text.find_first_of("0123456789") != std::string::npos;
    const std::string what =
        numbers > 0 ? fmt::format("is no finite number, and {} of {} rows have none",
                                  table_.rows.size() - numbers, table_.rows.size())
                    : fmt::format("is no number, and the column has {} different texts", different);
    ALLMODES_FAIL(ExitCode::kDataError, "{}:{}: '{}' in the column '{}' {}; {}", data_.path,
                  table_.lines[first], text, table_.header[c], what,
                  digits        ? "write numbers with a point for decimals and nothing between "
                                  "thousands"
                  : numbers > 0 ? "mend these rows or take them away"
                                : "take the column away if it only names the rows");
  }

  // The different texts of a column, sorted, and which one each row has.
  Labels classes_of(size_t c) const {
    std::set<std::string> names;
    for (const auto& row : table_.rows) names.insert(row[c]);
    Labels labels{.values = {}, .names = {names.begin(), names.end()}};
    for (const auto& row : table_.rows)
      labels.values.push_back(static_cast<int32_t>(std::ranges::lower_bound(labels.names, row[c]) -
                                                   labels.names.begin()));
    return labels;
  }

  const config::Data& data_;
  TextTable table_;
  Labels labels_;
  Coordinates coordinates_;
  std::vector<std::string> numbers_;     // columns of numbers
  std::vector<std::string> categories_;  // columns of categories, each with how many
  std::vector<std::string> remarks_;
};

std::string whole_text(const std::string& path) {
  InputFile file(path);
  std::string text;
  std::vector<char> block(1U << 20);
  // A file of known size is read at once, gzip data as it arrives.
  for (uint64_t left = file.compressed() ? UINT64_MAX : file.file_bytes(); left > 0;) {
    const uint64_t got = file.read_up_to(block.data(), std::min<uint64_t>(left, block.size()));
    if (got == 0) break;
    text.append(block.data(), got);
    left -= got;
    require_memory(1, text.size(), path);
  }
  return text;
}

}  // namespace

std::unique_ptr<Dataset> read_table(const config::Data& data) {
  return TableReader(data, parse_table(data.path, valid_utf8(whole_text(data.path)))).read();
}

namespace {

constexpr std::string_view kTableFields[] = {"path", "label_column", "standardize"};

}  // namespace

extern const DatasetRow kTableDataset{
    .name = "table",
    .summary = "rows of a CSV file with a header: numbers and categories",
    .fields = kTableFields,
    .held_out = false,
    .build = [](const config::Data& d, uint64_t, Split) {
      needed_path(d);
      return read_table(d);
    }};

}  // namespace allmodes::data
