#include "data/formats/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace allmodes::data {
namespace {

struct Known {
  std::string_view begin;
  const char* what;
  const char* remedy = "";
};

constexpr const char* kConvert = "; convert it to PNG (mogrify -format png, of ImageMagick)";
constexpr const char* kUnpack = "; unpack it first (tar shards and zip archives are read in place)";
constexpr const char* kToUtf8 = "; write it anew as UTF-8";

constexpr std::array<Known, 29> kKnown{{
    {"\xFF\xD8\xFF", "a JPEG picture"},
    {"\x89PNG", "a PNG picture"},
    {"GIF8", "a GIF picture", kConvert},
    {"BM", "a BMP picture"},
    {std::string_view("II*\0", 4), "a TIFF picture", kConvert},
    {std::string_view("MM\0*", 4), "a TIFF picture", kConvert},
    {"\x1F\x8B", "gzip data", kUnpack},
    {"BZh", "bzip2 data", kUnpack},
    {"\xFD"
     "7zXZ",
     "xz data", kUnpack},
    {"\x28\xB5\x2F\xFD", "zstd data", kUnpack},
    {"7z\xBC\xAF", "a 7z archive", kUnpack},
    {"Rar!", "a RAR archive", kUnpack},
    {"PK\x03\x04", "a zip archive (or .npz, .pt)"},
    {"\x93NUMPY", "a NumPy array (.npy)"},
    {"\x89HDF", "an HDF5 file",
     "; save an array of it as .npy: np.save('x.npy', h5py.File('x.h5')['NAME'][:])"},
    {"%PDF", "a PDF document"},
    {"PAR1", "a Parquet table",
     "; save it as CSV: pandas.read_parquet('x.parquet').to_csv('x.csv', index=False), or pictures "
     "in it as files"},
    {"ARROW1", "an Arrow table",
     "; save it as CSV: pandas.read_feather('x.arrow').to_csv('x.csv', index=False), or "
     "pictures in it as files"},
    {std::string_view("\xFF\xFF\xFF\xFF", 4),
     "perhaps an Arrow stream, as the package datasets has it",
     "; save what is in it as files: for i, x in enumerate(datasets.load_from_disk('FOLDER')): "
     "x['image'].save(f'{i}.png')"},
    {"MATLAB 5.0", "a MATLAB file",
     "; save an array of it as .npy: np.save('x.npy', scipy.io.loadmat('x.mat')['NAME'])"},
    {"SQLite format 3", "an SQLite database", "; save what is wanted of it as CSV"},
    {"\xD0\xCF\x11\xE0", "a spreadsheet or document of an office program", "; save it as CSV"},
    {"\xFF\xFE", "text in UTF-16", kToUtf8},
    {"\xFE\xFF", "text in UTF-16", kToUtf8},
    {"\x80\x02", "a Python pickle", "; save it readable once, as .npy: np.save('x.npy', ...)"},
    {"\x80\x04", "a Python pickle", "; save it readable once, as .npy: np.save('x.npy', ...)"},
    {"version https://git-lfs", "a Git LFS pointer, not the file itself", "; git lfs pull"},
    {"\x7F"
     "ELF",
     "a program"},
    {"SIMPLE  =", "a FITS file",
     "; save its array as .npy: np.save('x.npy', astropy.io.fits.getdata('x.fits'))"},
}};

ForeignFormat markup(std::string_view rest) {
  const bool html = rest.find("<!DOCTYPE") == 0 || rest.find("<!doctype") == 0 ||
                    rest.find("<html") != std::string_view::npos ||
                    rest.find("<HTML") != std::string_view::npos ||
                    rest.find("<head") != std::string_view::npos;
  return {html ? "a web page (HTML): the download gave a page, not the file" : "XML or SVG text"};
}

}  // namespace

ForeignFormat foreign_format(std::span<const uint8_t> bytes) {
  if (bytes.empty()) return {"empty"};
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Known& known : kKnown)
    if (text.starts_with(known.begin)) return {known.what, known.remedy};
  const auto has = [&](size_t at, std::string_view magic) {
    return text.size() >= at + magic.size() && text.substr(at, magic.size()) == magic;
  };
  if (has(0, "RIFF") && has(8, "WEBP")) return {"a WebP picture"};
  if (has(4, "ftyp")) return {"a HEIC or AVIF picture, or a video", kConvert};
  if (has(16, "\xDE\xC0\xEF\xBE"))
    return {"an LMDB database", "; save the pictures or arrays in it as files"};
  const size_t first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first != std::string_view::npos && text[first] == '<') return markup(text.substr(first, 256));
  if (bytes.size() >= 64 && std::ranges::all_of(bytes.first(64), [](uint8_t b) { return b == 0; }))
    return {"nothing but zeros"};
  std::string hex;
  for (size_t i = 0; i < std::min<size_t>(4, bytes.size()); ++i)
    hex += fmt::format("{}{:02x}", i == 0 ? "" : " ", bytes[i]);
  return {"unknown (it begins with " + hex + ")"};
}

}  // namespace allmodes::data
