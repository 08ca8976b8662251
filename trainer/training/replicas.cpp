#include "training/replicas.h"

#include <ATen/core/Tensor.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "base/error.h"

namespace allmodes::training {
namespace {

uint64_t hash_of(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().to(at::kCPU).contiguous();
  return XXH3_64bits(host.const_data_ptr(), host.nbytes());
}

std::string rank_list(const std::vector<size_t>& ranks) {
  constexpr size_t kShown = 8;
  const size_t shown = std::min(ranks.size(), kShown);
  std::string text = fmt::format(
      "rank{} {}", ranks.size() == 1 ? "" : "s",
      fmt::join(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (ranks.size() > shown) text += fmt::format(" and {} more", ranks.size() - shown);
  return text;
}

}  // namespace

std::vector<ReplicaPart> hash_replica(const Model& model) {
  std::vector<ReplicaPart> parts;
  for (const auto& network : model.networks()) {
    const auto& flat = network->flat;
    const auto add = [&](const std::string& what, const at::Tensor& tensor) {
      if (tensor.numel() > 0)
        parts.push_back({fmt::format("{} of network '{}'", what, flat.name), hash_of(tensor)});
    };
    add("weights", flat.parameters);
    add("moving average", flat.average);
    add("running statistics", flat.buffers);
    const auto add_optimizer = [&](const std::string& prefix, const optimizers::FlatAdam& adam) {
      add(prefix + "first moment", adam.first_moment());
      add(prefix + "second moment", adam.second_moment());
      add(prefix + "count of updates", adam.updates());
    };
    add_optimizer("", *network->optimizer);
    for (const auto& [name, optimizer] : network->more_optimizers)
      add_optimizer(name + "'s ", *optimizer);
  }
  return parts;
}

std::optional<std::string> odd_replicas(const std::vector<ReplicaPart>& parts,
                                        std::span<const std::vector<uint64_t>> by_rank) {
  for (size_t part = 0; part < parts.size(); ++part) {
    std::map<uint64_t, std::vector<size_t>> groups;
    for (size_t rank = 0; rank < by_rank.size(); ++rank)
      groups[by_rank[rank].at(part)].push_back(rank);
    if (groups.size() == 1) continue;
    // Of groups of one size the one with the lowest rank is taken to be right.
    const auto usual = std::max_element(groups.begin(), groups.end(), [](auto& a, auto& b) {
      return std::pair(a.second.size(), -static_cast<int64_t>(a.second.front())) <
             std::pair(b.second.size(), -static_cast<int64_t>(b.second.front()));
    });
    std::vector<size_t> odd;
    for (const auto& [hash, ranks] : groups)
      if (hash != usual->first) odd.insert(odd.end(), ranks.begin(), ranks.end());
    std::ranges::sort(odd);
    return fmt::format("{} differ{} from {} in the {} ({}, {})", rank_list(odd),
                       odd.size() == 1 ? "s" : "", rank_list(usual->second), parts[part].name,
                       by_rank[odd.front()][part], usual->first);
  }
  return std::nullopt;
}

void check_replicas(const Model& model, const Position& position, world::Communicator& control) {
  std::vector<ReplicaPart> parts{{"number of steps", position.step},
                                 {"number of samples", position.samples}};
  for (auto& part : hash_replica(model)) parts.push_back(std::move(part));
  std::vector<uint64_t> mine;
  for (const auto& part : parts) mine.push_back(part.hash);
  const auto all = control.all_gather_v(std::as_bytes(std::span(mine)), "hashes of replicas");
  std::vector<std::vector<uint64_t>> by_rank;
  for (const auto& bytes : all) {
    if (bytes.size() != mine.size() * sizeof(uint64_t))
      ALLMODES_FAIL(ExitCode::kProtocol, "the ranks have different numbers of networks");
    by_rank.emplace_back(mine.size());
    std::memcpy(by_rank.back().data(), bytes.data(), bytes.size());
  }
  const auto odd = odd_replicas(parts, by_rank);
  if (!odd) return;
  ALLMODES_FAIL(
      ExitCode::kProtocol,
      "the ranks no longer train the same model at step {}: {}. Memory may have failed, or "
      "the hosts' processors or libraries round otherwise. Continue from the last "
      "checkpoint with --resume auto; consistency.replicas_every: 0 does not look",
      position.step, *odd);
}

}  // namespace allmodes::training
