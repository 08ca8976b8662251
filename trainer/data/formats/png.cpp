// PNG of every kind: 1 to 16 bits, palette, transparent colours, interlaced. (W3C, "Portable
// Network Graphics", third edition.) The pixels are the stored numbers: gamma and colour profiles
// are left alone, as other readers leave them.

#include <png.h>

#include <cstring>

#include "data/formats/decoders.h"

namespace allmodes::data {
namespace {

constexpr size_t kPngSignature = 8;

struct PngState {
  std::span<const uint8_t> bytes;
  size_t at = 0;
  int64_t warnings = 0;
  size_t warning_byte = 0;
  char warning[128] = {};
  char error[128] = {};
};

void copy_message(char (&to)[128], const char* from) {
  std::strncpy(to, from, sizeof to - 1);
  to[sizeof to - 1] = '\0';
}

void png_failed(png_structp png, png_const_charp message) {
  copy_message(static_cast<PngState*>(png_get_error_ptr(png))->error, message);
  png_longjmp(png, 1);
}

void png_said(png_structp png, png_const_charp message) {
  auto* state = static_cast<PngState*>(png_get_error_ptr(png));
  if (state->warnings++ > 0) return;
  copy_message(state->warning, message);
  state->warning_byte = state->at;
}

void png_bytes(png_structp png, png_bytep out, size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state->bytes.size() - state->at) {
    state->at = state->bytes.size();
    png_error(png, "the file ends here");
  }
  std::memcpy(out, state->bytes.data() + state->at, count);
  state->at += count;
}

struct PngHandles {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~PngHandles() { png_destroy_read_struct(&png, &info, nullptr); }
};

// Decoding with nothing on the stack that a jump would leave behind. False: the state's error.
bool png_start(PngHandles& handles, PngState& state, int& passes) {
  if (setjmp(png_jmpbuf(handles.png)) != 0) return false;
  png_set_read_fn(handles.png, &state, png_bytes);
  png_set_user_limits(handles.png, 0x7FFFFFFF, 0x7FFFFFFF);  // the caller has looked at the size
  png_read_info(handles.png, handles.info);
  png_set_expand(handles.png);
  png_set_scale_16(handles.png);
  passes = png_set_interlace_handling(handles.png);
  png_read_update_info(handles.png, handles.info);
  return true;
}

bool png_read_rows(PngHandles& handles, uint8_t* out, size_t rows, size_t row_bytes, int passes) {
  if (setjmp(png_jmpbuf(handles.png)) != 0) return false;
  for (int pass = 0; pass < passes; ++pass)
    for (size_t y = 0; y < rows; ++y) png_read_row(handles.png, out + y * row_bytes, nullptr);
  png_read_end(handles.png, nullptr);
  return true;
}

}  // namespace

PictureInfo png_info(std::span<const uint8_t> bytes) {
  if (bytes.size() < 33) damaged(bytes.size(), "the PNG file ends in its header");
  if (std::memcmp(&bytes[12], "IHDR", 4) != 0) damaged(12, "a PNG header (IHDR) was expected");
  const uint8_t type = bytes[25];
  PictureInfo info{.format = PictureFormat::kPng,
                   .height = big_endian_32(&bytes[20]),
                   .width = big_endian_32(&bytes[16]),
                   .colour = (type & PNG_COLOR_MASK_COLOR) != 0,
                   .transparent = (type & PNG_COLOR_MASK_ALPHA) != 0,
                   .deep = bytes[24] == 16};
  for (size_t at = kPngSignature; at + 12 <= bytes.size();) {
    const size_t length = big_endian_32(&bytes[at]);
    if (length > bytes.size() - at - 12) break;
    if (std::memcmp(&bytes[at + 4], "tRNS", 4) == 0) info.transparent = true;
    if (std::memcmp(&bytes[at + 4], "acTL", 4) == 0) info.animated = true;
    if (std::memcmp(&bytes[at + 4], "eXIf", 4) == 0)
      info.orientation = exif_orientation(bytes.subspan(at + 8, length));
    at += length + 12;
  }
  return info;
}

DecodedPicture decode_png(std::span<const uint8_t> bytes) {
  PngState state{.bytes = bytes};
  PngHandles handles;
  handles.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, png_failed, png_said);
  if (handles.png != nullptr) handles.info = png_create_info_struct(handles.png);
  if (handles.info == nullptr) ALLMODES_FAIL(ExitCode::kOsError, "no memory for a PNG decoder");
  const auto fail = [&] { damaged(state.at, "the PNG image is damaged: {}", state.error); };
  int passes = 1;
  if (!png_start(handles, state, passes)) fail();
  DecodedPicture picture{.height = png_get_image_height(handles.png, handles.info),
                         .width = png_get_image_width(handles.png, handles.info),
                         .channels = png_get_channels(handles.png, handles.info)};
  const size_t row = png_get_rowbytes(handles.png, handles.info);
  ALLMODES_CHECK(row == static_cast<size_t>(picture.width * picture.channels),
                 "a PNG row of {} bytes", row);
  picture.pixels.resize(static_cast<size_t>(picture.height) * row);
  if (!png_read_rows(handles, picture.pixels.data(), static_cast<size_t>(picture.height), row,
                     passes))
    fail();
  picture.warnings = state.warnings;
  if (state.warnings > 0)
    picture.first_warning = fmt::format("byte {}: {}", state.warning_byte, state.warning);
  return picture;
}

}  // namespace allmodes::data
