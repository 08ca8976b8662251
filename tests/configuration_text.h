#pragma once

// Texts of configurations made from the list of fields.

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "config/field_list.h"

namespace allmodes::test {

// "gan.penalty[].weight" and "3" -> "gan { penalty { weight: 3 } }"; `beside`: what else is put
// into the outermost block.
inline std::string nested(const std::string& path, const std::string& value,
                          const std::string& beside = "") {
  std::string text, closing;
  size_t begin = 0;
  for (size_t dot; (dot = path.find('.', begin)) != std::string::npos; begin = dot + 1) {
    std::string name = path.substr(begin, dot - begin);
    if (name.ends_with("[]")) name.resize(name.size() - 2);
    text += name + " { " + (begin == 0 ? beside : "");
    closing += " }";
  }
  return text + path.substr(begin) + ": " + value + closing + "\n";
}

// The ends of the field's range and their neighbours, 0, negative and the largest numbers.
inline std::vector<std::string> telling_values(const config::Field& field) {
  if (field.type == "true or false") return {"true", "false"};
  if (field.type == "text") return {"\"\"", "\"no such name\"", "\"\\377\"", field.value};
  std::set<std::string> values{"0", "1", "3"};
  if (field.path != "seed") values.insert("-1");
  const std::regex number("-?[0-9]+");
  for (auto i = std::sregex_iterator(field.range.begin(), field.range.end(), number);
       i != std::sregex_iterator(); ++i) {
    const int64_t end = std::stoll(i->str());
    for (const int64_t x : {end - 1, end, end + 1})
      if (x >= 0 || field.path != "seed") values.insert(fmt::format("{}", x));
  }
  if (field.type == "number") {
    values.insert({"1e-320", "1e308", "-1e308", "inf", "nan"});
  } else {
    values.insert({"9223372036854775807"});
    if (field.path != "seed") values.insert("-9223372036854775808");
  }
  return {values.begin(), values.end()};
}

// Fewer of a whole number, for pairs: 0, a number that divides little, and the largest allowed one.
inline std::vector<std::string> few_values(const config::Field& field) {
  std::vector<std::string> values{"0", "3", "17592186044416"};
  const size_t most = field.range.find("at most ");
  if (most != std::string::npos) values.push_back(field.range.substr(most + 8));
  return values;
}

}  // namespace allmodes::test
