#include "world/handshake.h"

#include "base/error.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

namespace allmodes::world {
namespace {

// What one rank says about itself.
struct Statement {
  std::string host;
  Facts facts;
};

std::string own_host() {
  char name[256] = "";
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown host";
}

Statement statement_from(const std::string& packed) {
  const std::vector<std::string> texts = unpack(packed);
  if (texts.size() % 2 != 1)
    ALLMODES_FAIL(ExitCode::kProtocol, "the ranks run different versions of allmodes");
  Statement statement{.host = texts[0], .facts = {}};
  for (size_t i = 1; i < texts.size(); i += 2) statement.facts.emplace_back(texts[i], texts[i + 1]);
  return statement;
}

std::optional<std::string> value_of(const Facts& facts, const std::string& name) {
  const auto found = std::find_if(facts.begin(), facts.end(),
                                  [&](const auto& fact) { return fact.first == name; });
  if (found == facts.end()) return std::nullopt;
  return found->second;
}

std::string spoken(const std::optional<std::string>& value) {
  return value.has_value() ? fmt::format("'{}'", *value) : "does not know it";
}

// The name of the first fact in which the two differ.
std::optional<std::string> difference(const Facts& first, const Facts& second) {
  for (const auto& [name, value] : first)
    if (value_of(second, name) != value) return name;
  for (const auto& [name, value] : second)
    if (!value_of(first, name).has_value()) return name;
  return std::nullopt;
}

template <typename Integer>
Integer number_from(const std::string& text) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    ALLMODES_FAIL(ExitCode::kProtocol, "a rank sent '{}' instead of a number", text);
  return value;
}

}  // namespace

std::string pack(const std::vector<std::string>& texts) {
  std::string packed;
  for (const std::string& text : texts) packed += fmt::format("{}:{}", text.size(), text);
  return packed;
}

std::vector<std::string> unpack(const std::string& packed) {
  std::vector<std::string> texts;
  const char* at = packed.data();
  const char* const end = at + packed.size();
  while (at != end) {
    size_t size = 0;
    const auto [colon, error] = std::from_chars(at, end, size);
    if (error != std::errc() || colon == end || *colon != ':' ||
        size > static_cast<size_t>(end - colon - 1))
      ALLMODES_FAIL(ExitCode::kProtocol,
                    "a rank sent a damaged message; do all ranks run the same program?");
    texts.emplace_back(colon + 1, size);
    at = colon + 1 + size;
  }
  return texts;
}

void agree(Communicator& communicator, const Facts& facts) {
  std::vector<std::string> mine{own_host()};
  for (const auto& [name, value] : facts) {
    mine.push_back(name);
    mine.push_back(value);
  }
  const std::vector<std::string> all = all_gather_text(communicator, pack(mine));
  const Statement first = statement_from(all[0]);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    const Statement other = statement_from(all[rank]);
    const auto name = difference(first.facts, other.facts);
    if (!name.has_value()) continue;
    ALLMODES_FAIL(ExitCode::kProtocol,
                  "the ranks disagree about the {}: rank 0 on {}: {}; rank {} on {}: {}. Start "
                  "every rank with the same program, configuration and data",
                  *name, first.host, spoken(value_of(first.facts, *name)), rank, other.host,
                  spoken(value_of(other.facts, *name)));
  }
}

Refusal refuse_together(Communicator& communicator, const Refusal& mine) {
  const auto code = static_cast<int>(mine.code);
  const bool refuses = mine.code != ExitCode::kOk;
  const std::vector<std::string> statement{std::to_string(code), refuses ? own_host() : "",
                                           refuses ? mine.text : ""};
  Refusal all;
  std::set<std::string> said{""};
  int rank = -1;
  for (const std::string& packed : all_gather_text(communicator, pack(statement))) {
    ++rank;
    const std::vector<std::string> texts = unpack(packed);
    if (texts.size() != statement.size())
      ALLMODES_FAIL(ExitCode::kProtocol, "the ranks run different versions of allmodes");
    all.code = std::max(all.code, static_cast<ExitCode>(number_from<int>(texts[0])));
    if (!said.insert(texts[2]).second) continue;
    if (rank > 0)
      all.text += fmt::format("allmodes: error: found on rank {} on {}:\n", rank, texts[1]);
    all.text += texts[2];
  }
  return all;
}

std::vector<Member> roster(Communicator& communicator, const World& world,
                           const std::string& device, const std::string& device_uuid) {
  const std::vector<std::string> mine{world.host, std::to_string(world.local_rank), device,
                                      device_uuid, std::to_string(getpid())};
  std::vector<Member> members;
  for (const std::string& packed : all_gather_text(communicator, pack(mine))) {
    const std::vector<std::string> texts = unpack(packed);
    if (texts.size() != mine.size())
      ALLMODES_FAIL(ExitCode::kProtocol, "the ranks run different versions of allmodes");
    members.push_back({.rank = static_cast<int>(members.size()),
                       .host = texts[0],
                       .local_rank = number_from<int>(texts[1]),
                       .device = texts[2],
                       .device_uuid = texts[3],
                       .pid = number_from<int64_t>(texts[4])});
  }
  return members;
}

}  // namespace allmodes::world
