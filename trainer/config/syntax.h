#pragma once

// Text-proto -> message with every mistake, not only the first. Protobuf's parser stops at the
// first wrong value; here the statements of the file are found first from its tokens (with their
// paths, positions, unknown and doubled names), wrong ones are blanked out, and the parser runs
// again.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/message.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace allmodes::config {

// Text larger than this is no configuration.
inline constexpr size_t kLargestText = 1 << 20;
// Blocks inside blocks; the parser, the reader and the structs recurse this deep.
inline constexpr int kDeepest = 100;

struct SyntaxProblem {
  int line = 0;  // from 1
  int column = 0;
  std::string path;
  std::string message;
};

struct Syntax {
  Source source;
  std::vector<SyntaxProblem> problems;
  // Paths of statements that were left out of the message because of a problem.
  std::set<std::string> left_out;
  // False: parsing could not reach the end (an unclosed block, too deep), so what is missing from
  // the message may be there in the text.
  bool complete = true;
};

// Fills `message` with what of `text` is well-formed.
Syntax read_syntax(std::string_view text, const std::string& file,
                   google::protobuf::Message& message);

// Names of a message's fields, for "did you mean".
std::vector<std::string> field_names(const google::protobuf::Descriptor& descriptor);

// "a whole number", "text in quotes", "a block { ... }": what the field takes.
std::string_view expected_value(const google::protobuf::FieldDescriptor& field);

// Collects the parser's errors.
class ErrorList : public google::protobuf::io::ErrorCollector {
 public:
  struct Entry {
    int line;  // from 0
    int column;
    std::string message;
  };
  void AddError(int line, int column, const std::string& message) override {
    entries.push_back({line, column, message});
  }
  std::vector<Entry> entries;
};

}  // namespace allmodes::config
