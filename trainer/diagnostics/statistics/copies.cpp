#include "diagnostics/statistics/copies.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diagnostics/statistics/distributions.h"

namespace allmodes::diagnostics {

std::vector<uint64_t> row_hashes(std::span<const float> values, int64_t width) {
  ALLMODES_CHECK(width >= 1 && values.size() % static_cast<size_t>(width) == 0,
                 "{} numbers in rows of {}", values.size(), width);
  const auto numbers = static_cast<size_t>(width);
  std::vector<float> row(numbers);
  std::vector<uint64_t> hashes;
  hashes.reserve(values.size() / numbers);
  for (size_t first = 0; first < values.size(); first += numbers) {
    // Adding 0 makes 0 of -0 and leaves all else as it is.
    std::transform(values.begin() + static_cast<std::ptrdiff_t>(first),
                   values.begin() + static_cast<std::ptrdiff_t>(first + numbers), row.begin(),
                   [](float value) { return value + 0.0F; });
    hashes.push_back(XXH3_64bits(row.data(), numbers * sizeof(float)));
  }
  return hashes;
}

Copies count_copies(std::vector<uint64_t> hashes) {
  std::ranges::sort(hashes);
  Copies found{.samples = std::ssize(hashes)};
  for (size_t first = 0; first < hashes.size();) {
    size_t end = first + 1;
    while (end < hashes.size() && hashes[end] == hashes[first]) ++end;
    const auto equal = static_cast<int64_t>(end - first);
    if (equal > 1) found.copies += equal;
    found.repeats += equal - 1;
    first = end;
  }
  return found;
}

int64_t times_in(const std::vector<uint64_t>& sorted, uint64_t hash) {
  return std::ssize(std::ranges::equal_range(sorted, hash));
}

SharedRows count_shared(std::vector<uint64_t> hashes, const std::vector<uint64_t>& sorted_others) {
  std::ranges::sort(hashes);
  SharedRows found;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (!std::ranges::binary_search(sorted_others, hashes[i])) continue;
    ++found.rows;
    if (i == 0 || hashes[i] != hashes[i - 1]) ++found.different;
  }
  return found;
}

double copies_excess(const CopyFigures& figures) {
  const auto share = [](const Copies& of) {
    ALLMODES_CHECK(of.samples >= 1, "copies among no samples");
    return static_cast<double>(of.copies) / static_cast<double>(of.samples);
  };
  return share(figures.of_samples) - share(figures.of_reals);
}

double copies_log10_tail(const CopyFigures& figures) {
  const auto n = static_cast<double>(figures.of_samples.samples);
  const auto m = static_cast<double>(figures.of_reals.samples);
  ALLMODES_CHECK(n >= 1 && m >= 1, "copies of {} samples beside {} reals", n, m);
  const double q = std::max(n / (n + m), n * n / (n * n + m * m));
  const int64_t a = figures.of_samples.repeats;
  const int64_t b = figures.of_reals.repeats;
  // P(X >= a) of a + b trials is P(Y <= b), Y counting the other outcome.
  return binomial_lower_log10(b, a + b, 1 - q);
}

}  // namespace allmodes::diagnostics
