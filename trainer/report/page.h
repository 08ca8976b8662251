#pragma once

#include <string>
#include <vector>

#include "records/figure.h"
#include "report/run_view.h"

namespace allmodes::report {

// report.html of a run: one file without anything from elsewhere, below 5 MB (pictures are chosen
// evenly over the steps until 3 MB). Names from outside are escaped.
std::string run_page(const RunView& view, const records::FigureTables& figures = {});

// The same of several runs beside each other: verdicts, what differs in their configurations, figures
// of the last evaluations, curves of up to six of them over each other, their last samples.
// `links`: what each run's name leads to, as many as runs; an empty one leads nowhere.
std::string comparison_page(const std::vector<RunView>& runs,
                            const std::vector<std::string>& links);

// What `run_page` and other pages begin with, and end with: style and script are within.
std::string page_head(const std::string& title);
std::string page_end();

}  // namespace allmodes::report
