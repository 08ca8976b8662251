#pragma once

#include <string>

#include "records/figure.h"
#include "report/run_view.h"

namespace allmodes::report {

// report.html of a run: one file without anything from elsewhere, below 5 MB (pictures are chosen
// evenly over the steps until 3 MB). Names from outside are escaped.
std::string run_page(const RunView& view, const records::FigureTables& figures = {});

// What `run_page` and other pages begin with, and end with: style and script are within.
std::string page_head(const std::string& title);
std::string page_end();

}  // namespace allmodes::report
