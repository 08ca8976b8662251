#pragma once

// The finding that decides a verdict, beside the others: which of them follow from it, and what is
// lost that it does not name itself.

#include <string>
#include <vector>

#include "diagnostics/verdict/verdict.h"

namespace allmodes::diagnostics {

// Marks as `explained` those findings that follow from the first one, which decides: of the same
// kind about nothing else; whatever a number that is none brings about; modes that are short or
// narrow where all samples are nearly one, carry no code, or lie off the data. A mode that is short
// where samples lie off the data is a finding of its own unless most of the data is short with it.
void mark_explained(std::vector<Witness>& witnesses, const Evidence& evidence);

// ", and missing: Trouser (21 of 250), starved: Bag (60 of 250)": the lost and starved modes and
// parts of `verdict` (its lists, which are filled) that its first finding neither names nor explains,
// three of either at most; empty where there are none.
std::string losses_beside(const Verdict& verdict, const Evidence& evidence);

}  // namespace allmodes::diagnostics
