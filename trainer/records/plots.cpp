#include "records/plots.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "base/error.h"
#include "records/canvas.h"

namespace allmodes::records {
namespace {

constexpr Color kPaper{255, 255, 255};
constexpr Color kInk{40, 44, 52};
constexpr Color kPale{120, 126, 136};
constexpr Color kGrid{232, 234, 238};
constexpr Color kReal{150, 154, 160, 0.55};
constexpr Color kFake{31, 99, 201, 0.40};
constexpr Color kMode{214, 40, 40};
constexpr Color kOutline{18, 60, 130};
constexpr Color kObserved{86, 143, 219};

void text_right(Canvas& canvas, double right, double y, const std::string& text, Color color) {
  canvas.text(right - text_width(text), y, text, color);
}

void text_centred(Canvas& canvas, double x, double y, const std::string& text, Color color) {
  canvas.text(x - text_width(text) / 2, y, text, color);
}

void cross(Canvas& canvas, double x, double y, double reach) {
  // A white edge keeps the cross readable on a dense cloud.
  for (const auto& [thickness, color] : {std::pair{4.5, kPaper}, std::pair{2.2, kMode}}) {
    canvas.line(x - reach, y - reach, x + reach, y + reach, thickness, color);
    canvas.line(x - reach, y + reach, x + reach, y - reach, thickness, color);
  }
}

PlotRange range_of(std::span<const float> reals_xy, std::span<const float> means) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  PlotRange range{kInfinity, -kInfinity, kInfinity, -kInfinity};
  for (const auto points : {reals_xy, means}) {
    for (size_t i = 0; i + 1 < points.size(); i += 2) {
      const double x = points[i];
      const double y = points[i + 1];
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      range.x_min = std::min(range.x_min, x);
      range.x_max = std::max(range.x_max, x);
      range.y_min = std::min(range.y_min, y);
      range.y_max = std::max(range.y_max, y);
    }
  }
  if (range.x_min > range.x_max) range = {-1, 1, -1, 1};
  return range;
}

// The same centre, a square of the larger side and 8 % margin: one scale for both axes.
PlotRange squared(const PlotRange& range, double margin) {
  const double side = std::max({range.x_max - range.x_min, range.y_max - range.y_min, 1e-9});
  const double half = side / 2 * (1 + margin);
  const double x = (range.x_min + range.x_max) / 2;
  const double y = (range.y_min + range.y_max) / 2;
  return {x - half, x + half, y - half, y + half};
}

std::string tick_label(double value, double step) {
  if (std::abs(value) < step * 1e-6) value = 0;
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
  return std::abs(value) >= 1e6 ? fmt::format("{:.1e}", value)
                                : fmt::format("{:.{}f}", value, digits);
}

double step_of(const std::vector<double>& ticks) {
  return ticks.size() > 1 ? ticks[1] - ticks[0] : 1.0;
}

// The plotting square of a scatter plot within its 640 x 640 pixels.
struct Square {
  double left = 68, top = 58, side = 540;
  PlotRange range{};
  double x(double value) const {
    return left + (value - range.x_min) / (range.x_max - range.x_min) * side;
  }
  double y(double value) const {
    return top + (range.y_max - value) / (range.y_max - range.y_min) * side;
  }
  bool holds(double px, double py) const {
    return px >= range.x_min && px <= range.x_max && py >= range.y_min && py <= range.y_max;
  }
};

void draw_axes(Canvas& canvas, const Square& square, int parts = 6) {
  const auto across = tick_values(square.range.x_min, square.range.x_max, parts);
  const auto upward = tick_values(square.range.y_min, square.range.y_max, parts);
  const double bottom = square.top + square.side;
  const double right = square.left + square.side;
  for (const double value : across) {
    const double x = std::floor(square.x(value));
    canvas.fill(x, square.top, x + 1, bottom, kGrid);
    canvas.fill(x, bottom, x + 1, bottom + 5, kPale);
    text_centred(canvas, x, bottom + 10, tick_label(value, step_of(across)), kInk);
  }
  for (const double value : upward) {
    const double y = std::floor(square.y(value));
    canvas.fill(square.left, y, right, y + 1, kGrid);
    canvas.fill(square.left - 5, y, square.left, y + 1, kPale);
    text_right(canvas, square.left - 9, y - text_height() / 2, tick_label(value, step_of(upward)),
               kInk);
  }
}

// Draws the points inside the square and returns how many there were.
int64_t draw_points(Canvas& canvas, const Square& square, std::span<const float> points,
                    double radius, Color color) {
  int64_t inside = 0;
  for (size_t i = 0; i + 1 < points.size(); i += 2) {
    if (!square.holds(points[i], points[i + 1])) continue;  // not finite: never held
    canvas.disc(square.x(points[i]), square.y(points[i + 1]), radius, color);
    ++inside;
  }
  return inside;
}

// The parts of the outline inside the square.
void draw_ellipse(Canvas& canvas, const Square& square, const Ellipse& ellipse) {
  constexpr int kParts = 180;
  const auto point = [&](int i) {
    const double angle = 2 * std::numbers::pi * i / kParts;
    return std::pair{ellipse.x + ellipse.x_radius * std::cos(angle),
                     ellipse.y + ellipse.y_radius * std::sin(angle)};
  };
  for (int i = 0; i < kParts; ++i) {
    const auto [x0, y0] = point(i);
    const auto [x1, y1] = point(i + 1);
    if (square.holds(x0, y0) && square.holds(x1, y1))
      canvas.line(square.x(x0), square.y(y0), square.x(x1), square.y(y1), 2.0, kOutline);
  }
}

// Which rows are labelled when only every n-th has room: the lost ones before the others.
std::vector<bool> choose_labels(const std::vector<bool>& lost, size_t every) {
  const size_t rows = lost.size();
  std::vector<bool> labelled(rows);
  for (const bool turn : {true, false}) {
    for (size_t i = 0; i < rows; ++i) {
      if (lost[i] != turn) continue;
      bool room = true;
      for (size_t j = i - std::min(i, every - 1); j < std::min(rows, i + every); ++j) {
        room = room && !labelled[j];
      }
      labelled[i] = room;
    }
  }
  return labelled;
}

void draw_bar_legend(Canvas& canvas, double left) {
  canvas.frame(left, 46, left + 16, 60, 1.5, kInk);
  canvas.text(left + 24, 46, "expected", kInk);
  canvas.fill(left + 160, 46, left + 176, 60, kObserved);
  canvas.text(left + 184, 46, "observed", kInk);
}

}  // namespace

std::vector<double> tick_values(double low, double high, int parts) {
  const double raw = (high - low) / parts;
  if (!(raw > 0) || !std::isfinite(raw)) return {low};
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double lead = raw / power;
  const double step = power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
  std::vector<double> values;
  for (double n = std::ceil(low / step - 1e-9); n * step <= high + step * 1e-9; ++n) {
    values.push_back(n * step);
  }
  return values;
}

Image scatter_plot(std::span<const float> fakes_xy, std::span<const float> reals_xy,
                   std::span<const float> means, std::optional<PlotRange> range,
                   std::span<const Ellipse> ellipses, const std::string& crosses) {
  Canvas canvas(640, 640, kPaper);
  Square square;
  square.range =
      range.has_value() ? squared(*range, 0.0) : squared(range_of(reals_xy, means), 0.16);
  draw_axes(canvas, square);
  const double right = square.left + square.side;
  const double bottom = square.top + square.side;

  // Many points want smaller dots.
  const double crowd = static_cast<double>(std::max(fakes_xy.size(), reals_xy.size()) / 2);
  const double radius =
      std::clamp(3.2 - 0.9 * std::log10(std::max(crowd, 100.0) / 100.0), 1.3, 3.2);
  draw_points(canvas, square, reals_xy, radius, kReal);
  const int64_t inside = draw_points(canvas, square, fakes_xy, radius, kFake);
  for (const Ellipse& ellipse : ellipses) draw_ellipse(canvas, square, ellipse);
  for (size_t i = 0; i + 1 < means.size(); i += 2) {
    if (square.holds(means[i], means[i + 1])) {
      cross(canvas, square.x(means[i]), square.y(means[i + 1]), 4.0);
    }
  }
  canvas.frame(square.left, square.top, right, bottom, 1, kPale);

  const auto fakes = static_cast<int64_t>(fakes_xy.size() / 2);
  double x = square.left;
  const double line = 22;
  const auto entry = [&](const std::string& name, auto mark) {
    mark(x + 5, line + text_height() / 2);
    canvas.text(x + 18, line, name, kInk);
    x += 18 + text_width(name) + 28;
  };
  const Color solid_real{kReal.red, kReal.green, kReal.blue};
  const Color solid_fake{kFake.red, kFake.green, kFake.blue, 0.85};
  entry("reals", [&](double px, double py) { canvas.disc(px, py, 5, solid_real); });
  entry("fakes", [&](double px, double py) { canvas.disc(px, py, 5, solid_fake); });
  if (!means.empty()) entry(crosses, [&](double px, double py) { cross(canvas, px, py, 4.0); });
  if (inside < fakes) {
    const std::string note = fmt::format("{} of {} outside", fakes - inside, fakes);
    text_right(canvas, right, line, note, kMode);
  }
  return canvas.take();
}

Image score_planes(std::span<const ScorePlane> planes) {
  constexpr double kApart = 470;
  constexpr double kSide = 360;
  Canvas canvas(static_cast<int64_t>(kApart * static_cast<double>(planes.size())) + 20, 500,
                kPaper);
  for (size_t i = 0; i < planes.size(); ++i) {
    const ScorePlane& plane = planes[i];
    const Square square{.left = kApart * static_cast<double>(i) + 68,
                        .top = 66,
                        .side = kSide,
                        .range = {0, 1, 0, 1}};
    draw_axes(canvas, square, 5);
    const double bottom = square.top + square.side;
    canvas.text(square.left - 44, 40, plane.y_name, kInk);
    text_centred(canvas, square.left + square.side / 2, bottom + 36, plane.x_name, kInk);
    canvas.frame(square.left, square.top, square.left + square.side, bottom, 1, kPale);
    const auto at = [&](const ScorePlane::Place& place) {
      return std::pair{square.x(std::clamp(place.x, 0.0, 1.0)),
                       square.y(std::clamp(place.y, 0.0, 1.0))};
    };
    const auto known = [](const ScorePlane::Place& place) {
      return std::isfinite(place.x) && std::isfinite(place.y);
    };
    if (plane.expected && known(*plane.expected)) {
      const auto [x, y] = at(*plane.expected);
      cross(canvas, x, y, 6);
    }
    if (!known(plane.found)) continue;
    const auto [x, y] = at(plane.found);
    canvas.disc(x, y, 7, {kFake.red, kFake.green, kFake.blue});
    const std::string numbers = fmt::format("{:.2f}, {:.2f}", plane.found.x, plane.found.y);
    // Towards the middle, where there is room.
    const double beside = x > square.left + square.side / 2 ? x - 14 - text_width(numbers) : x + 14;
    const double above = y > square.top + square.side / 2 ? y - 24 : y + 12;
    canvas.text(beside, above, numbers, kOutline);
  }
  canvas.disc(28, 18, 7, {kFake.red, kFake.green, kFake.blue});
  canvas.text(42, 12, "found", kInk);
  cross(canvas, 150, 18, 6);
  canvas.text(166, 12, "expected of real samples", kInk);
  return canvas.take();
}

Image bar_chart(std::span<const std::string> labels, std::span<const double> expected,
                std::span<const double> observed, const std::string& title,
                std::span<const int64_t> missing) {
  const size_t modes = labels.size();
  const bool counts = !expected.empty();
  ALLMODES_CHECK(modes > 0 && (!counts || expected.size() == modes) && observed.size() == modes,
                 "{} labels, {} expected and {} observed counts", modes, expected.size(),
                 observed.size());
  // A row has room for its label up to 60 modes; beyond, rows shrink and every n-th is labelled.
  constexpr size_t kLongestLabel = 24;  // "mode 24 (-1.41, -1.41)" is 22
  const double row =
      modes <= 60 ? 26 : std::max(4.0, std::floor(60 * 26.0 / static_cast<double>(modes)));
  const auto every = static_cast<size_t>(std::ceil(18 / row));
  size_t longest = 1;
  double most = counts ? 1 : 1e-2;
  for (size_t i = 0; i < modes; ++i) {
    longest = std::max(longest, std::min(labels[i].size(), kLongestLabel));
    most = std::max({most, counts ? expected[i] : 0, observed[i]});
  }
  const double left = 24 + static_cast<double>(longest) * 12;
  const double top = 72;
  const double span = 520;
  const double right = left + span;
  const double bottom = top + row * static_cast<double>(modes);
  Canvas canvas(static_cast<int64_t>(std::max(right + 96, 40 + text_width(title))),
                static_cast<int64_t>(bottom + 44), kPaper);
  canvas.text(20, 16, title, kInk);
  if (counts) draw_bar_legend(canvas, left);
  const double scale = span / (most * 1.02);
  const auto ticks = tick_values(0, most * 1.02, 5);
  for (const double value : ticks) {
    const double x = std::floor(left + value * scale);
    canvas.fill(x, top, x + 1, bottom, kGrid);
    text_centred(canvas, x, bottom + 12, tick_label(value, step_of(ticks)), kPale);
  }
  std::vector<bool> lost(modes);
  for (size_t i = 0; i < modes; ++i) lost[i] = counts && observed[i] <= 0 && expected[i] > 0;
  for (const int64_t mode : missing) lost.at(static_cast<size_t>(mode)) = true;
  const std::vector<bool> labelled = choose_labels(lost, every);
  const double inset = row >= 12 ? 4 : row >= 6 ? 1 : 0.5;
  for (size_t i = 0; i < modes; ++i) {
    const double y = top + row * static_cast<double>(i);
    canvas.fill(left, y + inset, left + observed[i] * scale, y + row - inset,
                lost[i] ? kMode : kObserved);
    if (counts)
      canvas.frame(left, y + inset, left + std::max(expected[i] * scale, 2.0), y + row - inset,
                   row >= 12 ? 1.5 : 1, lost[i] ? kMode : kInk);
    if (!labelled[i]) continue;
    const double base = y + (row - text_height()) / 2;
    const std::string label = labels[i].size() > kLongestLabel
                                  ? labels[i].substr(0, kLongestLabel - 2) + ".."
                                  : labels[i];
    text_right(canvas, left - 8, base, label, lost[i] ? kMode : kInk);
    text_right(canvas, right + 86, base, fmt::format("{:.{}f}", observed[i], counts ? 0 : 2),
               lost[i] ? kMode : kPale);
  }
  canvas.fill(left - 1, top, left, bottom, kPale);
  return canvas.take();
}

}  // namespace allmodes::records
