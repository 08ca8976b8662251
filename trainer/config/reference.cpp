#include "config/reference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "config/field_list.h"

namespace allmodes::config {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Configuration

Every field of a configuration file (text-proto, `configs/*.txtpb`; schema:
`proto/allmodes/v1/run.proto`). All are optional; a block that is left out has the defaults of its
fields. `--set FIELD=VALUE` on the command line replaces one, `allmodes validate` checks a file,
`allmodes train CONFIG --dry-run` prints it with every default, `allmodes explain FIELD` prints one
line of this page.

This page is printed from the descriptions in `trainer/config/*_config.h` by
`allmodes explain --all`; a test checks that it is up to date.

)";

// "one of a, b": the names that a field may have, where they are known.
std::string allowed(const Field& field, const Names& names) {
  const auto found = names.find(field.names);
  if (found != names.end()) return fmt::format("{}", fmt::join(found->second, ", "));
  return field.range;
}

std::string anchor(std::string scope) {
  std::ranges::transform(scope, scope.begin(), [](unsigned char c) { return std::tolower(c); });
  return scope;
}

std::string cell(std::string text) {
  for (size_t i = 0; (i = text.find('|', i)) != std::string::npos; i += 2) text.insert(i, 1, '\\');
  return text;
}

// Of a block whose fields have other defaults in this place than elsewhere: "beta1: 0.9".
std::string own_defaults(const Field& block, const std::vector<Field>& fields) {
  std::string text;
  for (const Field& field : fields) {
    if (field.block || field.path != block.path + "." + field.name) continue;
    const auto usual = std::ranges::find_if(fields, [&](const Field& other) {
      return other.scope == field.scope && other.name == field.name;
    });
    if (usual->value != field.value)
      text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", field.name, field.value);
  }
  return text.empty() ? "" : "`" + text + "`";
}

std::string row(const Field& field, const std::vector<Field>& fields, const Names& names) {
  if (field.block)
    return fmt::format("| `{}` | {}[{}](#{}) | | {} | {} |\n", field.name,
                       field.repeated ? "blocks " : "block ", field.type, anchor(field.type),
                       own_defaults(field, fields), cell(field.meaning));
  const std::string range = allowed(field, names);
  return fmt::format("| `{}` | {} | {} | `{}` | {} |\n", field.name, field.type, cell(range),
                     field.value, cell(field.meaning));
}

// "gan.penalty[3].weight" -> "gan.penalty[].weight"
std::string without_indices(std::string path) {
  for (size_t i = 0; (i = path.find('[', i)) != std::string::npos; ++i) {
    const size_t end = path.find(']', i);
    if (end == std::string::npos) break;
    path.erase(i + 1, end - i - 1);
  }
  return path;
}

// Whether `path` ends with `name`, at a dot; an entry's "[]" may be left out of the name.
bool ends_with(std::string path, const std::string& name) {
  if (name.find('[') == std::string::npos)
    for (size_t i = 0; (i = path.find("[]", i)) != std::string::npos;) path.erase(i, 2);
  return path == name || path.ends_with("." + name);
}

std::string paragraph(const std::string& heading, const Field& field, const Names& names) {
  std::string text = fmt::format("{}\n  {}\n", heading, field.meaning);
  if (field.block)
    return text + fmt::format("  {} {}\n", field.repeated ? "blocks" : "block", field.type);
  const std::string range = allowed(field, names);
  text += fmt::format("  {}{}{}; default {}\n", field.type, range.empty() ? "" : ": ", range,
                      field.value);
  return text;
}

}  // namespace

std::string reference_page(const Names& names) {
  std::string page(kIntroduction);
  const auto fields = every_field();
  std::vector<std::string> scopes{"Run"};
  for (const Field& field : fields)
    if (field.block && std::ranges::count(scopes, field.type) == 0) scopes.push_back(field.type);
  for (const std::string& scope : scopes) {
    std::string rows;
    std::set<std::string> seen;
    for (const Field& field : fields)
      if (field.scope == scope && seen.insert(field.name).second) rows += row(field, fields, names);
    page += fmt::format("## {}\n\n", scope);
    page += rows.empty() ? "No fields.\n\n"
                         : "| field | type | range | default | meaning |\n|---|---|---|---|---|\n" +
                               rows + "\n";
  }
  page.pop_back();
  return page;
}

std::string explain_field(const std::string& name, const Names& names) {
  const std::string wanted = without_indices(name);
  const auto fields = every_field();
  const auto exact = std::ranges::find(fields, wanted, &Field::path);
  if (exact != fields.end()) return paragraph(exact->path, *exact, names);
  // One paragraph for what is the same in several places, with all the places.
  std::string text;
  std::set<std::string> said;
  for (const Field& field : fields) {
    if (!ends_with(field.path, wanted) ||
        !said.insert(field.meaning + field.type + field.value).second)
      continue;
    std::string places;
    int64_t count = 0;
    for (const Field& other : fields) {
      const bool same = other.meaning == field.meaning && other.type == field.type &&
                        other.value == field.value && ends_with(other.path, wanted);
      if (same && ++count <= 4) places += (places.empty() ? "" : ", ") + other.path;
    }
    if (count > 4) places += fmt::format(" and {} more", count - 4);
    text += paragraph(places, field, names);
  }
  return text;
}

std::vector<std::string> field_paths() {
  std::vector<std::string> paths;
  for (const Field& field : every_field()) paths.push_back(field.path);
  return paths;
}

}  // namespace allmodes::config
