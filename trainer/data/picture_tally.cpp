#include "data/picture_tally.h"

#include <fmt/format.h>

#include "data/pixels.h"

namespace allmodes::data {
namespace {

// Where all oblong pictures have one size: ", 64 x 48 pixels between 8 rows above and 8 below".
std::string bars(const PictureTally& tally, int64_t size) {
  if (tally.oblong_sizes.size() != 1) return "";
  const auto [height, width] =
      padded_size(tally.oblong_sizes.begin()->first, tally.oblong_sizes.begin()->second, size);
  const int64_t rows = size - height;
  const int64_t columns = size - width;
  if (rows > 0 && columns > 0)
    return fmt::format(", {} x {} pixels in the middle of {} x {}", width, height, size, size);
  return rows > 0 ? fmt::format(", {} x {} pixels between {} rows above and {} below", width,
                                height, rows / 2, rows - rows / 2)
                  : fmt::format(", {} x {} pixels between {} columns left and {} right", width,
                                height, columns / 2, columns - columns / 2);
}

}  // namespace

void PictureTally::add(const PictureInfo& info, const std::pair<int64_t, int64_t>& upright) {
  ++formats[format_name(info.format)];
  grey += info.colour ? 0 : 1;
  turned += info.orientation != 1 ? 1 : 0;
  transparent += info.transparent ? 1 : 0;
  deep += info.deep ? 1 : 0;
  animated += info.animated ? 1 : 0;
  if (info.height == info.width) return;
  ++oblong;
  if (oblong_sizes.size() < 2) oblong_sizes.insert(upright);
}

void add_tally_remarks(const PictureTally& tally, const config::Data& data,
                       std::vector<std::string>& remarks) {
  if (tally.formats.size() > 1) {
    std::string text;
    for (const auto& [name, count] : tally.formats)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
    remarks.push_back("pictures: " + text);
  }
  int64_t total = 0;
  for (const auto& [name, count] : tally.formats) total += count;
  if (tally.grey > 0 && tally.grey < total)
    remarks.push_back(fmt::format(
        "{} of {} pictures are grey and the others in colour; all are read {}", tally.grey, total,
        data.colour == "grey" ? "as grey" : "in colour (data.colour)"));
  if (tally.turned > 0)
    remarks.push_back(fmt::format(
        "{} pictures {}", tally.turned,
        data.exif == "apply"
            ? "were turned upright as their EXIF says (data.exif: \"ignore\" leaves them)"
            : "lie on a side or are mirrored by their EXIF, which is ignored"));
  if (tally.transparent > 0)
    remarks.push_back(
        fmt::format("{} pictures have transparency; they are laid on grey {} "
                    "(data.background)",
                    tally.transparent, data.background));
  if (tally.deep > 0)
    remarks.push_back(
        fmt::format("{} pictures have more than 8 bits; they are rounded to 8", tally.deep));
  if (tally.animated > 0)
    remarks.push_back(
        fmt::format("{} pictures are animated; of each the first one is read", tally.animated));
  if (tally.oblong > 0 && data.image_size > 0 && data.fit == "pad")
    remarks.push_back(fmt::format(
        "{} pictures are not square: they lie between black bars{} (data.fit: \"crop\" takes the "
        "middle square instead); a generator's bars are never as black, which a discriminator "
        "learns to see",
        tally.oblong, bars(tally, data.image_size)));
}

}  // namespace allmodes::data
