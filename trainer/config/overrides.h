#pragma once

// "path.to.field=value" into a message, by walking the schema.

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace allmodes::config {

// Applies "a.b[0].c=value": a text needs no quotes, a list is [1, 2], a block { name: value };
// a list or block is replaced whole. Records the place in `source`. Returns what is wrong, with
// `where` filled; then `message` and `source` are as before.
std::vector<Problem> apply_override(std::string_view assignment, google::protobuf::Message& message,
                                    Source& source);

}  // namespace allmodes::config
