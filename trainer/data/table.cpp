#include "data/table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "data/array_dataset.h"
#include "data/input_file.h"
#include "data/registry.h"

namespace allmodes::data {
namespace {

// A column of more different texts names things, it does not sort them.
constexpr size_t kMostCategories = 100;

class TableParser {
 public:
  TableParser(const std::string& path, const std::string& text) : path_(path), text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    const std::string_view first = std::string_view(text_).substr(at_, text_.find('\n', at_) - at_);
    int64_t most = -1;
    for (const char c : {',', ';', '\t'}) {
      const auto count = std::ranges::count(first, c);
      if (count > most) separator_ = c;
      most = std::max<int64_t>(most, count);
    }
  }

  TextTable parse() {
    TextTable table;
    table.header = row();
    while (at_ < text_.size()) {
      const int64_t line = line_;
      std::vector<std::string> fields = row();
      if (fields.size() == 1 && fields[0].empty()) continue;
      if (fields.size() != table.header.size())
        fail(line,
             fmt::format("{} fields, but the header has {}", fields.size(), table.header.size()));
      table.rows.push_back(std::move(fields));
      table.lines.push_back(line);
    }
    if (table.rows.empty()) fail(line_, "a header and at least one row were expected");
    return table;
  }

 private:
  [[noreturn]] void fail(int64_t line, const std::string& message) const {
    ALLMODES_FAIL(ExitCode::kDataError, "{}:{}: {}", path_, line, message);
  }

  std::vector<std::string> row() {
    std::vector<std::string> fields;
    for (;;) {
      fields.push_back(field());
      if (at_ >= text_.size()) return fields;
      if (text_[at_] == separator_) {
        ++at_;
        continue;
      }
      if (text_[at_] == '\r') ++at_;
      if (at_ < text_.size() && text_[at_] == '\n') ++at_;
      ++line_;
      return fields;
    }
  }

  std::string field() {
    if (at_ < text_.size() && text_[at_] == '"') return quoted();
    std::string out;
    while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' &&
           text_[at_] != '\r')
      out += text_[at_++];
    const size_t begin = out.find_first_not_of(' ');
    return begin == std::string::npos ? ""
                                      : out.substr(begin, out.find_last_not_of(' ') - begin + 1);
  }

  std::string quoted() {
    const int64_t line = line_;
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') {
          ++at_;
          while (at_ < text_.size() && text_[at_] == ' ') ++at_;
          if (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n' &&
              text_[at_] != '\r')
            fail(line_, "the field goes on behind its closing quote");
          return out;
        }
        ++at_;
      }
      if (text_[at_] == '\n') ++line_;
      out += text_[at_];
    }
    fail(line, "a quote that does not end");
  }

  const std::string& path_;
  const std::string& text_;
  size_t at_ = 0;
  int64_t line_ = 1;
  char separator_ = ',';
};

bool is_missing(const std::string& field) {
  std::string lower = field;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return lower.empty() || lower == "na" || lower == "nan" || lower == "null" || lower == "n/a" ||
         lower == "?";
}

std::optional<double> number_of(const std::string& field) {
  char* end = nullptr;
  const double value = std::strtod(field.c_str(), &end);
  if (field.empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
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
    for (size_t c = 0; c < table_.header.size(); ++c) {
      if (!data_.label_column.empty() && table_.header[c] == data_.label_column)
        labels_ = classes_of(c);
      else
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
    StoredFacts facts{.remarks = std::move(remarks_), .scale = std::move(coordinates_.scale)};
    return make_array_dataset(data_.path, {.channels = static_cast<int64_t>(width)},
                              std::move(values), std::move(labels_), std::nullopt,
                              std::move(facts));
  }

 private:
  const std::string& field(size_t row, size_t column) const { return table_.rows[row][column]; }

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

  void add_numbers(size_t c) {
    const auto count = static_cast<double>(table_.rows.size());
    std::vector<double> values;
    double sum = 0;
    for (size_t r = 0; r < table_.rows.size(); ++r) {
      values.push_back(*number_of(field(r, c)));
      sum += values.back();
    }
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
    if (categories.names.size() > kMostCategories)
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: the column '{}' is no number (line {}: '{}') and has {} different texts; "
                    "take it away if it only names the rows, or mend its numbers",
                    data_.path, table_.header[c], first_text_line(c), first_text(c),
                    categories.names.size());
    for (size_t k = 0; k < categories.names.size(); ++k) {
      std::vector<float> is;
      for (const int32_t label : categories.values)
        is.push_back(label == static_cast<int32_t>(k) ? 1.0F : 0.0F);
      coordinates_.add(fmt::format("{}={}", table_.header[c], categories.names[k]), std::move(is),
                       0, 1);
    }
  }

  size_t first_text_row(size_t c) const {
    size_t row = 0;
    while (row + 1 < table_.rows.size() && (number_of(field(row, c)) || is_missing(field(row, c))))
      ++row;
    return row;
  }
  int64_t first_text_line(size_t c) const { return table_.lines[first_text_row(c)]; }
  const std::string& first_text(size_t c) const { return field(first_text_row(c), c); }

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

TextTable parse_table(const std::string& path, const std::string& text) {
  return TableParser(path, text).parse();
}

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
