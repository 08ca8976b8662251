#include "run/verdict_file.h"

#include <nlohmann/json.hpp>

#include "diagnostics/collectors/shown_samples.h"
#include "run/parts_json.h"
#include "run/verdict_words.h"

namespace allmodes::run {

std::string verdict_json(const records::Record& record, const CheckedRun& run,
                         const std::vector<checkpoints::State::Rollback>& rollbacks,
                         const diagnostics::Verdict& verdict, const diagnostics::Evidence& evidence,
                         const report::VerdictText& words) {
  using Json = nlohmann::ordered_json;
  Json json = Json::parse(records::to_json(record));
  json["run"] = run.config().name;
  report::add_words(words, json);
  json["rollbacks"] = Json::array();
  for (const auto& each : rollbacks) {
    json["rollbacks"].push_back({{"from_step", each.from_step},
                                 {"to_step", each.to_step},
                                 {"kind", each.kind},
                                 {"reason", each.reason}});
  }
  if (const auto& modes = evidence.modes) {
    json["modes"] = Json::array();
    for (size_t k = 0; k < modes->names.size(); ++k) {
      json["modes"].push_back(
          {{"name", modes->names[k]},
           {"expected", modes->expected_share[k] * static_cast<double>(modes->samples)},
           {"observed", modes->observed[k]}});
    }
  }
  json["missing_modes"] = Json::array();
  for (const auto& mode : verdict.missing) {
    json["missing_modes"].push_back({{"name", mode.name},
                                     {"expected", mode.expected},
                                     {"observed", mode.observed},
                                     {"log10_p", mode.log10_tail}});
  }
  if (evidence.parts)
    json["parts"] = parts_json(evidence, verdict, [&](int64_t real) {
      return diagnostics::compared_real(*run.dataset, real);
    });
  // Names come from outside and need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace allmodes::run
