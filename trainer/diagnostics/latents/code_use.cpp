#include "diagnostics/latents/code_use.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

// -sum p ln p of the shares of `counts`, nats; 0 for no count.
double entropy_of_counts(std::span<const int64_t> counts) {
  const auto all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
  double sum = 0;
  for (const int64_t count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / all;
    sum -= share * std::log(share);
  }
  return sum;
}

}  // namespace

void add(CodeCounts& counts, std::span<const int64_t> codes, int64_t places, int64_t most) {
  ALLMODES_CHECK(places > 0 && std::ssize(codes) % places == 0 &&
                     (counts.places == 0 || counts.places == places),
                 "{} codes at {} places, {} before", codes.size(), places, counts.places);
  const int64_t book = std::ssize(counts.of_code);
  const bool by_place = places * book <= most;
  counts.places = places;
  counts.pictures += std::ssize(codes) / places;
  if (by_place) counts.of_place.resize(static_cast<size_t>(places * book), 0);
  for (int64_t i = 0; i < std::ssize(codes); ++i) {
    const int64_t code = codes[static_cast<size_t>(i)];
    ALLMODES_CHECK(code >= 0 && code < book, "code {} of {}", code, book);
    ++counts.of_code[static_cast<size_t>(code)];
    if (by_place) ++counts.of_place[static_cast<size_t>(i % places * book + code)];
  }
}

int64_t codes_used(std::span<const int64_t> counts) {
  return std::ranges::count_if(counts, [](int64_t count) { return count > 0; });
}

double expected_codes_used(int64_t codes, int64_t draws) {
  ALLMODES_CHECK(codes >= 1 && draws >= 0, "{} draws of {} codes", draws, codes);
  const auto k = static_cast<double>(codes);
  if (codes == 1) return draws > 0 ? 1 : 0;
  return -k * std::expm1(static_cast<double>(draws) * std::log1p(-1 / k));
}

double perplexity(std::span<const int64_t> counts) {
  return std::exp(entropy_of_counts(counts));
}

double expected_perplexity(int64_t codes, int64_t draws) {
  ALLMODES_CHECK(codes >= 1 && draws >= 1, "{} draws of {} codes", draws, codes);
  if (codes == 1) return 1;
  const auto k = static_cast<double>(codes), n = static_cast<double>(draws);
  const double mean = n / k;
  // Beyond, the binomial's mass is below 1e-12 (Chernoff), and so is that of c ln c to its digits.
  const auto last = static_cast<int64_t>(std::min(n, std::ceil(mean + 10 * std::sqrt(mean) + 40)));
  const auto first = static_cast<int64_t>(std::max(2.0, std::floor(mean - 10 * std::sqrt(mean))));
  double sum = 0;
  for (int64_t c = first; c <= last; ++c) {
    const auto count = static_cast<double>(c);
    const double log_mass = std::lgamma(n + 1) - std::lgamma(count + 1) -
                            std::lgamma(n - count + 1) - count * std::log(k) +
                            (n - count) * std::log1p(-1 / k);
    sum += std::exp(log_mass) * count * std::log(count);
  }
  return std::exp(std::log(n) - k / n * sum);
}

std::vector<double> entropy_by_place(std::span<const int64_t> counts, int64_t places) {
  std::vector<double> entropies;
  const size_t book = counts.size() / static_cast<size_t>(places);
  for (int64_t place = 0; place < places; ++place)
    entropies.push_back(entropy_of_counts(counts.subspan(static_cast<size_t>(place) * book, book)));
  return entropies;
}

std::vector<double> ages_of_dead(std::span<const int64_t> counts, std::span<const float> ages) {
  ALLMODES_CHECK(counts.size() == ages.size(), "{} counts, {} ages", counts.size(), ages.size());
  std::vector<double> dead;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] == 0) dead.push_back(ages[i]);
  std::ranges::sort(dead);
  return dead;
}

CodeFigures code_figures(const CodeCounts& counts) {
  CodeFigures figures{.codes = std::ssize(counts.of_code),
                      .places = counts.pictures * counts.places,
                      .pictures = counts.pictures,
                      .used = codes_used(counts.of_code)};
  figures.expected_used = expected_codes_used(figures.codes, figures.places);
  figures.perplexity = perplexity(counts.of_code);
  return figures;
}

}  // namespace allmodes::diagnostics
