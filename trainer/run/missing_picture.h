#pragma once

// What a verdict calls missing, as a picture of the data beside what was made there.

#include <optional>
#include <vector>

#include "diagnostics/collectors/evaluation.h"
#include "diagnostics/verdict/verdict.h"
#include "records/image.h"

namespace allmodes::run {

// Collective; on rank 0 a row of reals of each known mode that is missing and, of each part, a row
// of its reals over the samples nearest to them. Of points in the plane whose modes are not known
// those reals as crosses over reals and samples. Of large images the first few. Nothing where
// nothing is missing, and of other points.
std::optional<records::Image> missing_picture(
    const diagnostics::Evaluation& evaluation,
    const std::vector<diagnostics::GeneratedChunk>& generated,
    const diagnostics::Evidence& evidence, const diagnostics::Verdict& verdict);

}  // namespace allmodes::run
