#pragma once

// Sections that the pages of runs, comparisons and diagnoses share. All texts are escaped.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "report/run_view.h"

namespace allmodes::report {

// Of all pictures of a page, before base64.
inline constexpr size_t kPictureBytes = 3 << 20;

// Of a picture of lost_rows().
inline constexpr const char* kMissingTitle =
    "Reals of what is missing, over the samples nearest to them";

// A sign beside a state, for those who do not see its colour.
const char* mark_of(const std::string& state);

// State and kind in words, the reason, and `judged`, a quiet line below (may be empty). `brief`: of
// the reason its first clause, the rest behind a click, as where a table says the same.
std::string verdict_box(const VerdictAt& verdict, const std::string& judged, bool brief);

// The table of what was found; "" when there is nothing.
std::string findings_table(std::span<const Finding> findings);

// What to try, and what the kind means (nothing for a name that is none).
std::string advice(std::span<const Suggestion> help, const std::string& kind);

// Expected and observed samples of each mode, the missing and the starved first; "" without modes.
std::string modes_section(std::vector<ModeShare> modes);

// A figure of the PNG file, which may have up to `room` bytes and uses them up; "" where it has
// more or cannot be read.
std::string picture_within(const std::filesystem::path& path, const std::string& title,
                           size_t& room);

}  // namespace allmodes::report
