#include "gradients/bucket_plan.h"

#include <algorithm>

#include "base/error.h"

namespace allmodes::gradients {
namespace {

constexpr int64_t kAlignment = 16;  // floats in 64 bytes

int64_t aligned(int64_t n) {
  return (n + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

std::vector<Slice> lay_out(std::span<const int64_t> counts, std::span<const int64_t> order) {
  ALLMODES_CHECK(counts.size() == order.size(), "{} parameters, {} in the order", counts.size(),
                 order.size());
  std::vector<Slice> slices(counts.size(), Slice{-1, 0});
  int64_t offset = 0;
  for (const int64_t parameter : order) {
    auto& slice = slices.at(static_cast<size_t>(parameter));
    ALLMODES_CHECK(slice.offset < 0, "parameter {} stands twice in the order", parameter);
    slice = {offset, counts[static_cast<size_t>(parameter)]};
    offset += aligned(slice.count);
  }
  return slices;
}

int64_t span_of(std::span<const Slice> slices) {
  int64_t end = 0;
  for (const Slice& slice : slices) end = std::max(end, slice.offset + aligned(slice.count));
  return end;
}

BucketPlan plan_buckets(std::span<const Slice> slices, std::span<const int64_t> order, int64_t cap,
                        int64_t edge_cap) {
  ALLMODES_CHECK(cap >= 1 && edge_cap >= 1, "caps are {} and {}", cap, edge_cap);
  BucketPlan plan;
  plan.bucket_of.assign(slices.size(), 0);
  const auto size = [&](size_t k) { return aligned(slices[static_cast<size_t>(order[k])].count); };
  // Where the last, small bucket begins: as many trailing parameters as fit the edge cap, or one.
  size_t last = order.size();
  int64_t tail = 0;
  while (last > 1 && (last == order.size() || tail + size(last - 1) <= edge_cap))
    tail += size(--last);
  for (size_t k = 0; k < order.size(); ++k) {
    const int64_t limit = plan.buckets.size() <= 1 ? std::min(cap, edge_cap) : cap;
    const bool fits =
        !plan.buckets.empty() && k != last && plan.buckets.back().count + size(k) <= limit;
    if (!fits) plan.buckets.push_back({slices[static_cast<size_t>(order[k])].offset, 0, 0});
    Bucket& bucket = plan.buckets.back();
    bucket.count += size(k);
    ++bucket.parameters;
    plan.bucket_of[static_cast<size_t>(order[k])] = static_cast<int64_t>(plan.buckets.size()) - 1;
  }
  return plan;
}

uint64_t plan_hash(std::span<const int64_t> counts, std::span<const int64_t> order) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  const auto add = [&](int64_t x) {
    hash = (hash ^ static_cast<uint64_t>(x)) * 0x100000001b3ULL;
    hash ^= hash >> 29;
  };
  for (const int64_t x : counts) add(x);
  for (const int64_t x : order) add(x);
  return hash;
}

}  // namespace allmodes::gradients
