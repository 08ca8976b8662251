#pragma once

// Good files of each target: what the tests damage, and what a fuzzer begins with.

#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/safetensors.h"
#include "unit/array_files.h"
#include "unit/picture_files.h"
#include "unit/pillow_pictures.h"

namespace allmodes::fuzz {

inline std::string good_png() {
  std::vector<uint8_t> noise(300);
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<uint8_t>(i * i * 31 >> 3);
  return data::png(10, 10, noise, PNG_FORMAT_RGB);
}

inline std::string good_mds() {
  std::string samples;
  std::string offsets;
  for (const char* label : {"\1", "\0"}) {
    offsets += data::little(18 + samples.size(), 4);
    const std::string picture = data::pgm(4, 4, 3);
    samples +=
        data::little(picture.size(), 4) + picture + std::string(label, 1) + std::string(7, '\0');
  }
  return data::little(2, 4) + offsets + data::little(18 + samples.size(), 4) + "{}" + samples;
}

inline std::string good_safetensors() {
  const std::vector<float> values = {1, 2, 3, 4};
  const checkpoints::TensorView view{
      .name = "w", .shape = {2, 2}, .data = values.data(), .bytes = 16};
  std::string bytes;
  checkpoints::encode_safetensors(
      std::span(&view, 1), {{"made", "here"}},
      [&](const void* data, size_t n) { bytes.append(static_cast<const char*>(data), n); });
  return bytes;
}

// Those of Pillow's whose description has `word` in it.
inline std::vector<std::string> pillow_files(std::string_view word) {
  std::vector<std::string> files;
  for (const data::PillowPicture& picture : data::pillow_pictures())
    if (std::string_view(picture.what).find(word) != std::string_view::npos)
      files.push_back(data::from_base64(picture.base64));
  return files;
}

// At least one; the first is small.
inline std::vector<std::string> good_files(std::string_view target) {
  using namespace data;
  const std::vector<std::pair<std::string, std::string>> two = {{"a.pgm", pgm(4, 4, 1)},
                                                                {"b.pgm", pgm(4, 4, 2)}};
  if (target == "idx_mapped") return {idx({3, 5, 4}, std::string(60, 'p'))};
  if (target.starts_with("idx"))
    return {idx({3, 5, 4}, std::string(60, 'p')), idx({2, 1, 1}, "ab")};
  const std::string floats = npy("<f4", "(3, 2)", raw<float>({1, 2, 3, 4, 5, 6}));
  if (target == "npz") return {zip({{"a.npy", floats}}), zip({{"a.npy", floats}}, true)};
  if (target == "npy")
    return {floats, npy(">f8", "(1, 2)", std::string(16, '\0')),
            npy("<f2", "(2, 1, 2)", std::string(8, '\0')),
            npy("|b1", "(1, 2)", std::string("\0\1", 2))};
  if (target == "npy_mapped") return {floats, npy("|u1", "(2, 2, 2)", "abcdefgh")};
  if (target == "csv")
    return {"a,b,kind\n1,2.5,red\n3,4,\"blue, dark\"\n-1e3,0,red\n", "x;y\r\n1;2\r\n3;4\r\n"};
  if (target == "jpeg") return pillow_files("JPEG");
  if (target == "png") {
    auto files = pillow_files("PNG");
    files.insert(files.begin(), good_png());
    return files;
  }
  if (target == "webp") return pillow_files("WebP");
  if (target == "bmp") {
    auto files = pillow_files("BMP");
    files.insert(files.begin(), bmp(4, 4, 'b'));
    return files;
  }
  if (target == "pnm")
    return {pgm(5, 5, 'p'), "P6\n2 1\n255\nabcdef", "P2\n2 1\n9\n1 2\n", "P4\n8 1\nx",
            "P5\n1 1\n65535\nab"};
  if (target == "zip") return {zip(two, true), zip(two)};
  if (target == "tar")
    return {tar({{"a.pgm", pgm(20, 20, 1, 512)}, {"b.pgm", pgm(20, 20, 2, 512)}})};
  if (target == "mds") return {good_mds()};
  if (target.starts_with("cifar10")) {
    std::string record(3073, 'c');
    record[0] = 7;
    return {record + record};
  }
  if (target == "labels") return {npy("<i4", "(3,)", raw<int32_t>({0, 2, 1}))};
  if (target == "safetensors") return {good_safetensors()};
  return {
      "name: \"x\"\nbatch: 8\nsteps: 5\ndata { dataset: \"ring\" modes: 8 }\ngan {\n"
      "  latent { dimension: 4 }\n  generator { width: 8 }\n"
      "  penalty { kind: \"r1\" weight: 0.5 }\n}\n"};
}

inline std::string good_file(std::string_view target) {
  return good_files(target).front();
}

}  // namespace allmodes::fuzz
