#include "data/formats/npz_writer.h"

#include <fmt/format.h>

#include "base/durable_file.h"
#include "base/error.h"
#include "data/containers/zip_writer.h"
#include "data/formats/npy_header.h"

namespace allmodes::data {

void write_npz(const std::filesystem::path& path, std::span<const NamedArray> arrays) {
  write_file_atomically(path, [&](DurableFile& file) {
    ZipWriter archive(file);
    for (const NamedArray& array : arrays) {
      int64_t count = 1;
      for (const int64_t size : array.shape) count *= size;
      ALLMODES_CHECK(count == std::ssize(array.values), "{} numbers for an array of {}",
                     array.values.size(), count);
      std::string bytes = npy_header("<f8", array.shape);
      bytes.append(reinterpret_cast<const char*>(array.values.data()), array.values.size_bytes());
      archive.add(array.name + ".npy", bytes);
    }
    archive.finish();
  });
}

}  // namespace allmodes::data
