// Of pictures whose fine detail is not that of reals like them: noisy, jagged or blurred.

#include <fmt/format.h>

#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr double kDetail = 0.4;          // of the reals'; or one over this
constexpr double kSomeDetail = 2.0 / 3;  // the same: seen, though nothing else is judged by it
constexpr double kRougher = 0.05;        // share of the samples, beyond that of real ones
constexpr double kMuchRougher = 0.1;
constexpr double kSure = -4;  // log10 of p

bool is_beyond(const CalibratedFigure* detail, double limit) {
  return detail != nullptr && (detail->value < limit || detail->value > 1 / limit);
}

Witness witness_of(const CalibratedFigure& detail) {
  return risk_of(
      "unformed",
      fmt::format("what a picture's pixels differ from their neighbours by has {:.2g} of "
                  "the strength that reals like it have: {}; {}",
                  detail.value,
                  detail.value < 1 ? "blurred, or of less contrast" : "noisy or jagged",
                  below_power(detail.log10_tail)),
      "detail", measured_of("detail of pictures", detail));
}

std::optional<Witness> witness_texture(const Evidence& evidence, const config::Verdict& levels) {
  if (other_detail(evidence)) return std::nullopt;
  const CalibratedFigure* detail = calibrated_figure(evidence, "detail");
  if (significant(detail, levels) && is_beyond(detail, kSomeDetail)) return witness_of(*detail);
  const CalibratedFigure* figure = calibrated_figure(evidence, "rougher");
  if (!significant(figure, levels) || figure->value - figure->null_median < kRougher)
    return std::nullopt;
  return risk_of(
      "unformed",
      fmt::format("{:.1f} % of the samples have more fine detail than reals like them, of real "
                  "samples {:.1f} %: noisy, or jagged; {}",
                  100 * figure->value, 100 * figure->null_median, below_power(figure->log10_tail)),
      "detail", measured_share("samples rougher than the data", *figure));
}

}  // namespace

bool other_detail(const Evidence& evidence) {
  const CalibratedFigure* detail = calibrated_figure(evidence, "detail");
  return is_beyond(detail, kDetail) && detail->log10_tail <= kSure;
}

bool is_noisy(const Evidence& evidence) {
  const CalibratedFigure* detail = calibrated_figure(evidence, "detail");
  const CalibratedFigure* rougher = calibrated_figure(evidence, "rougher");
  return (is_beyond(detail, kSomeDetail) && detail->value > 1 && detail->log10_tail <= kSure) ||
         (rougher != nullptr && rougher->value - rougher->null_median >= kMuchRougher &&
          rougher->log10_tail <= kSure);
}

std::optional<Witness> witness_detail(const Evidence& evidence, const config::Verdict& levels) {
  const CalibratedFigure* detail = calibrated_figure(evidence, "detail");
  if (!significant(detail, levels) || !other_detail(evidence)) return std::nullopt;
  return witness_of(*detail);
}

// Of `rougher`; that of `detail` is counted with the pooled figures.
extern const Instrument kTextureInstrument{
    .name = "texture",
    .tests = [](const Evidence& evidence) -> int64_t {
      return calibrated_figure(evidence, "rougher") != nullptr ? 1 : 0;
    },
    .find = witness_texture};

}  // namespace allmodes::diagnostics
