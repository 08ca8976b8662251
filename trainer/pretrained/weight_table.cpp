#include "pretrained/weight_table.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/error.h"

namespace allmodes::pretrained {
namespace {

// What is wrong with one tensor of the table; empty where nothing is.
std::string fault_of(const checkpoints::SafetensorsFile& file, const NamedShape& wanted) {
  if (!file.has(wanted.name))
    return fmt::format("'{}' is missing, F32 of [{}] was expected", wanted.name,
                       fmt::join(wanted.shape, ", "));
  const auto& entry = file.at(wanted.name);
  if (entry.dtype == checkpoints::DType::kF32 && entry.shape == wanted.shape) return {};
  return fmt::format("'{}' is {} of [{}], F32 of [{}] was expected", wanted.name,
                     checkpoints::dtype_name(entry.dtype), fmt::join(entry.shape, ", "),
                     fmt::join(wanted.shape, ", "));
}

}  // namespace

bool WeightTable::ignores(const std::string& name) const {
  return std::ranges::any_of(ignored_beginnings,
                             [&](const auto& part) { return name.starts_with(part); }) ||
         std::ranges::any_of(ignored_endings,
                             [&](const auto& part) { return name.ends_with(part); });
}

checkpoints::SafetensorsFile open_checked(const std::filesystem::path& path,
                                          const WeightTable& table) {
  checkpoints::SafetensorsFile file(path);
  std::vector<std::string> faults;
  std::set<std::string> known;
  for (const NamedShape& wanted : table.tensors) {
    known.insert(wanted.name);
    if (auto fault = fault_of(file, wanted); !fault.empty()) faults.push_back(std::move(fault));
  }
  for (const auto& name : file.names())
    if (!known.contains(name) && !table.ignores(name))
      faults.push_back(fmt::format("'{}' is of [{}], and no tensor of that name was expected", name,
                                   fmt::join(file.at(name).shape, ", ")));
  if (faults.empty()) return file;
  const std::string more =
      faults.size() == 1 ? "" : fmt::format("; {} more do not fit either", faults.size() - 1);
  ALLMODES_FAIL(ExitCode::kDataError, "{}: not the weights of {}: {}{}", path.string(), table.of,
                faults.front(), more);
}

const WeightTable& dialect_of(const checkpoints::SafetensorsFile& file,
                              std::span<const WeightTable> tables) {
  ALLMODES_CHECK(!tables.empty(), "no table of weights");
  const auto shared = [&](const WeightTable& table) {
    return std::ranges::count_if(table.tensors, [&](const auto& t) { return file.has(t.name); });
  };
  return *std::ranges::max_element(
      tables, [&](const auto& a, const auto& b) { return shared(a) < shared(b); });
}

const at::Tensor& Weights::at(const std::string& name) const {
  const auto found = tensors.find(name);
  ALLMODES_CHECK(found != tensors.end(), "no weights '{}'", name);
  return found->second;
}

Weights read_checked(const std::filesystem::path& path, const WeightTable& table) {
  const checkpoints::SafetensorsFile file = open_checked(path, table);
  Weights weights;
  for (const auto& [name, shape] : table.tensors) {
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kFloat));
    file.read(name, tensor.mutable_data_ptr(), tensor.nbytes());
    if (!at::isfinite(tensor).all().item<bool>())
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: not the weights of {}: '{}' has values that are not finite, finite ones "
                    "were expected",
                    path.string(), table.of, name);
    weights.tensors.emplace(name, std::move(tensor));
  }
  weights.hash = hash_of(weights, table);
  return weights;
}

uint64_t hash_of(const Weights& weights, const WeightTable& table) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> hash(XXH3_createState(),
                                                                             &XXH3_freeState);
  XXH3_64bits_reset(hash.get());
  for (const auto& wanted : table.tensors) {
    const at::Tensor tensor = weights.at(wanted.name).contiguous();
    XXH3_64bits_update(hash.get(), tensor.const_data_ptr(), tensor.nbytes());
  }
  return XXH3_64bits_digest(hash.get());
}

std::string hash_text(uint64_t hash) {
  return fmt::format("{:016x}", hash);
}

}  // namespace allmodes::pretrained
