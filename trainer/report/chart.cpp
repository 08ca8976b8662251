#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/text.h"

namespace allmodes::report {
namespace {

constexpr double kWidth = 520, kHeight = 220;
constexpr double kLeft = 58, kRight = 10, kTop = 8, kBottom = 24;
constexpr size_t kMostCurves = 6;
constexpr size_t kMostPoints = 400;

// Of each group of points the one with the least and the one with the greatest value, so that no
// peak is lost.
Curve thinned(const Curve& curve) {
  if (curve.size() <= kMostPoints) return curve;
  const size_t groups = kMostPoints / 2;
  Curve kept;
  for (size_t g = 0; g < groups; ++g) {
    const auto first = curve.begin() + static_cast<std::ptrdiff_t>(g * curve.size() / groups);
    const auto last = curve.begin() + static_cast<std::ptrdiff_t>((g + 1) * curve.size() / groups);
    auto [least, greatest] = std::minmax_element(
        first, last, [](const auto& a, const auto& b) { return a.second < b.second; });
    if (least > greatest) std::swap(least, greatest);
    kept.push_back(*least);
    if (least != greatest) kept.push_back(*greatest);
  }
  return kept;
}

struct Range {
  double low = 0;
  double high = 1;
  double at(double value) const { return (value - low) / (high - low); }
};

// About four round values within the range.
std::vector<double> ticks_of(const Range& range) {
  const double rough = (range.high - range.low) / 4;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double step = power * (rough / power > 5   ? 10
                               : rough / power > 2 ? 5
                               : rough / power > 1 ? 2
                                                   : 1);
  std::vector<double> ticks;
  for (double tick = std::ceil(range.low / step) * step; tick <= range.high + step * 1e-9;
       tick += step)
    ticks.push_back(std::abs(tick) < step * 1e-9 ? 0 : tick);
  return ticks;
}

Range range_of(const std::vector<NamedCurve>& curves, bool of_steps) {
  double low = INFINITY, high = -INFINITY;
  for (const auto& curve : curves) {
    for (const auto& [step, value] : curve.points) {
      low = std::min(low, of_steps ? step : value);
      high = std::max(high, of_steps ? step : value);
    }
  }
  if (of_steps) return {low, high > low ? high : low + 1};
  const double room = high > low ? 0.05 * (high - low) : std::max(std::abs(high) * 0.1, 1e-6);
  return {low - room, high + room};
}

std::string axes(const Range& steps, const Range& values) {
  std::string out;
  const double width = kWidth - kLeft - kRight, height = kHeight - kTop - kBottom;
  for (const double tick : ticks_of(values)) {
    const double y = kTop + height * (1 - values.at(tick));
    out += fmt::format(
        R"(<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text x="{}" y="{:.1f}" text-anchor="end">{}</text>)",
        kLeft, kWidth - kRight, y, y, kLeft - 6, y + 4, short_number(tick));
  }
  constexpr double kHalfLabel = 24;
  for (const double tick : ticks_of(steps)) {
    const double x = kLeft + width * steps.at(tick);
    out += fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>)", x, kHeight - 6,
                       x > kWidth - kHalfLabel ? "end" : "middle", short_number(tick));
  }
  return out;
}

std::string described(const std::string& title, const std::vector<NamedCurve>& curves) {
  std::string text = title + ".";
  for (const auto& curve : curves) {
    const auto [least, greatest] =
        std::ranges::minmax(curve.points, {}, [](const auto& point) { return point.second; });
    text += fmt::format(" {}: {} at step {} to {} at step {}, between {} and {}.", curve.name,
                        short_number(curve.points.front().second), curve.points.front().first,
                        short_number(curve.points.back().second), curve.points.back().first,
                        short_number(least.second), short_number(greatest.second));
  }
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j)
      group = group << 8 | (j < count ? static_cast<uint8_t>(bytes[i + j]) : 0U);
    for (size_t j = 0; j < 4; ++j) out += j <= count ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return out;
}

std::string short_number(double value) {
  return fmt::format("{:.4g}", value);
}

std::string line_chart(const std::string& title, std::vector<NamedCurve> curves, bool marked) {
  std::erase_if(curves, [](const NamedCurve& curve) { return curve.points.empty(); });
  if (curves.empty()) return "";
  if (curves.size() > kMostCurves) curves.resize(kMostCurves);
  for (auto& curve : curves) curve.points = thinned(curve.points);
  const Range steps = range_of(curves, true), values = range_of(curves, false);
  const double width = kWidth - kLeft - kRight, height = kHeight - kTop - kBottom;
  std::string legend, lines;
  for (size_t i = 0; i < curves.size(); ++i) {
    const auto& [name, points, meaning] = curves[i];
    std::string line, data, marks;
    for (const auto& [step, value] : points) {
      const double x = kLeft + width * steps.at(step);
      const double y = kTop + height * (1 - values.at(value));
      line += fmt::format("{:.1f},{:.1f} ", x, y);
      data += fmt::format("{:g},{:.4g} ", step, value);
      if (marked || points.size() == 1)
        marks += fmt::format(R"(<circle class="c{}" cx="{:.1f}" cy="{:.1f}" r="3"/>)", i, x, y);
    }
    lines += fmt::format(R"(<polyline class="c{}" points="{}" data-name="{}" data-points="{}"/>{})",
                         i, line, escaped(name), data, marks);
    legend += fmt::format(
        R"(<span title="{3}"><svg viewBox="0 0 24 8" class="key" aria-hidden="true"><line class="c{0}" x1="0" x2="24" y1="4" y2="4"/></svg>{1} <b>{2}</b></span>)",
        i, escaped(name), short_number(points.back().second), escaped(meaning));
  }
  return fmt::format(
      R"(<figure class="chart"><figcaption>{0}</figcaption><svg viewBox="0 0 {1} {2}" role="img" aria-label="{3}">{4}{5}</svg><p class="legend">{6}</p><p class="hover" aria-hidden="true">&nbsp;</p></figure>)",
      escaped(title), kWidth, kHeight, escaped(described(title, curves)), axes(steps, values),
      lines, legend);
}

std::string square_chart(const std::string& title, const std::string& x_name,
                         const std::string& y_name,
                         const std::vector<std::pair<double, double>>& at) {
  if (at.empty()) return "";
  constexpr double kSide = 200, kEdge = 30;
  const auto place = [&](double value) { return std::clamp(value, 0.0, 1.0) * kSide; };
  std::string line;
  for (const auto& [x, y] : at)
    line += fmt::format("{:.1f},{:.1f} ", kEdge + place(x), 8 + kSide - place(y));
  const auto& [x, y] = at.back();
  return fmt::format(
      R"(<figure class="chart square"><figcaption>{0}</figcaption><svg viewBox="0 0 {1} {1}" role="img" aria-label="{0}: {2} {4}, {3} {5} at the last evaluation; 1 and 1 would be best."><rect class="grid" x="{6}" y="8" width="{7}" height="{7}"/><polyline class="c0 thin" points="{8}"/><circle class="c0" cx="{9:.1f}" cy="{10:.1f}" r="5"/><text x="{6}" y="{11}">0</text><text x="{12}" y="{11}" text-anchor="end">{2} 1</text><text x="{13}" y="18" text-anchor="end">1</text></svg><p class="legend"><span>{2} <b>{4}</b></span><span>{3} <b>{5}</b></span></p></figure>)",
      escaped(title), kSide + 2 * kEdge, escaped(x_name), escaped(y_name), short_number(x),
      short_number(y), kEdge, kSide, line, kEdge + place(x), 8 + kSide - place(y),
      kSide + kEdge - 4, kEdge + kSide, kEdge - 6);
}

}  // namespace allmodes::report
