#pragma once

// What each figure of records and diagnoses means.

#include "records/figure.h"

namespace allmodes::diagnosis {

// Those of runs, and those that only a diagnosis has.
records::FigureTables figure_tables();

}  // namespace allmodes::diagnosis
