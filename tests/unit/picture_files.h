#pragma once

// Small files of pictures and archives, as bytes.

#include <png.h>
#include <webp/encode.h>
#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace allmodes::data {

inline std::string little(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>(i < 8 ? value >> (8 * i) & 0xFFU : 0);
  return out;
}

// A PGM picture of `bytes` bytes in all, whose header is filled up with a comment.
inline std::string pgm(int width, int height, uint8_t grey, size_t bytes = 0) {
  const std::string end = std::to_string(width) + " " + std::to_string(height) + "\n255\n" +
                          std::string(static_cast<size_t>(width * height), static_cast<char>(grey));
  const size_t least = 3 + end.size();
  const std::string comment =
      bytes > least + 2 ? "#" + std::string(bytes - least - 2, 'x') + "\n" : "";
  return "P5\n" + comment + end;
}

inline std::string bmp(int width, int height, uint8_t grey) {
  const int row = (width * 3 + 3) / 4 * 4;
  return "BM" + little(54U + static_cast<unsigned>(row * height), 4) + little(0, 4) +
         little(54, 4) + little(40, 4) + little(static_cast<unsigned>(width), 4) +
         little(static_cast<unsigned>(height), 4) + little(1, 2) + little(24, 2) + little(0, 24) +
         std::string(static_cast<size_t>(row * height), static_cast<char>(grey));
}

inline std::string webp(int width, int height, uint8_t grey) {
  const std::vector<uint8_t> pixels(static_cast<size_t>(width * height * 3), grey);
  uint8_t* data = nullptr;
  const size_t size = WebPEncodeLosslessRGB(pixels.data(), width, height, width * 3, &data);
  std::string out(reinterpret_cast<char*>(data), size);
  WebPFree(data);
  return out;
}

inline std::string png(int width, int height, const std::vector<uint8_t>& pixels, uint32_t format) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = format;
  png_alloc_size_t size = 0;
  png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr);
  std::string out(size, '\0');
  png_image_write_to_memory(&image, out.data(), &size, 0, pixels.data(), 0, nullptr);
  return out;
}

// A zip archive of (name, bytes), stored or deflated.
inline std::string zip(const std::vector<std::pair<std::string, std::string>>& members,
                       bool deflated = false) {
  std::string out;
  std::string directory;
  for (const auto& [name, bytes] : members) {
    std::string stored = bytes;
    if (deflated) {
      z_stream stream{};
      deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
      stored.resize(deflateBound(&stream, bytes.size()));
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream.avail_in = static_cast<uInt>(bytes.size());
      stream.next_out = reinterpret_cast<Bytef*>(stored.data());
      stream.avail_out = static_cast<uInt>(stored.size());
      deflate(&stream, Z_FINISH);
      stored.resize(stream.total_out);
      deflateEnd(&stream);
    }
    const auto sum =
        crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
    const std::string common = little(20, 2) + little(0, 2) + little(deflated ? 8 : 0, 2) +
                               little(0, 4) + little(sum, 4) + little(stored.size(), 4) +
                               little(bytes.size(), 4) + little(name.size(), 2) + little(0, 2);
    directory +=
        "PK\x01\x02" + little(20, 2) + common + little(0, 10) + little(out.size(), 4) + name;
    out += "PK\x03\x04" + common + name + stored;
  }
  return out + directory + "PK\x05\x06" + little(0, 4) + little(members.size(), 2) +
         little(members.size(), 2) + little(directory.size(), 4) + little(out.size(), 4) +
         little(0, 2);
}

// A tar archive without the empty blocks at its end.
inline std::string tar(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string out;
  for (const auto& [name, bytes] : members) {
    std::string header(512, '\0');
    header.replace(0, name.size(), name);
    char text[13];
    std::snprintf(text, sizeof text, "%011zo", bytes.size());
    header.replace(124, 11, text);
    header.replace(148, 8, "        ");
    header[156] = '0';
    header.replace(257, 5, "ustar");
    header.replace(263, 2, "00");
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<uint8_t>(c);
    std::snprintf(text, sizeof text, "%06o", sum);
    header.replace(148, 6, text);
    header[154] = '\0';
    out += header + bytes + std::string((512 - bytes.size() % 512) % 512, '\0');
  }
  return out;
}

// A shard of one column "image" of bytes, and the index of a folder with it alone.
inline std::string mds_shard(const std::vector<std::string>& pictures) {
  std::string offsets;
  std::string samples;
  const size_t begin = 4 + 4 * (pictures.size() + 1) + 2;
  for (const std::string& picture : pictures) {
    offsets += little(begin + samples.size(), 4);
    samples += little(picture.size(), 4) + picture;
  }
  return little(pictures.size(), 4) + offsets + little(begin + samples.size(), 4) + "{}" + samples;
}
inline std::string mds_index(size_t samples, const std::string& encoding = "bytes") {
  return R"({"version": 2, "shards": [{"column_names": ["image"], "column_encodings": [")" +
         encoding + R"("], "column_sizes": [null], "samples": )" + std::to_string(samples) +
         R"(, "raw_data": {"basename": "shard.00000.mds", "bytes": 1}, "zip_data": null,)" +
         R"( "compression": null}]})";
}

}  // namespace allmodes::data
