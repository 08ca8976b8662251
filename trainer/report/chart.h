#pragma once

// Parts of a page: text for HTML, pictures within it, curves as SVG.

#include <string>
#include <string_view>
#include <vector>

#include "report/run_view.h"

namespace allmodes::report {

// Text as it may stand in an element or in a quoted attribute: & < > " ' escaped, valid UTF-8.
std::string escaped(std::string_view text);

std::string base64(std::string_view bytes);

// A number for people: four significant digits.
std::string short_number(double value);

struct NamedCurve {
  std::string name;
  Curve points;
  std::string meaning = {};  // shown by the legend when pointed at
};

// A line chart of up to six curves over the steps, with a legend, axes and, for those who cannot
// see it, first, last, least and greatest value of each as text. `evaluated`: mark every point.
// Curves are thinned to 400 points; "" when there is none with a point.
std::string line_chart(const std::string& title, std::vector<NamedCurve> curves,
                       bool marked = false);

// Places in the unit square, joined in their order, the last one marked: precision over recall.
std::string square_chart(const std::string& title, const std::string& x_name,
                         const std::string& y_name,
                         const std::vector<std::pair<double, double>>& at);

}  // namespace allmodes::report
