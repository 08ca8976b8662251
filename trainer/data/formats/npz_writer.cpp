#include "data/formats/npz_writer.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cstring>
#include <limits>

#include "base/durable_file.h"
#include "base/error.h"

namespace allmodes::data {
namespace {

// Little-endian, as zip has them.
template <class T>
void append(std::string& to, T value) {
  for (size_t i = 0; i < sizeof(T); ++i)
    to += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xFF);
}

// Version 1: the header's length is such that the numbers begin at a multiple of 64.
std::string npy_of(const NamedArray& array) {
  std::string shape;
  int64_t count = 1;
  for (const int64_t size : array.shape) {
    shape += fmt::format("{}, ", size);
    count *= size;
  }
  ALLMODES_CHECK(count == std::ssize(array.values), "{} numbers for an array of {}",
                 array.values.size(), count);
  std::string header =
      fmt::format("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}), }}", shape);
  constexpr size_t kBefore = 10, kLine = 64;
  header.append((kLine - (kBefore + header.size() + 1) % kLine) % kLine, ' ');
  header += '\n';
  std::string npy("\x93NUMPY\x01\x00", 8);
  append(npy, static_cast<uint16_t>(header.size()));
  npy += header;
  npy.append(reinterpret_cast<const char*>(array.values.data()), array.values.size_bytes());
  return npy;
}

// What a member's two headers have in common: from the version that is needed to the lengths.
std::string common_fields(const std::string& name, const std::string& bytes) {
  constexpr uint16_t kVersion = 20, kNoFlags = 0, kStored = 0;
  constexpr uint32_t kFirstOf1980 =
      0x00210000;  // the least date, so that equal arrays make equal files
  std::string fields;
  append(fields, kVersion);
  append(fields, kNoFlags);
  append(fields, kStored);
  append(fields, kFirstOf1980);
  append(fields, static_cast<uint32_t>(
                     crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size())));
  append(fields, static_cast<uint32_t>(bytes.size()));
  append(fields, static_cast<uint32_t>(bytes.size()));
  append(fields, static_cast<uint16_t>(name.size()));
  append(fields, uint16_t{0});  // extra fields
  return fields;
}

}  // namespace

void write_npz(const std::filesystem::path& path, std::span<const NamedArray> arrays) {
  std::string file, directory;
  for (const NamedArray& array : arrays) {
    const std::string name = array.name + ".npy";
    const std::string bytes = npy_of(array);
    ALLMODES_CHECK(file.size() + bytes.size() < std::numeric_limits<int32_t>::max(),
                   "{} would be too large for a plain zip archive", path.string());
    const std::string fields = common_fields(name, bytes);
    directory += "PK\x01\x02";
    append(directory, uint16_t{20});  // made by version 2.0
    directory += fields;
    directory.append(10, '\0');  // comment, disk, attributes
    append(directory, static_cast<uint32_t>(file.size()));
    directory += name;
    file += "PK\x03\x04" + fields + name + bytes;
  }
  const auto count = static_cast<uint16_t>(arrays.size());
  const auto begin = static_cast<uint32_t>(file.size());
  file += directory + "PK\x05\x06";
  append(file, uint32_t{0});  // this disk and that of the directory
  append(file, count);
  append(file, count);
  append(file, static_cast<uint32_t>(directory.size()));
  append(file, begin);
  append(file, uint16_t{0});  // comment
  write_file_atomically(path, file);
}

}  // namespace allmodes::data
