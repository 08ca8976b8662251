// JPEG through libjpeg's own interface, whose warnings can be told from its errors.

#include <cstddef>
#include <cstdio>
// libjpeg's header wants size_t and FILE.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "data/formats/decoders.h"

namespace allmodes::data {
namespace {

// A progressive file may name any number of scans, each of which goes over all coefficients.
constexpr int kMostScans = 500;

struct JpegState {
  jpeg_error_mgr errors;  // first: libjpeg hands back its address
  jpeg_source_mgr source;
  jpeg_progress_mgr progress;
  jpeg_decompress_struct decoder;
  std::jmp_buf jump;
  const uint8_t* begin;
  const uint8_t* end;
  char error[JMSG_LENGTH_MAX];
  char warning[JMSG_LENGTH_MAX];
  size_t warning_byte;
  bool ended;  // more bytes were asked for than there are
  bool short_of_data;
};

JpegState& jpeg_state(j_common_ptr decoder) {
  return *reinterpret_cast<JpegState*>(decoder->err);
}

size_t jpeg_place(const JpegState& state) {
  if (state.ended) return static_cast<size_t>(state.end - state.begin);
  return static_cast<size_t>(state.source.next_input_byte - state.begin);
}

[[noreturn]] void jpeg_failed(j_common_ptr decoder) {
  JpegState& state = jpeg_state(decoder);
  state.errors.format_message(decoder, state.error);
  std::longjmp(state.jump, 1);
}

void jpeg_said(j_common_ptr decoder, int level) {
  if (level >= 0) return;  // news, not a warning
  JpegState& state = jpeg_state(decoder);
  if (state.errors.msg_code == JWRN_HIT_MARKER && state.ended) state.short_of_data = true;
  if (state.errors.num_warnings++ == 0) {
    state.errors.format_message(decoder, state.warning);
    state.warning_byte = jpeg_place(state);
  }
}

// What follows the last byte is an end marker, so that the decoder comes to an end.
boolean jpeg_at_end(j_decompress_ptr decoder) {
  static constexpr JOCTET kEndMarker[] = {0xFF, JPEG_EOI};
  JpegState& state = jpeg_state(reinterpret_cast<j_common_ptr>(decoder));
  state.ended = true;
  state.source.next_input_byte = kEndMarker;
  state.source.bytes_in_buffer = sizeof kEndMarker;
  return TRUE;
}

void jpeg_skip(j_decompress_ptr decoder, long bytes) {
  jpeg_source_mgr& source = *decoder->src;
  if (bytes <= 0) return;
  if (static_cast<size_t>(bytes) > source.bytes_in_buffer) {
    jpeg_at_end(decoder);
    return;
  }
  source.next_input_byte += bytes;
  source.bytes_in_buffer -= static_cast<size_t>(bytes);
}

void jpeg_progressed(j_common_ptr decoder) {
  if (reinterpret_cast<j_decompress_ptr>(decoder)->input_scan_number <= kMostScans) return;
  JpegState& state = jpeg_state(decoder);
  std::snprintf(state.error, sizeof state.error, "more than %d scans", kMostScans);
  std::longjmp(state.jump, 1);
}

void jpeg_nothing(j_decompress_ptr) {}

void jpeg_open(JpegState& state, std::span<const uint8_t> bytes) {
  std::memset(&state, 0, sizeof state);
  state.begin = bytes.data();
  state.end = bytes.data() + bytes.size();
  state.decoder.err = jpeg_std_error(&state.errors);
  state.errors.error_exit = jpeg_failed;
  state.errors.emit_message = jpeg_said;
}

void jpeg_begin(JpegState& state) {
  jpeg_create_decompress(&state.decoder);
  state.source = {.next_input_byte = state.begin,
                  .bytes_in_buffer = static_cast<size_t>(state.end - state.begin),
                  .init_source = jpeg_nothing,
                  .fill_input_buffer = jpeg_at_end,
                  .skip_input_data = jpeg_skip,
                  .resync_to_restart = jpeg_resync_to_restart,
                  .term_source = jpeg_nothing};
  state.decoder.src = &state.source;
  state.progress.progress_monitor = jpeg_progressed;
  state.decoder.progress = &state.progress;
}

// Decoding with nothing on the stack that a jump would leave behind. False: `state.error` says why.
bool jpeg_read_info(JpegState& state) {
  if (setjmp(state.jump) != 0) return false;
  jpeg_begin(state);
  jpeg_save_markers(&state.decoder, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&state.decoder, TRUE);
  return true;
}

bool jpeg_start(JpegState& state) {
  if (setjmp(state.jump) != 0) return false;
  jpeg_begin(state);
  jpeg_read_header(&state.decoder, TRUE);
  jpeg_decompress_struct& decoder = state.decoder;
  decoder.out_color_space = decoder.num_components == 1   ? JCS_GRAYSCALE
                            : decoder.num_components == 3 ? JCS_RGB
                                                          : JCS_CMYK;
  decoder.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&decoder);
  // All scans of a progressive file have been read by now.
  if (decoder.buffered_image == 0 && jpeg_has_multiple_scans(&decoder) != 0 && state.ended)
    state.short_of_data = true;
  return true;
}

bool jpeg_read_rows(JpegState& state, uint8_t* out, size_t row_bytes) {
  if (setjmp(state.jump) != 0) return false;
  while (state.decoder.output_scanline < state.decoder.output_height) {
    JSAMPROW row = out + state.decoder.output_scanline * row_bytes;
    jpeg_read_scanlines(&state.decoder, &row, 1);
  }
  return true;
}

struct JpegCloser {
  JpegState& state;
  ~JpegCloser() { jpeg_destroy_decompress(&state.decoder); }
};

// 255 - C, 255 - M, 255 - Y, 255 - K to RGB, in place.
std::vector<uint8_t> rgb_of_inverted_cmyk(const std::vector<uint8_t>& in) {
  std::vector<uint8_t> out(in.size() / 4 * 3);
  for (size_t i = 0; i < in.size() / 4; ++i) {
    const uint32_t light = in[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) {
      const uint32_t product = (255U - in[4 * i + c]) * light + 128;
      out[3 * i + c] = static_cast<uint8_t>(light - ((product >> 8) + product) / 256);
    }
  }
  return out;
}

}  // namespace

PictureInfo jpeg_info(std::span<const uint8_t> bytes) {
  JpegState state;
  jpeg_open(state, bytes);
  const JpegCloser closer{state};
  if (!jpeg_read_info(state)) damaged(jpeg_place(state), "the JPEG header: {}", state.error);
  if (state.ended) damaged(bytes.size(), "the JPEG file ends in its header");
  const int components = state.decoder.num_components;
  if (components != 1 && components != 3 && components != 4)
    damaged(2, "a JPEG of {} components; 1, 3 or 4 were expected", components);
  PictureInfo info{.format = PictureFormat::kJpeg,
                   .height = state.decoder.image_height,
                   .width = state.decoder.image_width,
                   .colour = components > 1};
  for (auto* marker = state.decoder.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const uint8_t> data(marker->data, marker->data_length);
    if (data.size() >= 6 && std::memcmp(data.data(), "Exif\0\0", 6) == 0) {
      info.orientation = exif_orientation(data.subspan(6));
      break;
    }
  }
  return info;
}

DecodedPicture decode_jpeg(std::span<const uint8_t> bytes) {
  JpegState state;
  jpeg_open(state, bytes);
  const JpegCloser closer{state};
  const auto fail = [&] { damaged(jpeg_place(state), "the JPEG is damaged: {}", state.error); };
  if (!jpeg_start(state)) fail();
  DecodedPicture picture{.height = state.decoder.output_height,
                         .width = state.decoder.output_width,
                         .channels = state.decoder.output_components};
  picture.pixels.resize(static_cast<size_t>(picture.height * picture.width * picture.channels));
  const auto row = static_cast<size_t>(picture.width * picture.channels);
  if (!jpeg_read_rows(state, picture.pixels.data(), row)) fail();
  if (state.short_of_data) damaged(bytes.size(), "the JPEG ends too early; the file is truncated");
  picture.warnings = state.errors.num_warnings;
  if (picture.warnings > 0)
    picture.first_warning = fmt::format("byte {}: {}", state.warning_byte, state.warning);
  if (picture.channels == 4) {
    picture.pixels = rgb_of_inverted_cmyk(picture.pixels);
    picture.channels = 3;
  }
  return picture;
}

}  // namespace allmodes::data
