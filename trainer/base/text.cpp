#include "base/text.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

namespace allmodes {
namespace {

uint8_t byte_at(std::string_view text, size_t at) {
  return static_cast<uint8_t>(text[at]);
}

// Bytes of the well-formed sequence at the beginning of the text; 0 when there is none.
size_t sequence_bytes(std::string_view text) {
  const uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return 1;
  const size_t bytes = lead >= 0xC2 && lead <= 0xDF   ? 2
                       : lead >> 4 == 0xE             ? 3
                       : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                      : 0;
  if (bytes == 0 || text.size() < bytes) return 0;
  // The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF.
  const uint8_t lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (byte_at(text, 1) < lowest || byte_at(text, 1) > highest) return 0;
  for (size_t i = 2; i < bytes; ++i)
    if (byte_at(text, i) >> 6 != 2) return 0;
  return bytes;
}

// C0, DEL, and C1 (U+0080 to U+009F, C2 80 to C2 9F in UTF-8).
bool is_control(std::string_view sequence) {
  if (sequence.size() == 1) return byte_at(sequence, 0) < 0x20 || byte_at(sequence, 0) == 0x7F;
  return sequence.size() == 2 && byte_at(sequence, 0) == 0xC2 && byte_at(sequence, 1) < 0xA0;
}

std::string cleaned(std::string_view text, bool controls) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = sequence_bytes(text);
    const std::string_view piece = text.substr(0, bytes == 0 ? 1 : bytes);
    if (bytes > 0 && (controls || !is_control(piece))) {
      out += piece;
    } else {
      for (const char c : piece) out += fmt::format("\\x{:02X}", static_cast<uint8_t>(c));
    }
    text.remove_prefix(piece.size());
  }
  return out;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  return cleaned(text, true);
}

std::string readable_name(std::string_view name) {
  return cleaned(name, false);
}

}  // namespace allmodes
