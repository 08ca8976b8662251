#include "config/syntax.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "config/statements.h"

namespace allmodes::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::TextFormat;

constexpr int kRounds = 50;
constexpr size_t kMostProblems = 1000;  // what is beyond is not reported
// Beginnings of the parser's messages.
constexpr const char* kWrongBoolean = "Invalid value for boolean";
constexpr const char* kOpenText = "String literals cannot cross";
constexpr const char* kOpenAtEnd = "Unexpected end of string";

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

// The text being parsed, addressed as the tokenizer does: lines and columns from 0, tabs to
// multiples of 8.
class Page {
 public:
  explicit Page(std::string_view text) : text_(text), lines_{0} {
    for (size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '\n') {
        lines_.push_back(i + 1);
      }
    }
  }

  const std::string& text() const { return text_; }

  size_t offset(int line, int column) const {
    return forward(lines_[std::min(size_t(line), lines_.size() - 1)], 0, column);
  }

  // Where each token begins; one pass, so that long lines stay linear.
  std::vector<size_t> offsets(const std::vector<Token>& tokens) const {
    std::vector<size_t> result;
    result.reserve(tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      const auto& token = tokens[i];
      result.push_back(i > 0 && tokens[i - 1].line == token.line
                           ? forward(result[i - 1], tokens[i - 1].column, token.column)
                           : offset(token.line, token.column));
    }
    return result;
  }

  // Overwrites with spaces, so that nothing else moves. False if there was nothing.
  bool blank(size_t first, size_t last) {
    bool changed = false;
    for (size_t i = first; i < std::min(last, text_.size()); ++i) {
      if (!is_space(text_[i])) {
        text_[i] = ' ';
        changed = true;
      }
    }
    return changed;
  }

  void append_line(const std::string& more) {
    text_ += '\n';
    lines_.push_back(text_.size());
    text_ += more;
  }

  // One line, shortened, for a message.
  std::string excerpt(size_t first, size_t last) const {
    constexpr size_t kLongest = 40;
    auto part = text_.substr(first, last - first);
    const auto line = part.find('\n');
    const bool cut = line != std::string::npos || part.size() > kLongest;
    return cut ? part.substr(0, std::min(line, kLongest)) + "..." : part;
  }

 private:
  // From the byte `at` in column `seen` on to `column`, or to the end of the line.
  size_t forward(size_t at, int seen, int column) const {
    for (; seen < column && at < text_.size() && text_[at] != '\n'; ++at) {
      seen += text_[at] == '\t' ? 8 - seen % 8 : 1;
    }
    return at;
  }

  std::string text_;
  std::vector<size_t> lines_;
};

class Recovery {
 public:
  Recovery(std::string_view text, const std::string& file, Message& message)
      : page_(text), message_(message), descriptor_(*message.GetDescriptor()) {
    result_.source = Source(file);
  }

  Syntax run() {
    for (int round = 0; round < kRounds; ++round) {
      found_ = find_statements(page_.text(), descriptor_, kDeepest);
      begins_ = page_.offsets(found_.tokens);
      if (found_.too_deep) {
        const auto& token = found_.tokens[found_.deep];
        report(token.line, token.column, "",
               fmt::format("more than {} blocks in one another", kDeepest));
        result_.complete = false;
        message_.Clear();
        return finish();
      }
      if (close_blocks() || remove_flaws()) {
        continue;
      }
      const auto error = parse();
      if (!error) {
        return finish();
      }
      if (!remove(*error)) {
        break;
      }
    }
    result_.complete = false;
    return finish();
  }

 private:
  size_t begin(size_t token) const { return begins_[token]; }
  size_t end(size_t token) const { return begins_[token] + found_.tokens[token].text.size(); }

  void report(int line, int column, std::string path, std::string message) {
    if (result_.problems.size() >= kMostProblems) {
      result_.complete = false;
      return;
    }
    result_.problems.push_back({line + 1, column + 1, std::move(path), std::move(message)});
  }

  Syntax finish() {
    for (const auto& statement : found_.list) {
      const auto& token = found_.tokens[statement.first];
      auto path = statement.path;
      result_.source.add(path, token.line + 1, token.column + 1);
      if (path.back() == ']') {
        path.erase(path.rfind('['));
        if (!result_.source.has(path)) {
          result_.source.add(path, token.line + 1, token.column + 1);
        }
      }
    }
    std::stable_sort(result_.problems.begin(), result_.problems.end(),
                     [](const auto& a, const auto& b) {
                       return std::pair(a.line, a.column) < std::pair(b.line, b.column);
                     });
    return std::move(result_);
  }

  // Closes what the end of the file leaves open, to see the rest of the mistakes.
  bool close_blocks() {
    std::vector<const Token*> open;
    for (const auto& token : found_.tokens) {
      if (token.text == "{" || token.text == "<" || token.text == "[") {
        open.push_back(&token);
      } else if ((token.text == "}" || token.text == ">" || token.text == "]") && !open.empty()) {
        open.pop_back();
      }
    }
    if (open.empty()) {
      return false;
    }
    if (result_.complete) {
      report(open.back()->line, open.back()->column, "",
             fmt::format("'{}' is never closed", open.back()->text));
      result_.complete = false;
    }
    // On a line of its own: the last one may be a comment.
    std::string closing;
    for (; !open.empty(); open.pop_back()) {
      closing += open.back()->text == "{" ? "}" : open.back()->text == "<" ? ">" : "]";
    }
    page_.append_line(closing);
    return true;
  }

  bool remove_flaws() {
    bool removed = false;
    for (const auto& statement : found_.list) {
      if (statement.flaw == Flaw::kNone) {
        continue;
      }
      const auto& token = found_.tokens[statement.first];
      if (result_.problems.size() < kMostProblems) {
        report(token.line, token.column, statement.path, describe_flaw(statement));
      } else {
        result_.complete = false;
      }
      if (statement.flaw == Flaw::kUnknown || statement.flaw == Flaw::kNoValue) {
        leave_out(statement);
      }
      removed |= blank(statement);
    }
    return removed;
  }

  static std::string describe_flaw(const Statement& statement) {
    switch (statement.flaw) {
      case Flaw::kUnknown:
        return statement.scope->field_count() == 0
                   ? fmt::format("unknown field '{}': this block has no fields", statement.name)
                   : unknown_name("field", statement.name, field_names(*statement.scope));
      case Flaw::kDoubled:
        return fmt::format("{}: given twice, first on line {}", statement.name,
                           statement.earlier_line);
      case Flaw::kConflicting:
        return fmt::format("{}: cannot stand beside '{}' of line {}; give one of them",
                           statement.name, statement.earlier_name, statement.earlier_line);
      default:
        return fmt::format("{}: has no value; expected {}", statement.name,
                           expected_value(*statement.field));
    }
  }

  std::optional<ErrorList::Entry> parse() {
    ErrorList errors;
    TextFormat::Parser parser;
    parser.RecordErrorsTo(&errors);
    parser.SetRecursionLimit(kDeepest + 1);
    message_.Clear();
    if (parser.ParseFromString(page_.text(), &message_)) {
      return std::nullopt;
    }
    // Only the first: those behind it may be its consequences.
    return errors.entries.empty() ? ErrorList::Entry{0, 0, "not a text-proto"} : errors.entries[0];
  }

  // Reports an error of the parser and takes its cause out of the text; false if that is not found.
  bool remove(ErrorList::Entry error) {
    point_at_cause(error);
    const size_t place = page_.offset(error.line, error.column);
    const size_t index = token_at(found_, error.line, error.column);
    const auto* statement = statement_at(found_, error.line, error.column);
    const bool in_token = index < found_.tokens.size() && place < end(index);
    const bool at_text = place < page_.text().size() && !is_space(page_.text()[place]);
    if (!in_token && at_text) {
      report(error.line, error.column, "", error.message);
      return page_.blank(place, place + 1);  // a character that no token may hold
    }
    const bool own =
        statement != nullptr && (index < statement->body || statement->body == statement->end);
    if (own) {
      report(error.line, error.column, statement->path, explain(*statement, index, error.message));
      leave_out(*statement);
      return blank(*statement);
    }
    report(error.line, error.column, statement == nullptr ? "" : statement->path, error.message);
    return index < found_.tokens.size() && page_.blank(begin(index), end(index));
  }

  // Moves errors that the parser reports behind their cause onto it.
  void point_at_cause(ErrorList::Entry& error) const {
    size_t token = token_at(found_, error.line, error.column);
    if (token == found_.tokens.size()) {
      return;
    }
    if (error.message.rfind(kWrongBoolean, 0) == 0) {
      // The parser has gone past the word when it complains.
      token -= token > 0 && page_.offset(error.line, error.column) < end(token) ? 1 : 0;
    } else if (error.message.rfind(kOpenText, 0) == 0 || error.message.rfind(kOpenAtEnd, 0) == 0) {
      error.message = "the text that begins here has no closing quote";
    } else {
      return;
    }
    error.line = found_.tokens[token].line;
    error.column = found_.tokens[token].column;
  }

  // The parser's words, except where the schema says more.
  std::string explain(const Statement& statement, size_t index, const std::string& words) const {
    if (statement.field == nullptr) {
      return words;
    }
    const bool block = statement.field->message_type() != nullptr;
    const bool type = (words.rfind("Expected ", 0) == 0 && words.rfind("Expected \"", 0) != 0) ||
                      words.rfind(kWrongBoolean, 0) == 0;
    if ((block || type) && index < statement.end && index > statement.first) {
      return fmt::format("{}: expected {}, got {}", statement.name,
                         expected_value(*statement.field),
                         page_.excerpt(begin(index), end(statement.end - 1)));
    }
    return fmt::format("{}: {}", statement.name, words);
  }

  void leave_out(const Statement& statement) {
    if (result_.left_out.size() >= kMostProblems) {
      return;
    }
    result_.left_out.insert(statement.path);
    // A misspelt or broken family is not a missing one.
    if (statement.scope != &descriptor_) return;
    for (int i = 0; i < descriptor_.real_oneof_decl_count(); ++i) {
      const auto& oneof = *descriptor_.oneof_decl(i);
      std::vector<std::string> blocks;
      for (int j = 0; j < oneof.field_count(); ++j) blocks.push_back(oneof.field(j)->name());
      if (!nearest(statement.name, blocks).empty()) result_.left_out.insert(oneof.name());
    }
  }

  bool blank(const Statement& statement) {
    return page_.blank(begin(statement.first), end(statement.end - 1));
  }

  Page page_;
  Message& message_;
  const google::protobuf::Descriptor& descriptor_;
  Statements found_;
  std::vector<size_t> begins_;  // byte of each token
  Syntax result_;
};

}  // namespace

Syntax read_syntax(std::string_view text, const std::string& file, Message& message) {
  return Recovery(text, file, message).run();
}

std::vector<std::string> field_names(const google::protobuf::Descriptor& descriptor) {
  std::vector<std::string> names;
  for (int i = 0; i < descriptor.field_count(); ++i) {
    names.push_back(descriptor.field(i)->name());
  }
  return names;
}

std::string_view expected_value(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return "a whole number";
    case FieldDescriptor::CPPTYPE_UINT64:
      return "a whole number from 0";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "a number";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_STRING:
      return "a text in quotes";
    default:
      return "a block { ... }";
  }
}

}  // namespace allmodes::config
