#pragma once

// Folders and archives of pictures in a folder of their own.

#include <cstdint>
#include <string>

#include "unit/data_fixture.h"
#include "unit/picture_files.h"

namespace allmodes::data {

class PictureFiles : public DataFiles {
 protected:
  config::Data images(const std::string& name, int64_t size = 0) const {
    return data_of("images", path(name), "", size);
  }
  std::string small(uint8_t grey) const { return pgm(4, 4, grey); }
};

}  // namespace allmodes::data
