#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "records/image.h"

namespace allmodes::records {

struct PlotRange {
  double x_min, x_max, y_min, y_max;
};

// With its axes along the plot's.
struct Ellipse {
  double x, y, x_radius, y_radius;
};

// Two-dimensional data, 640 x 640 pixels, both axes in one scale: reals as grey dots, fakes as blue
// translucent dots over them, mode centres (`means`, may be empty) as red crosses, which the legend
// calls `crosses`. Points are x, y, x, y, ... The range is that of the reals and the means with a
// margin, so that it does not jump from one step to the next; fakes outside it or not finite are
// counted in the legend. `ellipses` are outlined over the points.
Image scatter_plot(std::span<const float> fakes_xy, std::span<const float> reals_xy,
                   std::span<const float> means, std::optional<PlotRange> range = std::nullopt,
                   std::span<const Ellipse> ellipses = {}, const std::string& crosses = "modes");

// Two scores as a place in the unit square.
struct ScorePlane {
  struct Place {
    double x, y;
  };
  std::string x_name, y_name;
  Place found;
  std::optional<Place> expected;  // of samples that are as the data
};

// The planes side by side: what was found as a disc, what is expected as a cross. Scores beyond 1
// are drawn at the edge, their numbers said as they are; places that are not finite are left out.
Image score_planes(std::span<const ScorePlane> planes);

// Mode histogram, one horizontal bar a mode: expected counts as outlines, observed counts as
// fills. The label of a mode is red when its index is in `missing` or when nothing of it was
// observed though something was expected. All lists have one entry a mode; counts >= 0. Without
// `expected` it is a chart of any values >= 0, said to two digits.
Image bar_chart(std::span<const std::string> labels, std::span<const double> expected,
                std::span<const double> observed, const std::string& title,
                std::span<const int64_t> missing = {});

// Steps of 1, 2 or 5 times a power of ten that divide [low, high] into about `parts`: the multiples
// in the range.
std::vector<double> tick_values(double low, double high, int parts);

}  // namespace allmodes::records
