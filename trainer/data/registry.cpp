#include "data/registry.h"

#include <algorithm>

#include "base/error.h"
#include "data/paths.h"

namespace allmodes::data {
namespace {

// The fields with paths as a shell would have them.
config::Data with_expanded_paths(config::Data data) {
  data.path = expanded_path(data.path);
  data.labels = expanded_path(data.labels);
  return data;
}

const DatasetRow& find(const std::string& name) {
  std::string names;
  for (const DatasetRow* row : dataset_rows()) {
    if (name == row->name) return *row;
    names += (names.empty() ? "" : ", ") + std::string(row->name);
  }
  ALLMODES_FAIL(ExitCode::kConfiguration, "data.dataset: '{}' is not known; there are {}", name,
                names);
}

}  // namespace

const std::string& needed_path(const config::Data& data) {
  if (data.path.empty())
    ALLMODES_FAIL(ExitCode::kConfiguration, "data.path: the data set '{}' needs it", data.dataset);
  return data.path;
}

std::unique_ptr<Dataset> make_dataset(const config::Data& data, uint64_t seed) {
  return find(data.dataset).build(with_expanded_paths(data), seed, Split::kTraining);
}

std::unique_ptr<Dataset> make_held_out_dataset(const config::Data& data, uint64_t seed) {
  const DatasetRow& row = find(data.dataset);
  return row.held_out ? row.build(with_expanded_paths(data), seed, Split::kHeldOut) : nullptr;
}

std::vector<std::string> dataset_names() {
  std::vector<std::string> names;
  for (const DatasetRow* row : dataset_rows()) names.emplace_back(row->name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string dataset_summary(const std::string& name) {
  return std::string(find(name).summary);
}

std::vector<std::string> dataset_fields(const std::string& name) {
  std::vector<std::string> fields{"dataset", "prefetch"};
  for (const auto field : find(name).fields) fields.emplace_back(field);
  return fields;
}

}  // namespace allmodes::data
