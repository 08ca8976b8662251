#pragma once

// What a diagnosis leaves behind: a file, pictures, an exit code.

#include <filesystem>
#include <optional>

#include "diagnosis/diagnosis.h"

namespace allmodes::diagnosis {

// The diagnosis on standard output, as wide as the terminal and in colour where there is one;
// `verbose`: with the findings that follow from the one that decides.
void print(const Diagnosis& diagnosis, bool verbose = false);

// `out` as a folder that is there; throws kCannotCreate.
std::filesystem::path made_folder(const std::filesystem::path& out);

struct ComparedSamples {
  const DiagnosedSamples& reals;
  const DiagnosedSamples& fakes;
};

// Writes diagnosis.json and report.html into `folder`, which is made, with pictures. For a
// posterior: kl.png (up to 64 dimensions). Of samples, where they are given: modes.png (with
// classes, up to 64) and scores.png; of images nearest.png (the fakes nearest to a real one, above
// it) and missing.png, where something is missing: a row of reals of each missing class, and of
// each missing part of the data a row of its reals over one of the fakes nearest to it; in the
// plane samples.png, such reals as crosses.
void write_diagnosis(const std::filesystem::path& folder, const Diagnosis& diagnosis,
                     const std::optional<ComparedSamples>& compared = std::nullopt);

// 0 healthy, 2 at_risk, 3 collapsed.
int exit_code_of(diagnostics::State state);

}  // namespace allmodes::diagnosis
