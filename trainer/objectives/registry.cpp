#include "objectives/registry.h"

#include "base/error.h"
#include "config/families.h"

namespace allmodes::objectives {

namespace {

template <typename Row>
std::map<std::string, Row> by_name(std::span<const Row* const> rows) {
  std::map<std::string, Row> table;
  for (const Row* row : rows)
    ALLMODES_CHECK(table.emplace(row->name, *row).second, "two rows are named '{}'", row->name);
  return table;
}

}  // namespace

const std::map<std::string, GanLoss>& gan_losses() {
  static const auto table = by_name(gan_loss_rows());
  return table;
}

const std::map<std::string, PenaltyKind>& penalties() {
  static const auto table = by_name(penalty_rows());
  return table;
}

const std::map<std::string, Likelihood>& likelihoods() {
  static const auto table = by_name(likelihood_rows());
  return table;
}

std::unique_ptr<Objective> make_objective(const config::RunConfig& config, const DataFacts& data,
                                          std::vector<ConfigurationError>& errors) {
  const std::string name = config::family_name(config);
  if (name.empty()) return nullptr;  // reported by config::load
  for (const FamilyRow* row : family_rows())
    if (row->name == name) return row->make(config, data, errors);
  ALLMODES_CHECK(false, "no file of objectives/ has a row for the family '{}'", name);
  return nullptr;
}

}  // namespace allmodes::objectives
