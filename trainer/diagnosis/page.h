#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "diagnosis/diagnosis.h"

namespace allmodes::diagnosis {

struct DrawnPicture {
  std::filesystem::path path;
  std::string title;
};

// report.html of a diagnosis, one file without anything from elsewhere: the verdict, what to try,
// classes, figures with their meaning, these pictures within (up to 3 MB, the first ones first).
std::string diagnosis_page(const Diagnosis& diagnosis, const std::vector<DrawnPicture>& pictures);

}  // namespace allmodes::diagnosis
