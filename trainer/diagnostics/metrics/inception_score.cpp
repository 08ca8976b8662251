#include "diagnostics/metrics/inception_score.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

// Of one part: exp(sum over classes of mean(p log p) - q log q), with q the mean of the p.
double score_of(std::span<const float> logits, size_t classes) {
  const size_t rows = logits.size() / classes;
  std::vector<double> of_all(classes, 0), shares(classes);
  double information = 0;
  for (size_t row = 0; row < rows; ++row) {
    const auto values = logits.subspan(row * classes, classes);
    const auto largest = static_cast<double>(std::ranges::max(values));
    double sum = 0;
    for (size_t k = 0; k < classes; ++k) sum += shares[k] = std::exp(values[k] - largest);
    const double log_sum = std::log(sum);
    for (size_t k = 0; k < classes; ++k) {
      const double share = shares[k] / sum;
      of_all[k] += share;
      information += share * (values[k] - largest - log_sum);
    }
  }
  const auto count = static_cast<double>(rows);
  double entropy = 0;
  for (const double total : of_all)
    if (total > 0) entropy -= total / count * std::log(total / count);
  return std::exp(information / count + entropy);
}

}  // namespace

InceptionScore inception_score(std::span<const float> logits, int64_t classes, int64_t splits) {
  const int64_t rows = std::ssize(logits) / classes;
  ALLMODES_CHECK(splits >= 1 && rows >= splits && rows * classes == std::ssize(logits),
                 "{} logits of {} classes in {} parts", logits.size(), classes, splits);
  std::vector<double> scores;
  for (int64_t i = 0; i < splits; ++i) {
    const int64_t first = i * rows / splits, last = (i + 1) * rows / splits;
    scores.push_back(score_of(logits.subspan(static_cast<size_t>(first * classes),
                                             static_cast<size_t>((last - first) * classes)),
                              static_cast<size_t>(classes)));
  }
  InceptionScore result{0, 0};
  for (const double score : scores) result.mean += score / static_cast<double>(splits);
  for (const double score : scores)
    result.deviation += (score - result.mean) * (score - result.mean);
  result.deviation = std::sqrt(result.deviation / static_cast<double>(splits));
  return result;
}

}  // namespace allmodes::diagnostics
