#include "data/text_table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace allmodes::data {
namespace {

bool all_numbers(const std::vector<std::string>& fields) {
  return std::ranges::all_of(fields, [](const std::string& f) { return number_of(f).has_value(); });
}

// 0, 1, 2, ... or 1, 2, 3, ...
bool counts_columns(const std::vector<std::string>& fields) {
  const double first = *number_of(fields[0]);
  if (first != 0 && first != 1) return false;
  for (size_t i = 0; i < fields.size(); ++i)
    if (*number_of(fields[i]) != first + static_cast<double>(i)) return false;
  return true;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  for (size_t at = line.find_first_not_of(' '); at < line.size();) {
    const size_t end = std::min(line.find(' ', at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(' ', end);
  }
  return words;
}

class TableParser {
 public:
  TableParser(const std::string& path, const std::string& text) : path_(path), text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  TextTable parse() {
    TextTable table;
    table.header = first_row();
    if (all_numbers(table.header) && !counts_columns(table.header)) {
      table.has_header = false;
      table.rows.push_back(table.header);
      table.lines.push_back(line_ - 1);
      for (size_t i = 0; i < table.header.size(); ++i) table.header[i] = std::to_string(i + 1);
    }
    while (at_ < text_.size()) {
      const int64_t line = line_;
      std::vector<std::string> fields = row();
      if (fields.size() == 1 && fields[0].empty()) continue;
      if (fields.size() != table.header.size())
        fail(line, fmt::format("{} fields, but the {} has {}", fields.size(),
                               table.has_header ? "header" : "first row", table.header.size()));
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

  // Past the end of the line at `at`, or of the text.
  size_t next_line(size_t at) const {
    const size_t end = text_.find('\n', at);
    return end == std::string::npos ? text_.size() : end + 1;
  }
  std::string_view line_at(size_t at) const {
    std::string_view line = std::string_view(text_).substr(at, next_line(at) - at);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    return line;
  }

  // The header, or the first row.
  std::vector<std::string> first_row() {
    std::optional<size_t> comment;
    while (at_ < text_.size() && text_[at_] == '#') {
      comment = at_;
      at_ = next_line(at_);
      ++line_;
    }
    choose_separator();
    const size_t fields = count_fields(line_at(at_));
    if (comment && fields > 1 && count_fields(line_at(*comment + 1)) == fields) {
      at_ = *comment + 1;
      --line_;
    }
    return row();
  }

  void choose_separator() {
    const std::string_view first = line_at(at_);
    int64_t most = 0;
    for (const char c : {',', ';', '\t'}) {
      const auto count = std::ranges::count(first, c);
      if (count > most) separator_ = c;
      most = std::max<int64_t>(most, count);
    }
    if (most > 0) return;
    const auto words = words_of(first);
    const auto second = words_of(line_at(next_line(at_)));
    if (words.size() > 1 &&
        (all_numbers(words) || (second.size() == words.size() && all_numbers(second))))
      separator_ = ' ';
  }

  size_t count_fields(std::string_view line) const {
    return separator_ == ' ' ? words_of(line).size()
                             : static_cast<size_t>(std::ranges::count(line, separator_)) + 1;
  }

  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  std::vector<std::string> row() {
    std::vector<std::string> fields;
    if (separator_ == ' ') skip_blanks();
    for (;;) {
      fields.push_back(field());
      // Blanks at the end of a line part nothing.
      if (separator_ == ' ') skip_blanks();
      if (at_ >= text_.size()) return fields;
      if (text_[at_] != '\r' && text_[at_] != '\n') {
        if (separator_ != ' ') ++at_;
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

}  // namespace

TextTable parse_table(const std::string& path, const std::string& text) {
  return TableParser(path, text).parse();
}

std::optional<double> number_of(const std::string& field) {
  char* end = nullptr;
  const double value = std::strtod(field.c_str(), &end);
  if (field.empty() || *end != '\0' || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace allmodes::data
