#pragma once

// The fields of the configuration as a list, made from their descriptions: what the reference
// prints, what differs between two configurations, what is not at its default.

#include <string>
#include <vector>

#include "config/run_config.h"

namespace allmodes::config {

struct Field {
  std::string path;   // "gan.penalty[0].weight"; "gan.penalty[].weight" in every_field()
  std::string scope;  // the message of the schema that it stands in: "Penalty"
  std::string name;   // "weight"
  std::string type;   // "number", "whole number", "text", "true or false", "list of numbers", or
                      // the message that it holds: "Penalty"
  std::string range;  // "at least 1"; "" where nothing is refused
  // As in a text-proto. Of a block "": but "chosen" of one that a oneof has chosen and "2 entries"
  // of a list that is not empty, in lists of what a configuration has.
  std::string value;
  std::string meaning;    // one sentence
  bool block = false;     // a message, or several of them
  bool repeated = false;  // may be given more than once
  std::string names;      // of a registry: what it holds, "data set"; else ""
};

// Every field that a configuration may have, with its default, in the order of the descriptions:
// of all families and layers, entries of lists as "[]", blocks before what they hold. Layers inside
// layers are listed once.
std::vector<Field> every_field();

// The values of `config`: only of what it has, without blocks.
std::vector<Field> values_of(const RunConfig& config);

// Names of the direct fields that are not at their default; of lists, those that are not empty.
std::vector<std::string> changed_fields(const Data& data);
std::vector<std::string> changed_fields(const Network& network);
std::vector<std::string> changed_fields(const Rollback& rollback);

struct Difference {
  std::string path;
  std::string before, after;  // "" where the field is in one of them only
};

// Values, chosen blocks and lengths of lists that differ, in the order of the descriptions.
std::vector<Difference> differences(const RunConfig& before, const RunConfig& after);

}  // namespace allmodes::config
