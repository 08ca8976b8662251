#pragma once

// The statements ("name: value", "name { ... }") of a text-proto, found from its tokens alone, so
// that they are known also where values are wrong.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>

#include <string>
#include <string_view>
#include <vector>

namespace allmodes::config {

using Token = google::protobuf::io::Tokenizer::Token;

enum class Flaw { kNone, kUnknown, kDoubled, kConflicting, kNoValue };

struct Statement {
  std::string name;
  std::string path;                                          // "gan.generator.layers[2].linear"
  const google::protobuf::Descriptor* scope = nullptr;       // the message it stands in
  const google::protobuf::FieldDescriptor* field = nullptr;  // null: unknown
  Flaw flaw = Flaw::kNone;
  int earlier_line = 0;      // kDoubled, kConflicting: line of the first, from 1
  std::string earlier_name;  // kConflicting
  // Tokens: [first, end); the contents of a block or list are [body, end), body == end without one.
  size_t first = 0;
  size_t body = 0;
  size_t end = 0;
};

struct Statements {
  std::vector<Token> tokens;
  std::vector<Statement> list;  // outer ones before the inner ones
  bool too_deep = false;        // then `list` is empty and `deep` the offending token
  size_t deep = 0;
};

// Reads `text` as a message of `root`; blocks deeper than `deepest` are not entered.
Statements find_statements(std::string_view text, const google::protobuf::Descriptor& root,
                           int deepest);

// The innermost statement with a token at or around (line, column), both from 0; null if none.
const Statement* statement_at(const Statements& statements, int line, int column);

// The last token that begins at or before (line, column); tokens.size() if none.
size_t token_at(const Statements& statements, int line, int column);

}  // namespace allmodes::config
