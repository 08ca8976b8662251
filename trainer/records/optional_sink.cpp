#include "records/optional_sink.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <exception>
#include <utility>

namespace allmodes::records {

bool OptionalWork::attempt(const std::string& what, const std::function<void()>& work) {
  try {
    work();
    return true;
  } catch (const std::exception& error) {
    ++failures_;
    auto known = std::ranges::find(counts_, what, &std::pair<std::string, int64_t>::first);
    if (known == counts_.end()) known = counts_.insert(counts_.end(), {what, 0});
    const auto count = static_cast<uint64_t>(++known->second);
    if (std::has_single_bit(count))
      spdlog::warn("{} was not written, {}; the run goes on ({} such failure{} so far)", what,
                   error.what(), count, count == 1 ? "" : "s");
    return false;
  }
}

void FanOut::add(const std::string& what, const std::function<std::unique_ptr<Sink>()>& make) {
  work_.attempt(what, [&] { others_.emplace_back(what, make()); });
}

void FanOut::write(const Record& record) {
  required_->write(record);
  for (auto& other : others_) work_.attempt(other.first, [&] { other.second->write(record); });
}

void FanOut::flush() {
  required_->flush();
  for (auto& other : others_) work_.attempt(other.first, [&] { other.second->flush(); });
}

}  // namespace allmodes::records
