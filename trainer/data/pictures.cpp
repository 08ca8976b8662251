#include "data/pictures.h"

#include <algorithm>
#include <functional>
#include <mutex>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "data/array_dataset.h"
#include "data/cropped.h"
#include "data/damage.h"
#include "data/formats/picture.h"
#include "data/input_file.h"
#include "data/lazy_pictures.h"
#include "data/mapped_dataset.h"
#include "data/picture_cache.h"
#include "data/picture_set.h"
#include "data/picture_source.h"
#include "data/picture_tally.h"
#include "data/pixels.h"
#include "data/registry.h"
#include "data/sampler.h"
#include "data/workers.h"

namespace allmodes::data {
namespace {

// Decoded at once: enough for every thread, few enough to be small in memory.
constexpr int64_t kPicturesAtOnce = 256;
// The headers of most files lie within.
constexpr uint64_t kHeaderBytes = 16384;
// Pictures as they are stored may be this large a side where nothing makes them smaller.
constexpr int64_t kMostSide = kMostPixelsASide;

// How many of `members` lie in each shard, without those that are damaged (not 0).
std::vector<int64_t> shard_sizes(const Container& container, const std::vector<int64_t>& members,
                                 const std::vector<uint8_t>& damaged) {
  std::vector<int64_t> sizes;
  int64_t before = -1;
  for (size_t i = 0; i < members.size(); ++i) {
    if (damaged[i] != 0) continue;
    const int64_t shard = container.shard(members[i]);
    if (sizes.empty() || shard != before) sizes.push_back(0);
    before = shard;
    ++sizes.back();
  }
  return sizes;
}

class Builder {
 public:
  Builder(const config::Data& data, Split split, const SharedReading& reading)
      : data_(data),
        reading_(reading),
        workers_(std::make_shared<Workers>(static_cast<int>(data.threads))),
        set_(choose_pictures(data, split, *workers_)),
        container_(set_.container.get()) {}

  std::unique_ptr<Dataset> build() {
    if (set_.members.empty()) return nullptr;
    total_ = std::ssize(set_.members);
    if (data_.fingerprint == "index") return unread();
    // Ranks that read together cannot wait for the one that holds the lock.
    const bool may_be_on_disk =
        reading_.ranks == 1 && (data_.cache == "auto" || data_.cache == "disk");
    const uint64_t key = may_be_on_disk ? picture_cache_key(data_, set_) : 0;
    if (may_be_on_disk)
      if (const auto found = find_cached_pictures(key)) return from_disk(*found);
    read_headers();
    const SampleShape shape = decide_shape();
    source_ =
        std::make_shared<PictureSource>(std::move(set_.container), set_.members, data_, shape);
    on_disk_ = may_be_on_disk && goes_to_disk();
    if (!on_disk_) {
      read_pictures();
      return dataset();
    }
    return from_disk(cached_pictures(key, [&](const auto& write) {
      sink_ = write;
      read_pictures();
      return for_cache();
    }));
  }

 private:
  void read_pictures() {
    decode_all();
    damage_.settle(data_, total_);
    finish_remarks();
  }

  bool goes_to_disk() const {
    if (data_.cache != "auto") return data_.cache == "disk";
    return !in_memory() &&
           cache_has_room(static_cast<uint64_t>(total_ * source_->shape().values()));
  }

  CachedPictures for_cache() {
    CachedPictures cached;
    cached.shape = source_->shape();
    cached.remarks = set_.remarks;
    for (int64_t i = 0; i < total_; ++i)
      if (failed_[static_cast<size_t>(i)] != 0) cached.left_out.push_back(i);
    cached.size = total_ - std::ssize(cached.left_out);
    Labels labels = set_.labels;
    leave_out(failed_, labels);
    cached.fingerprint = hash_.finish(cached.shape, 1, labels);
    return cached;
  }

  std::unique_ptr<Dataset> from_disk(const CachedPictures& cached) {
    std::vector<uint8_t> damaged(static_cast<size_t>(total_), 0);
    for (const int64_t i : cached.left_out) damaged.at(static_cast<size_t>(i)) = 1;
    leave_out(damaged, set_.labels);
    std::vector<MappedSamples> parts;
    parts.push_back({.file = MappedFile(cached.path),
                     .offset = kPictureCacheHeader,
                     .stride = static_cast<uint64_t>(cached.shape.values()),
                     .count = cached.size});
    return make_mapped_dataset<uint8_t>(
        data_.path, std::move(parts), {.shape = cached.shape}, cached.shape, std::move(set_.labels),
        {.remarks = cached.remarks,
         .flipped = data_.flip,
         .shard_sizes = shard_sizes(*container_, set_.members, damaged)},
        cached.fingerprint);
  }

  std::string place(int64_t i) const {
    return container_->place(set_.members[static_cast<size_t>(i)]);
  }

  // What fails is damage of that picture, but an error of the program's own goes on.
  void attempt(int64_t i, const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      if (error.code() == ExitCode::kSoftware) throw;
      failed_[static_cast<size_t>(i)] = 1;
      const std::lock_guard lock(mutex_);
      found_.emplace_back(i, error.what());
    }
  }

  // What this rank and the others found damaged since the last call.
  void gather_damage() {
    for (auto& [i, what] : gather_findings(reading_, std::exchange(found_, {}))) {
      failed_[static_cast<size_t>(i)] = 1;
      damage_.add(i, std::move(what));
    }
  }

  // This rank's part of `count` pieces.
  Share part_of(int64_t count) const { return share(count, reading_.rank, reading_.ranks); }

  void read_headers() {
    infos_.resize(static_cast<size_t>(total_));
    failed_.assign(static_cast<size_t>(total_), 0);
    const Share part = part_of(total_);
    workers_->run(part.count, [&](int64_t piece) {
      const int64_t i = part.first + piece;
      attempt(i, [&] {
        try {
          infos_[static_cast<size_t>(i)] = read_header(set_.members[static_cast<size_t>(i)]);
        } catch (const Error& error) {
          throw Error(error.code(), placed(place(i), error.what()));
        }
      });
    });
    static_assert(std::is_trivially_copyable_v<PictureInfo>);
    gather_parts(reading_, total_, sizeof(PictureInfo), infos_.data());
    gather_damage();
  }

  // Of a JPEG the beginning is enough as a rule: all that is asked stands before the pixels, which
  // are read when they are decoded. Other formats may have it behind them.
  PictureInfo read_header(int64_t member) const {
    const int64_t most_pixels = data_.largest_picture * 1'000'000;
    const Bytes begin = container_->read(member, kHeaderBytes);
    if (begin.view.size() < kHeaderBytes) return read_picture_info(begin.view, most_pixels);
    if (picture_format(begin.view) == PictureFormat::kJpeg) {
      try {
        return read_picture_info(begin.view, most_pixels);
      } catch (const Error&) {
        // The header may be longer, behind a thumbnail or a colour profile.
      }
    }
    return read_picture_info(container_->read(member).view, most_pixels);
  }

  SampleShape decide_shape() {
    PictureTally tally;
    const PictureInfo* first = nullptr;
    int64_t first_index = 0;
    bool colour = false;
    for (int64_t i = 0; i < total_; ++i) {
      if (failed_[static_cast<size_t>(i)] != 0) continue;
      const PictureInfo& info = infos_[static_cast<size_t>(i)];
      tally.add(info, upright(info));
      colour = colour || info.colour;
      if (first == nullptr) {
        first = &info;
        first_index = i;
      }
      if (data_.image_size == 0) require_one_size(upright(*first), first_index, upright(info), i);
    }
    if (first == nullptr) damage_.settle(refusing(), total_);
    ALLMODES_CHECK(first != nullptr, "{}: no picture and no damage", data_.path);
    add_tally_remarks(tally, data_, set_.remarks);
    if (data_.colour != "auto") colour = data_.colour == "rgb";
    const auto [height, width] = upright(*first);
    return resized_shape(
        {.channels = colour ? 3 : 1, .height = height, .width = width, .image = true},
        data_.image_size);
  }

  config::Data refusing() const {
    config::Data data = data_;
    data.on_damage = "refuse";
    return data;
  }

  // Height and width as the picture will be seen.
  std::pair<int64_t, int64_t> upright(const PictureInfo& info) const {
    const bool turned = data_.exif == "apply" && info.orientation >= 5;
    return turned ? std::pair{info.width, info.height} : std::pair{info.height, info.width};
  }

  void require_one_size(const std::pair<int64_t, int64_t>& first, int64_t first_index,
                        const std::pair<int64_t, int64_t>& size, int64_t i) const {
    if (size != first)
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: {} x {} pixels, but {} has {} x {}; make them equal or set "
                    "data.image_size",
                    place(i), size.second, size.first, place(first_index), first.second,
                    first.first);
    if (size.first > kMostSide || size.second > kMostSide)
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: {} x {} pixels; 1 to {} a side were expected; set data.image_size",
                    place(i), size.second, size.first, kMostSide);
  }

  bool in_memory() const { return keeps_in_memory(data_, source_->size(), source_->shape()); }

  // Every picture once: into memory where they are kept there, and in any case for what cannot be
  // read and for the fingerprint.
  void decode_all() {
    const auto values = static_cast<size_t>(source_->shape().values());
    keep_ = !on_disk_ && in_memory();
    const bool keep = keep_;
    if (keep) require_memory(static_cast<uint64_t>(total_), values, data_.path);
    const int64_t at_once = std::min(total_, kPicturesAtOnce * reading_.ranks);
    pixels_.resize(static_cast<size_t>(keep ? total_ : at_once) * values);
    size_t kept = 0;
    for (int64_t begin = 0; begin < total_; begin += at_once) {
      const int64_t count = std::min(at_once, total_ - begin);
      uint8_t* block = pixels_.data() + (keep ? kept * values : 0);
      const Share part = part_of(count);
      workers_->run(part.count, [&](int64_t piece) {
        const int64_t i = part.first + piece;
        if (failed_[static_cast<size_t>(begin + i)] == 0)
          attempt(begin + i, [&] {
            note_warning(begin + i,
                         source_->read(begin + i, block + static_cast<size_t>(i) * values));
          });
      });
      gather_parts(reading_, count, values, block);
      gather_damage();
      // The next block goes behind what this one kept.
      size_t in_block = 0;
      for (int64_t i = 0; i < count; ++i) {
        if (failed_[static_cast<size_t>(begin + i)] != 0) continue;
        uint8_t* from = block + static_cast<size_t>(i) * values;
        uint8_t* to = block + in_block++ * values;
        if (from != to) std::copy_n(from, values, to);
      }
      hash_.add(block, in_block * values);
      if (sink_) sink_(block, in_block * values);
      kept += in_block;
    }
    if (keep) pixels_.resize(kept * values);
  }

  void note_warning(int64_t i, std::string warning) {
    if (warning.empty()) return;
    const std::lock_guard lock(mutex_);
    warnings_.emplace_back(i, std::move(warning));
  }

  static void leave_out(const std::vector<uint8_t>& damaged, Labels& labels) {
    if (labels.values.empty()) return;
    size_t kept = 0;
    for (size_t i = 0; i < labels.values.size(); ++i)
      if (damaged[i] == 0) labels.values[kept++] = labels.values[i];
    labels.values.resize(kept);
  }

  void finish_remarks() {
    warnings_ = gather_findings(reading_, std::move(warnings_));
    if (!warnings_.empty())
      set_.remarks.push_back(fmt::format("{} pictures gave warnings and were read; the first: {}",
                                         warnings_.size(), std::ranges::min(warnings_).second));
    for (auto& remark : damage_.remarks()) set_.remarks.push_back(std::move(remark));
  }

  // Without reading a picture: names and sizes, and samples of the bytes of shards, stand for what
  // is in them.
  std::unique_ptr<Dataset> unread() {
    failed_.assign(static_cast<size_t>(total_), 0);
    const SampleShape shape{.channels = data_.colour == "rgb" ? 3 : 1,
                            .height = data_.image_size,
                            .width = data_.image_size,
                            .image = true};
    for (const int64_t member : set_.members) {
      const std::string key = container_->key(member);
      const uint64_t size = container_->stamp(member).first;
      hash_.add(key.c_str(), key.size() + 1);
      hash_.add(&size, sizeof size);
    }
    const uint64_t sampled = container_->sampled_content();
    hash_.add(&sampled, sizeof sampled);
    const std::string fields =
        fmt::format("{} {} {} {}", data_.fit, data_.filter, data_.exif, data_.background);
    hash_.add(fields.data(), fields.size());
    set_.remarks.push_back(
        "no picture is read before it is needed (data.fingerprint: \"index\"); allmodes data check "
        "reads all of them");
    source_ =
        std::make_shared<PictureSource>(std::move(set_.container), set_.members, data_, shape);
    return dataset();
  }

  std::unique_ptr<Dataset> dataset() {
    StoredFacts facts{.remarks = std::move(set_.remarks),
                      .flipped = data_.flip,
                      .shard_sizes = shard_sizes(*container_, set_.members, failed_)};
    source_->leave_out(failed_);
    leave_out(failed_, set_.labels);
    if (keep_)
      return make_array_dataset(data_.path, source_->shape(), std::move(pixels_),
                                std::move(set_.labels), std::nullopt, std::move(facts));
    const uint64_t fingerprint = hash_.finish(source_->shape(), 1, set_.labels);
    return make_lazy_pictures(data_.path, std::move(source_), std::move(workers_),
                              std::move(set_.labels), fingerprint, std::move(facts));
  }

  const config::Data& data_;
  const SharedReading& reading_;
  std::shared_ptr<Workers> workers_;
  PictureSet set_;
  const Container* container_;  // set_'s, later source_'s
  int64_t total_ = 0;
  std::vector<PictureInfo> infos_;
  std::vector<uint8_t> failed_;  // written by several threads: no vector<bool>
  std::shared_ptr<PictureSource> source_;
  Damage damage_;
  std::vector<uint8_t> pixels_;
  bool keep_ = false;     // pixels_ are all of them
  bool on_disk_ = false;  // and sink_ takes them
  std::function<void(const uint8_t*, size_t)> sink_;
  ContentHash hash_;
  std::mutex mutex_;
  std::vector<std::pair<int64_t, std::string>> found_;     // damage not yet in damage_
  std::vector<std::pair<int64_t, std::string>> warnings_;  // of pictures that were read
};

}  // namespace

std::unique_ptr<Dataset> read_pictures(const config::Data& data, Split split,
                                       const SharedReading& reading) {
  check_fit(data);
  if (data.random_crop == 0) return Builder(data, split, reading).build();
  config::Data larger = data;
  larger.image_size = data.random_crop;
  auto images = Builder(larger, split, reading).build();
  return images ? make_cropped(data.path, std::move(images), data.image_size) : nullptr;
}

namespace {

constexpr std::string_view kPicturesFields[] = {
    "path",    "image_size",  "classes",   "split",        "held_out",
    "fit",     "filter",      "colour",    "background",   "exif",
    "flip",    "random_crop", "order",     "window",       "fingerprint",
    "threads", "cache",       "on_damage", "most_damaged", "largest_picture"};

}  // namespace

extern const DatasetRow kImagesDataset{
    .name = "images",
    .summary = "JPEG, PNG, WebP, BMP and PNM pictures in folders, a zip archive, tar or MDS shards",
    .fields = kPicturesFields,
    .held_out = true,
    .build = [](const config::Data& d, uint64_t, Split split) {
      needed_path(d);
      return read_pictures(d, split);
    }};

}  // namespace allmodes::data
