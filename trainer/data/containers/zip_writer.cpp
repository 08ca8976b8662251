#include "data/containers/zip_writer.h"

#include <zlib.h>

namespace allmodes::data {
namespace {

constexpr uint64_t kElsewhere = 0xFFFFFFFF;  // in the record of 64-bit numbers

std::string number(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(i < 8 ? value >> (8 * i) & 0xFFU : 0);
  return out;
}

}  // namespace

void ZipWriter::add(const std::string& name, const std::string& bytes) {
  const uint64_t place = file_.bytes();
  const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  const std::string common = number(45, 2) + number(0, 4) + number(0, 4) + number(sum, 4) +
                             number(kElsewhere, 4) + number(kElsewhere, 4) + number(name.size(), 2);
  put("PK\x03\x04" + common + number(20, 2) + name + number(1, 2) + number(16, 2) +
      number(bytes.size(), 8) + number(bytes.size(), 8));
  put(bytes);
  directory_ += "PK\x01\x02" + number(45, 2) + common + number(28, 2) + number(0, 10) +
                number(kElsewhere, 4) + name + number(1, 2) + number(24, 2) +
                number(bytes.size(), 8) + number(bytes.size(), 8) + number(place, 8);
  ++members_;
}

void ZipWriter::finish() {
  const uint64_t begin = file_.bytes();
  put(directory_);
  const uint64_t end = file_.bytes();
  put("PK\x06\x06" + number(44, 8) + number(45, 2) + number(45, 2) + number(0, 8) +
      number(members_, 8) + number(members_, 8) + number(end - begin, 8) + number(begin, 8));
  put("PK\x06\x07" + number(0, 4) + number(end, 8) + number(1, 4));
  put("PK\x05\x06" + number(0, 4) + number(0xFFFF, 2) + number(0xFFFF, 2) + number(kElsewhere, 4) +
      number(kElsewhere, 4) + number(0, 2));
}

}  // namespace allmodes::data
