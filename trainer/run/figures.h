#pragma once

// What each figure of a run's records means.

#include "records/figure.h"

namespace allmodes::run {

// Of every kind of record, in the order in which a run writes them.
records::FigureTables figure_tables();

}  // namespace allmodes::run
