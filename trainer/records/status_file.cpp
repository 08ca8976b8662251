#include "records/status_file.h"

#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"

namespace allmodes::records {
namespace {

using StatusJson = nlohmann::ordered_json;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string text_of(const Record& record, const char* name) {
  const Value* value = record.find(name);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? "" : *text;
}

}  // namespace

std::string to_json(const Status& status) {
  StatusJson json;
  json["run"] = status.run;
  json["stage"] = status.stage;
  json["step"] = status.step;
  json["steps"] = status.steps;
  json["samples"] = status.samples;
  json["steps_per_s"] = status.steps_per_s;
  json["samples_per_s"] = status.samples_per_s;
  json["eta_s"] = status.eta_s ? StatusJson(*status.eta_s) : StatusJson();
  json["state"] = status.state;
  json["kind"] = status.kind;
  json["verdict_step"] = status.verdict_step;
  json["ranks"] = status.ranks;
  json["hosts"] = status.hosts;
  json["host"] = status.host;
  json["pid"] = status.pid;
  json["started"] = status.started;
  json["updated"] = status.updated;
  return json.dump(2, ' ', false, StatusJson::error_handler_t::replace) + "\n";
}

Status read_status(const std::filesystem::path& path) {
  try {
    const auto json = StatusJson::parse(read_file(path, 1 << 20));
    Status status;
    status.run = json.at("run").get<std::string>();
    status.stage = json.at("stage").get<std::string>();
    status.step = json.at("step").get<uint64_t>();
    status.steps = json.at("steps").get<uint64_t>();
    status.samples = json.at("samples").get<uint64_t>();
    status.steps_per_s = json.at("steps_per_s").get<double>();
    status.samples_per_s = json.at("samples_per_s").get<double>();
    if (!json.at("eta_s").is_null()) status.eta_s = json.at("eta_s").get<double>();
    status.state = json.at("state").get<std::string>();
    status.kind = json.at("kind").get<std::string>();
    status.verdict_step = json.at("verdict_step").get<uint64_t>();
    status.ranks = json.at("ranks").get<int64_t>();
    status.hosts = json.at("hosts").get<std::vector<std::string>>();
    status.host = json.at("host").get<std::string>();
    status.pid = json.at("pid").get<int64_t>();
    status.started = json.at("started").get<double>();
    status.updated = json.at("updated").get<double>();
    return status;
  } catch (const StatusJson::exception& error) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' is no status of a run: {}", path.string(),
                  error.what());
  }
}

StatusSink::StatusSink(std::filesystem::path path, Status status)
    : path_(std::move(path)), status_(std::move(status)) {
  status_.stage = "starting";
  status_.started = now();
  replace();
}

StatusSink::~StatusSink() {
  try {
    status_.stage = status_.step >= status_.steps ? "finished" : "stopped";
    status_.eta_s = std::nullopt;
    replace();
  } catch (const std::exception&) {
    // The age of the last one says that nothing moves any more.
  }
}

void StatusSink::write(const Record& record) {
  if (record.kind == "train") {
    status_.step = record.step;
    status_.samples = record.samples;
    status_.stage = "training";
    if (const auto step_ms = record.number("step_ms"); step_ms && *step_ms > 0)
      status_.steps_per_s = 1e3 / *step_ms;
    status_.samples_per_s = record.number("samples_per_s").value_or(status_.samples_per_s);
    if (status_.steps_per_s > 0 && status_.steps >= status_.step)
      status_.eta_s = static_cast<double>(status_.steps - status_.step) / status_.steps_per_s;
  } else if (record.kind == "verdict") {
    status_.state = text_of(record, "state");
    status_.kind = text_of(record, "kind");
    status_.verdict_step = record.step;
  } else if (record.kind == "rollback") {
    status_.step = record.step;
  } else {
    return;
  }
  replace();
}

void StatusSink::replace() {
  status_.updated = now();
  replace_file(path_, to_json(status_));
}

}  // namespace allmodes::records
