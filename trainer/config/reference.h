#pragma once

// The reference of the configuration, made from the descriptions of its fields.

#include <map>
#include <string>
#include <vector>

namespace allmodes::config {

// What the registries hold, by what a field says that it names (Registered in config/rules.h):
// "data set" -> {"ring", ...}. Fields without an entry are printed without their names.
using Names = std::map<std::string, std::vector<std::string>>;

// All fields as a Markdown page: one table a block, with type, range, default and meaning.
std::string reference_page(const Names& names);

// Name, type, range, default and meaning of the fields that `name` may stand for: a path as in
// --set
// ("gan.penalty[0].weight"), or the end of one ("packing"). Empty where there is none.
std::string explain_field(const std::string& name, const Names& names);

// The paths of all fields, entries of lists as "[]": for "did you mean".
std::vector<std::string> field_paths();

}  // namespace allmodes::config
