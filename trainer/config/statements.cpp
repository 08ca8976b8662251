#include "config/statements.h"

#include <fmt/format.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <map>

namespace allmodes::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;
using google::protobuf::io::Tokenizer;

// The parser reports what the tokenizer finds; once is enough.
class Silent : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int, int, const std::string&) override {}
};

std::vector<Token> tokenize(std::string_view text) {
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  Silent silent;
  Tokenizer tokenizer(&stream, &silent);
  // As google::protobuf::TextFormat::Parser sets it, so that both see the same tokens.
  tokenizer.set_allow_f_after_float(true);
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_require_space_after_number(false);
  std::vector<Token> tokens;
  while (tokenizer.Next()) {
    tokens.push_back(tokenizer.current());
  }
  return tokens;
}

bool opens(const Token& token) {
  return token.text == "{" || token.text == "<" || token.text == "[";
}
bool closes(const Token& token) {
  return token.text == "}" || token.text == ">" || token.text == "]";
}

// What one message has been given so far.
struct Given {
  struct First {
    int line;
    std::string name;
  };
  std::map<const FieldDescriptor*, First> fields;
  std::map<const OneofDescriptor*, First> oneofs;
  std::map<const FieldDescriptor*, int> entries;
};

class Finder {
 public:
  explicit Finder(Statements& result) : result_(result), tokens_(result.tokens) {}

  // Statements up to the closing token of this block, or to the end.
  void block(const Descriptor& scope, const std::string& path) {
    Given given;
    while (at_ < tokens_.size() && !(closes(tokens_[at_]) && !path.empty())) {
      if (tokens_[at_].type == Tokenizer::TYPE_IDENTIFIER) {
        statement(scope, path, given);
      } else {
        ++at_;  // a separator, or a token the parser will complain about
      }
    }
  }

 private:
  bool is(std::string_view text) const { return at_ < tokens_.size() && tokens_[at_].text == text; }

  void statement(const Descriptor& scope, const std::string& path, Given& given) {
    Statement found;
    found.first = at_;
    found.name = tokens_[at_].text;
    found.scope = &scope;
    found.field = scope.FindFieldByName(found.name);
    const auto base = path.empty() ? found.name : fmt::format("{}.{}", path, found.name);
    const bool repeated = found.field != nullptr && found.field->is_repeated();
    judge(found, given);
    ++at_;
    at_ += is(":") ? 1 : 0;
    const bool whole_list = is("[");
    found.path =
        repeated && !whole_list ? fmt::format("{}[{}]", base, given.entries[found.field]++) : base;
    const bool missing = value_is_missing(found.first);
    if (missing && found.flaw == Flaw::kNone) {
      found.flaw = Flaw::kNoValue;
    }
    const size_t slot = result_.list.size();
    result_.list.push_back(found);
    size_t body = 0;
    if (missing) {
      // Nothing follows that belongs to it.
    } else if (at_ < tokens_.size() && opens(tokens_[at_])) {
      body = at_ + 1;
      value_in_brackets(found, base, given);
    } else {
      plain_value();
    }
    result_.list[slot].end = at_;
    result_.list[slot].body = body == 0 ? at_ : body;
  }

  void judge(Statement& found, Given& given) const {
    if (found.field == nullptr) {
      found.flaw = Flaw::kUnknown;
      return;
    }
    if (found.field->is_repeated()) {
      return;
    }
    const Given::First here{tokens_[at_].line + 1, found.name};
    const auto [same, is_first] = given.fields.try_emplace(found.field, here);
    if (!is_first) {
      found.flaw = Flaw::kDoubled;
      found.earlier_line = same->second.line;
      return;
    }
    if (const auto* oneof = found.field->real_containing_oneof()) {
      const auto [other, alone] = given.oneofs.try_emplace(oneof, here);
      if (!alone) {
        found.flaw = Flaw::kConflicting;
        found.earlier_line = other->second.line;
        found.earlier_name = other->second.name;
      }
    }
  }

  // "batch:" with the next statement, the end of the block or of the file behind it.
  bool value_is_missing(size_t first) const {
    if (at_ >= tokens_.size() || closes(tokens_[at_])) {
      return true;
    }
    return tokens_[at_].type == Tokenizer::TYPE_IDENTIFIER &&
           tokens_[at_].line > tokens_[first].line && at_ + 1 < tokens_.size() &&
           (tokens_[at_ + 1].text == ":" || tokens_[at_ + 1].text == "{");
  }

  void plain_value() {
    if (is("-")) {
      ++at_;
    }
    if (at_ < tokens_.size() && tokens_[at_].type == Tokenizer::TYPE_STRING) {
      while (at_ < tokens_.size() && tokens_[at_].type == Tokenizer::TYPE_STRING) {
        ++at_;  // neighbouring texts are one
      }
    } else if (at_ < tokens_.size() && !closes(tokens_[at_])) {
      ++at_;
    }
  }

  void value_in_brackets(const Statement& found, const std::string& base, Given& given) {
    const auto* inner = found.field == nullptr ? nullptr : found.field->message_type();
    if (inner == nullptr || found.flaw != Flaw::kNone) {
      skip();
    } else if (is("[")) {
      ++at_;
      while (at_ < tokens_.size() && !closes(tokens_[at_])) {
        if (is("{") || is("<")) {
          enter(*inner, fmt::format("{}[{}]", base, given.entries[found.field]++));
        } else {
          ++at_;
        }
      }
      at_ = std::min(at_ + 1, tokens_.size());
    } else {
      enter(*inner, found.path);
    }
  }

  // From an opening token past its closing one.
  void enter(const Descriptor& scope, const std::string& path) {
    ++at_;
    block(scope, path);
    at_ = std::min(at_ + 1, tokens_.size());
  }

  void skip() {
    int depth = 0;
    do {
      depth += opens(tokens_[at_]) ? 1 : closes(tokens_[at_]) ? -1 : 0;
      ++at_;
    } while (at_ < tokens_.size() && depth > 0);
  }

  Statements& result_;
  const std::vector<Token>& tokens_;
  size_t at_ = 0;
};

bool starts_by(const Token& token, int line, int column) {
  return token.line < line || (token.line == line && token.column <= column);
}

}  // namespace

Statements find_statements(std::string_view text, const Descriptor& root, int deepest) {
  Statements result;
  result.tokens = tokenize(text);
  int depth = 0;
  for (size_t i = 0; i < result.tokens.size(); ++i) {
    depth += opens(result.tokens[i]) ? 1 : closes(result.tokens[i]) ? -1 : 0;
    if (depth > deepest) {
      result.too_deep = true;
      result.deep = i;
      return result;
    }
    depth = std::max(depth, 0);
  }
  Finder(result).block(root, "");
  return result;
}

size_t token_at(const Statements& statements, int line, int column) {
  const auto& tokens = statements.tokens;
  const auto after = std::partition_point(
      tokens.begin(), tokens.end(), [&](const Token& t) { return starts_by(t, line, column); });
  return after == tokens.begin() ? tokens.size() : size_t(after - tokens.begin()) - 1;
}

const Statement* statement_at(const Statements& statements, int line, int column) {
  const size_t token = token_at(statements, line, column);
  const Statement* innermost = nullptr;
  for (const auto& statement : statements.list) {
    if (statement.first <= token && token < statement.end) {
      innermost = &statement;  // inner ones come later
    }
  }
  return innermost;
}

}  // namespace allmodes::config
