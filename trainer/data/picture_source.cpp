#include "data/picture_source.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "data/pixels.h"

namespace allmodes::data {
namespace {

Filter filter_of(const std::string& name) {
  if (name == "box") return Filter::kBox;
  if (name == "bilinear") return Filter::kBilinear;
  if (name == "bicubic") return Filter::kBicubic;
  return Filter::kLanczos;
}

// What must be said where no picture is read before training.
void check_unread(const config::Data& data) {
  if (data.fingerprint != "index") return;
  const auto refuse = [](const std::string& wanted) {
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "data.fingerprint: \"index\" reads no picture before training, and so wants {}",
                  wanted);
  };
  if (data.image_size == 0) refuse("data.image_size");
  if (data.colour == "auto") refuse("data.colour: \"rgb\" or \"grey\"");
  if (data.cache != "none") refuse("data.cache: \"none\"");
  if (data.on_damage != "refuse")
    refuse("data.on_damage: \"refuse\": what is damaged is found when it is needed");
}

}  // namespace

void check_fit(const config::Data& data) {
  const auto refuse = [](const char* field, const std::string& message) {
    ALLMODES_FAIL(ExitCode::kConfiguration, "data.{}: {}", field, message);
  };
  if (data.image_size == 0 && data.fit != "pad")
    refuse("fit", fmt::format("'{}' wants data.image_size", data.fit));
  if (data.image_size == 0 && data.filter != "auto")
    refuse("filter", fmt::format("'{}' wants data.image_size", data.filter));
  if (data.fit == "crop" && data.filter == "area")
    refuse("filter", "'area' goes with fit: \"pad\"; box is nearest to it");
  if (data.random_crop > 0 && (data.image_size == 0 || data.random_crop < data.image_size))
    refuse("random_crop", fmt::format("{} pixels, of which training shows data.image_size ({}); "
                                      "give at least as many as that, which is not 0",
                                      data.random_crop, data.image_size));
  check_unread(data);
  if (data.fit == "adm" && data.filter != "auto")
    refuse("filter", "fit: \"adm\" has its own filters; leave it out");
}

std::string placed(const std::string& place, const std::string& what) {
  return what.starts_with("byte ") ? fmt::format("{}, {}", place, what)
                                   : fmt::format("{}: {}", place, what);
}

PictureSource::PictureSource(std::unique_ptr<Container> container, std::vector<int64_t> members,
                             const config::Data& data, const SampleShape& shape)
    : container_(std::move(container)),
      members_(std::move(members)),
      options_{.colour = shape.channels == 3,
               .background = static_cast<uint8_t>(data.background),
               .apply_exif = data.exif == "apply",
               .most_pixels = data.largest_picture * 1'000'000},
      fit_(data.fit),
      filter_(data.filter),
      shape_(shape) {}

std::string PictureSource::read(int64_t index, uint8_t* out) const {
  const int64_t member = members_[static_cast<size_t>(index)];
  try {
    Picture picture = decode_picture(container_->read(member).view, options_);
    std::string warning = std::move(picture.first_warning);
    fit(std::move(picture), out);
    return warning.empty() ? warning : placed(container_->place(member), warning);
  } catch (const Error& error) {
    if (error.code() == ExitCode::kSoftware) throw;
    throw Error(error.code(), placed(container_->place(member), error.what()));
  }
}

void PictureSource::fit(Picture picture, uint8_t* out) const {
  const int64_t size = shape_.height;
  if (fit_ == "crop") {
    picture = resizer_.center_square(picture, size, filter_of(filter_));
  } else if (fit_ == "adm") {
    picture = resizer_.adm_square(std::move(picture), size);
  } else if (filter_ != "auto" && filter_ != "area") {
    const auto [height, width] = padded_size(picture.height, picture.width, size);
    picture = resizer_.resized(picture, height, width, filter_of(filter_));
  }
  const Layout layout{.shape = {.channels = picture.channels,
                                .height = picture.height,
                                .width = picture.width,
                                .image = true},
                      .channels_last = true};
  prepare_sample(picture.pixels.data(), layout, shape_, uint8_t{0}, out);
}

void PictureSource::leave_out(const std::vector<uint8_t>& damaged) {
  std::vector<int64_t> kept;
  for (size_t i = 0; i < members_.size(); ++i)
    if (damaged[i] == 0) kept.push_back(members_[i]);
  members_ = std::move(kept);
}

}  // namespace allmodes::data
