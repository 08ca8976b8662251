#include "data/picture_set.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "data/containers/label_files.h"
#include "data/formats/foreign.h"
#include "data/formats/picture.h"

namespace allmodes::data {
namespace {

constexpr std::array<std::string_view, 12> kPictureEndings{
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "dib", "ppm", "pgm", "pbm", "pnm"};
// Enough for a picture's first bytes and for telling a web page.
constexpr uint64_t kProbeBytes = 256;

enum class Kind : uint8_t { kPicture, kMeantAsPicture, kOtherPicture, kOther, kLabels };

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::string ending_of(const std::string& key) {
  const size_t name = key.rfind('/') + 1;  // 0 without one
  const size_t dot = key.rfind('.');
  return dot == std::string::npos || dot < name ? "" : lower(key.substr(dot + 1));
}

bool is_named_as_picture(const std::string& key) {
  return std::ranges::find(kPictureEndings, ending_of(key)) != kPictureEndings.end();
}

Kind kind_of(const Container& container, int64_t index, bool by_name) {
  if (is_label_file(container.key(index))) return Kind::kLabels;
  const bool meant = is_named_as_picture(container.key(index));
  if (by_name) return meant ? Kind::kPicture : Kind::kOther;
  try {
    const Bytes bytes = container.read(index, kProbeBytes);
    if (picture_format(bytes.view)) return Kind::kPicture;
    if (meant) return Kind::kMeantAsPicture;
    const std::string what = foreign_format(bytes.view).what;
    const bool other = what.ends_with("picture") || what.find("HEIC") != std::string::npos;
    return other ? Kind::kOtherPicture : Kind::kOther;
  } catch (const Error&) {
    // Whoever reads the pictures says why.
    return meant ? Kind::kMeantAsPicture : Kind::kOther;
  }
}

std::vector<Kind> kinds_of(const Container& container, Workers& workers, bool by_name) {
  constexpr int64_t kAtOnce = 64;
  std::vector<Kind> kinds(static_cast<size_t>(container.size()));
  workers.run((container.size() + kAtOnce - 1) / kAtOnce, [&](int64_t block) {
    for (int64_t i = block * kAtOnce; i < std::min(container.size(), (block + 1) * kAtOnce); ++i)
      kinds[static_cast<size_t>(i)] = kind_of(container, i, by_name);
  });
  return kinds;
}

std::string first_component(std::string_view key) {
  const size_t end = key.find('/');
  return end == std::string_view::npos ? "" : std::string(key.substr(0, end));
}

// train, val or test, of a folder's name in any of the usual words; "" for any other name.
std::string split_word(const std::string& folder) {
  std::string word = lower(folder);
  while (!word.empty() && std::string_view("-._ 0123456789").find(word.back()) != std::string::npos)
    word.pop_back();
  static const std::map<std::string, std::string, std::less<>> kWords = {
      {"train", "train"}, {"training", "train"}, {"validation", "val"}, {"valid", "val"},
      {"val", "val"},     {"dev", "val"},        {"test", "test"},      {"testing", "test"},
      {"eval", "test"},   {"evaluation", "test"}};
  const auto found = kWords.find(word);
  return found == kWords.end() ? "" : found->second;
}

// "jpg 190, webp 10": the most frequent first.
std::string counted(const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted,
                           [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(sorted.size(), 8); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ",
                        sorted[i].first.empty() ? "no extension" : "." + sorted[i].first,
                        sorted[i].second);
  return sorted.size() > 8 ? text + ", ..." : text;
}

class Chooser {
 public:
  Chooser(const config::Data& data, Split split, Workers& workers)
      : data_(data), split_(split), workers_(workers) {}

  PictureSet choose() {
    set_.container =
        open_container(data_.path, static_cast<uint64_t>(data_.largest_picture) * 1'000'000 * 8);
    inside_ = folder_around();
    const Parts parts = parts_of_set();
    const bool by_hash = parts.training.empty() && data_.held_out > 0;
    if (split_ == Split::kHeldOut && parts.held_out.empty() && !by_hash) return std::move(set_);
    const std::vector<Kind> kinds =
        kinds_of(*set_.container, workers_, data_.fingerprint == "index");
    count_left_out(kinds);
    for (int64_t i = 0; i < set_.container->size(); ++i) {
      const std::string key = set_.container->key(i);
      std::string rest = rest_of(key);
      const auto within =
          parts.training.empty() ? std::nullopt : std::optional(split_word(first_component(rest)));
      const bool held_out = by_hash ? is_held_out(key) : within && *within == parts.held_out;
      const bool training = by_hash ? !held_out : !within || *within == parts.training;
      const bool wanted = split_ == Split::kTraining ? training : held_out;
      const Kind kind = kinds[static_cast<size_t>(i)];
      if (kind == Kind::kLabels || !(training || wanted)) continue;
      if (within) rest.erase(0, rest.find('/') + 1);
      if (training) folders_.insert(first_component(rest));
      if (!wanted || (kind != Kind::kPicture && kind != Kind::kMeantAsPicture)) continue;
      set_.members.push_back(i);
      classes_.push_back(first_component(rest));
    }
    if (!set_.members.empty()) label();
    return std::move(set_);
  }

 private:
  void count_left_out(const std::vector<Kind>& kinds) {
    std::map<std::string, int64_t> endings;
    int64_t read = 0;
    int64_t others = 0;
    int64_t total = 0;
    for (size_t i = 0; i < kinds.size(); ++i) {
      if (kinds[i] == Kind::kLabels) continue;
      ++total;
      const bool taken = kinds[i] == Kind::kPicture || kinds[i] == Kind::kMeantAsPicture;
      read += taken ? 1 : 0;
      others += kinds[i] == Kind::kOtherPicture ? 1 : 0;
      if (!taken) ++endings[ending_of(set_.container->key(static_cast<int64_t>(i)))];
    }
    const std::string found = total == 0
                                  ? "it holds no file"
                                  : fmt::format("it holds {} files: {}", total, counted(endings));
    if (read == 0)
      ALLMODES_FAIL(ExitCode::kNoInput,
                    "{}: no picture in it ({}); JPEG, PNG, WebP, BMP, PGM and PPM are read, of any "
                    "name{}{}",
                    data_.path, found, what_one_is(kinds),
                    others > 0
                        ? fmt::format("; {} are pictures in a format that is not read: convert "
                                      "them to PNG (mogrify -format png, of ImageMagick)",
                                      others)
                        : "");
    if (read == total) return;
    const std::string left = fmt::format(
        "{} of {} files are left out, which are no pictures that "
        "are read: {}",
        total - read, total, counted(endings));
    if (others > read)
      ALLMODES_FAIL(ExitCode::kDataError,
                    "{}: {}; {} of them are pictures in a format that is not read. Convert them to "
                    "PNG or JPEG, or take them out of the folder",
                    data_.path, left, others);
    set_.remarks.push_back(left);
  }

  // "; x.arrow is an Arrow table; save it ...", of the first file.
  std::string what_one_is(const std::vector<Kind>& kinds) const {
    const auto other = std::ranges::find(kinds, Kind::kOther);
    if (other == kinds.end()) return "";
    const int64_t index = other - kinds.begin();
    const ForeignFormat found = foreign_format(set_.container->read(index, kProbeBytes).view);
    return fmt::format("; {} is {}{}", set_.container->key(index), found.what, found.remedy);
  }

  // A set that was packed with its folder, or put into one: the folders, each the only one where it
  // lies, in which several classes or the parts (train, ...) begin, with a '/' at the end; or "".
  std::string folder_around() {
    std::string around;
    for (;;) {
      const std::set<std::string> inside = folders_in(around);
      if (inside.empty()) return "";
      if (inside.size() > 1 || !split_word(*inside.begin()).empty()) break;
      around += *inside.begin() + "/";
    }
    if (!around.empty())
      set_.remarks.push_back(fmt::format("everything lies in the folder '{}'; its folders count",
                                         around.substr(0, around.size() - 1)));
    return around;
  }

  // The folders within `around`, none where pictures lie beside them. Of the outermost ones two are
  // enough to know that none holds everything.
  std::set<std::string> folders_in(const std::string& around) const {
    std::set<std::string> folders;
    for (int64_t i = 0; i < set_.container->size(); ++i) {
      if (around.empty() && folders.size() > 1) break;
      const std::string key = set_.container->key(i);
      if (!key.starts_with(around)) continue;
      const std::string folder = first_component(key.substr(around.size()));
      if (!folder.empty()) {
        folders.insert(folder);
      } else if (is_named_as_picture(key)) {
        return {};
      }
    }
    return folders;
  }

  // The key within the folder in which the set begins; a file that lies beside that folder is one
  // beside the classes.
  std::string rest_of(const std::string& key) const {
    return key.substr(key.starts_with(inside_) ? inside_.size() : key.rfind('/') + 1);
  }

  // The split words whose folders hold the two parts; both "" where no folders part the set.
  struct Parts {
    std::string training = {};
    std::string held_out = {};  // a word that no folder has where nothing is held out
  };

  Parts parts_of_set() {
    std::set<std::string> words;
    bool all = true;
    for (int64_t i = 0; i < set_.container->size() && all; ++i) {
      // A README or a table beside the folders is none of the parts.
      const std::string key = rest_of(set_.container->key(i));
      if (key.find('/') == std::string::npos && !is_named_as_picture(key)) continue;
      const std::string word = split_word(first_component(key));
      all = !word.empty();
      words.insert(word);
    }
    const bool parted = all && words.contains("train");
    if (data_.split != "auto") {
      const std::string wanted = split_word(data_.split);
      if (wanted.empty() || !all || !words.contains(wanted))
        ALLMODES_FAIL(ExitCode::kConfiguration,
                      "data.split: '{}': {} has no outermost folder of that name beside others of "
                      "such names (train, val, test)",
                      data_.split, data_.path);
      return {.training = wanted,
              .held_out = wanted == "test" || !words.contains("test") ? "none" : "test"};
    }
    if (!parted) return {};
    if (words.size() > 1 && split_ == Split::kTraining)
      set_.remarks.push_back(fmt::format(
          "the folder 'train' is the training part ({} lie beside it); data.split names another",
          fmt::join(words, ", ")));
    return {.training = "train", .held_out = words.contains("test") ? "test" : "val"};
  }

  bool is_held_out(const std::string& key) const {
    const double share = static_cast<double>(XXH3_64bits(key.data(), key.size())) * 0x1p-64;
    return share < data_.held_out;
  }

  void label() {
    if (data_.classes == "none") return;
    if (auto own = set_.container->labels()) {
      label_by_container(std::move(*own));
    } else {
      label_by_folders();
    }
  }

  void label_by_container(Labels own) {
    if (own.names.empty()) return;
    set_.labels.names = std::move(own.names);
    for (const int64_t member : set_.members) {
      const int32_t label = own.values[static_cast<size_t>(member)];
      if (label < 0)
        ALLMODES_FAIL(ExitCode::kDataError,
                      "{}: has no label, but others have; give each one, or set data.classes: "
                      "none",
                      set_.container->place(member));
      set_.labels.values.push_back(label);
    }
  }

  void label_by_folders() {
    if (folders_.size() == 1 && folders_.contains("")) return;
    const auto bare = std::ranges::find(classes_, "");
    if (bare != classes_.end()) {
      const auto inside = std::ranges::find_if(classes_, [](const auto& c) { return !c.empty(); });
      if (inside == classes_.end()) return;
      ALLMODES_FAIL(
          ExitCode::kDataError,
          "{}: has pictures ({}) beside folders ({}); put every picture into a class's folder, or "
          "none, or set data.classes: none",
          data_.path,
          set_.container->key(set_.members[static_cast<size_t>(bare - classes_.begin())]), *inside);
    }
    if (split_ == Split::kHeldOut) leave_out_unknown_classes();
    std::map<std::string, int32_t> numbers;
    for (const std::string& name : folders_) {
      if (name.empty()) continue;
      if (split_ == Split::kTraining && std::ranges::find(classes_, name) == classes_.end())
        ALLMODES_FAIL(ExitCode::kDataError,
                      "{}/{}: the class has no picture that is read; take the folder away, or set "
                      "data.classes: none",
                      data_.path, name);
      numbers.emplace(name, static_cast<int32_t>(numbers.size()));
      set_.labels.names.push_back(readable_name(name));
    }
    for (const std::string& name : classes_) set_.labels.values.push_back(numbers.at(name));
    if (split_ == Split::kTraining) remark_on_shards();
  }

  // Classes are those of the training part, in its order, whichever of them the held-out part has.
  void leave_out_unknown_classes() {
    std::map<std::string, int64_t> unknown;
    size_t kept = 0;
    for (size_t i = 0; i < classes_.size(); ++i) {
      if (!folders_.contains(classes_[i])) {
        ++unknown[readable_name(classes_[i])];
        continue;
      }
      classes_[kept] = classes_[i];
      set_.members[kept++] = set_.members[i];
    }
    if (unknown.empty()) return;
    std::string text;
    for (const auto& [name, count] : unknown)
      text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", name, count);
    set_.remarks.push_back(fmt::format(
        "of the held-out part classes that the training part does not have are left out: {}",
        text));
    classes_.resize(kept);
    set_.members.resize(kept);
  }

  void remark_on_shards() {
    const auto& names = set_.labels.names;
    const bool numbered = std::ranges::all_of(names, [&](const std::string& name) {
      return name.size() >= 3 && name.size() == names[0].size() &&
             name.find_first_not_of("0123456789") == std::string::npos;
    });
    if (numbered && names.size() > 1)
      set_.remarks.push_back(fmt::format(
          "the folders {} ... {} are taken for {} classes; if they only keep folders small, set "
          "data.classes: none",
          names.front(), names.back(), names.size()));
  }

  const config::Data& data_;
  Split split_;
  Workers& workers_;
  PictureSet set_;
  std::string inside_;                // folder_around()
  std::vector<std::string> classes_;  // of the members: their outermost folder
  std::set<std::string> folders_;     // of all files of the training part
};

}  // namespace

PictureSet choose_pictures(const config::Data& data, Split split, Workers& workers) {
  return Chooser(data, split, workers).choose();
}

}  // namespace allmodes::data
