#pragma once

// The layout of a network's flat storage and the buckets its gradient is exchanged in. Pure:
// functions of sizes and an order.

#include <cstdint>
#include <span>
#include <vector>

namespace allmodes::gradients {

// A parameter's place in flat storage, in elements.
struct Slice {
  int64_t offset = 0;
  int64_t count = 0;
};

// Places parameters of `counts` elements in `order` (order[k] is the parameter laid k-th), each
// starting on a 64-byte boundary of float storage. Result is indexed by parameter.
std::vector<Slice> lay_out(std::span<const int64_t> counts, std::span<const int64_t> order);

// Elements that lay_out() spans, padding included.
int64_t span_of(std::span<const Slice> slices);

// A contiguous range of flat storage, exchanged as one message once its parameters are ready.
struct Bucket {
  int64_t offset = 0;
  int64_t count = 0;
  int64_t parameters = 0;  // that lie in it
};

struct BucketPlan {
  std::vector<Bucket> buckets;     // in launch order, covering [0, span_of) without gaps
  std::vector<int64_t> bucket_of;  // by parameter
};

// Groups consecutive slices into buckets of at most `cap` elements (a larger parameter is alone).
// The first and the last bucket are capped by `edge_cap`: the first leaves early, the last is what
// nothing hides. cap, edge_cap >= 1.
BucketPlan plan_buckets(std::span<const Slice> slices, std::span<const int64_t> order, int64_t cap,
                        int64_t edge_cap);

// 64-bit hash of sizes and order, to compare over ranks.
uint64_t plan_hash(std::span<const int64_t> counts, std::span<const int64_t> order);

}  // namespace allmodes::gradients
