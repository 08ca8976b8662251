#pragma once

// The one place where a message of the schema becomes a RunConfig and back.

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "config/load.h"

namespace allmodes::config {

// Fills `config` from what `message` (an allmodes.v1.Run) has, and returns every value outside its
// range, in the order of the descriptions; `where` of the problems is empty. In `config` such a
// value keeps its default. One that was left out although it has no usable default gives a message
// with "is required".
std::vector<Problem> read_message(const google::protobuf::Message& message, RunConfig& config);

// Writes every value of `config` into `message`, defaults included.
void write_message(const RunConfig& config, google::protobuf::Message& message);

}  // namespace allmodes::config
