#include "checkpoints/manifest.h"

#include <xxhash.h>

#include <utility>

#include "allmodes/v1/checkpoint.pb.h"
#include "base/error.h"
#include "base/text.h"

namespace allmodes::checkpoints {
namespace {

// What a run has to know to go on as if it had not been interrupted, beside tensors and history.
void set_progress(const State& state, v1::Checkpoint& proto) {
  proto.set_run_id(state.run_id);
  if (state.data.channels > 0) {
    auto& data = *proto.mutable_data();
    data.set_channels(state.data.channels);
    data.set_height(state.data.height);
    data.set_width(state.data.width);
    data.set_image(state.data.image);
    data.set_classes(state.data.classes);
    data.set_size(state.data.size);
    for (const int64_t label : state.data.existing_classes) data.add_existing_class(label);
    for (const int64_t size : state.data.dimensions) data.add_dimension(size);
    for (const float mean : state.data.column_means) data.add_column_mean(mean);
    for (const float deviation : state.data.column_deviations) data.add_column_deviation(deviation);
  }
  if (state.since_evaluation) {
    auto& since = *proto.mutable_since_evaluation();
    since.set_evaluated_step(state.since_evaluation->evaluated_step);
    since.set_margin_count(state.since_evaluation->margin_count);
    since.set_margin_sum(state.since_evaluation->margin_sum);
    since.set_margin_sum_squares(state.since_evaluation->margin_sum_squares);
    since.set_skipped_steps(state.since_evaluation->skipped_steps);
    since.set_skipped_steps_evaluated(state.since_evaluation->skipped_steps_evaluated);
  }
}

template <typename Number>
std::vector<Number> list_of(const google::protobuf::RepeatedField<Number>& field) {
  return {field.begin(), field.end()};
}

void get_progress(const v1::Checkpoint& proto, State& state) {
  state.run_id = proto.run_id();
  const auto& data = proto.data();
  state.data = {.channels = data.channels(),
                .height = data.height(),
                .width = data.width(),
                .image = data.image(),
                .classes = data.classes(),
                .size = data.size(),
                .existing_classes = list_of(data.existing_class()),
                .dimensions = list_of(data.dimension()),
                .column_means = list_of(data.column_mean()),
                .column_deviations = list_of(data.column_deviation())};
  if (proto.has_since_evaluation()) {
    const auto& since = proto.since_evaluation();
    state.since_evaluation = {.evaluated_step = since.evaluated_step(),
                              .margin_count = since.margin_count(),
                              .margin_sum = since.margin_sum(),
                              .margin_sum_squares = since.margin_sum_squares(),
                              .skipped_steps = since.skipped_steps(),
                              .skipped_steps_evaluated = since.skipped_steps_evaluated()};
  }
}

constexpr uint32_t kFormat = 1;
// Two bytes of tag (field 30, fixed64) and eight of hash.
constexpr size_t kTrailerBytes = 10;

v1::Checkpoint to_proto(const Manifest& manifest) {
  const State& state = manifest.state;
  v1::Checkpoint proto;
  proto.set_format(kFormat);
  proto.set_step(state.step);
  proto.set_samples(state.samples);
  proto.set_config(valid_utf8(state.config));
  proto.set_allmodes_version(valid_utf8(state.allmodes_version));
  proto.set_libtorch_version(valid_utf8(state.libtorch_version));
  proto.set_data_fingerprint(state.data_fingerprint);
  proto.set_ranks(state.ranks);
  proto.set_trained_seconds(state.trained_seconds);
  for (const FileEntry& entry : manifest.files) {
    v1::File* file = proto.add_file();
    file->set_name(entry.name);
    file->set_bytes(entry.bytes);
    file->set_xxh3(entry.xxh3);
    for (const TensorEntry& tensor : entry.tensors) {
      v1::Tensor* lies = file->add_tensor();
      lies->set_name(valid_utf8(tensor.name));
      lies->set_begin(tensor.begin);
      lies->set_bytes(tensor.bytes);
      lies->set_xxh3(tensor.xxh3);
    }
  }
  for (const State::Verdict& verdict : state.verdicts) {
    v1::VerdictRecord* record = proto.add_verdict();
    record->set_step(verdict.step);
    record->set_state(valid_utf8(verdict.state));
    record->set_kind(valid_utf8(verdict.kind));
    record->set_reason(valid_utf8(verdict.reason));
  }
  for (const State::Evaluation& evaluation : state.evaluations) {
    v1::EvaluationRecord* record = proto.add_evaluation();
    record->set_step(evaluation.step);
    for (const auto& [name, number] : evaluation.values) {
      v1::NamedValue* value = record->add_value();
      value->set_name(valid_utf8(name));
      value->set_value(number);
    }
  }
  for (const State::Rollback& rollback : state.rollbacks) {
    v1::RollbackRecord* record = proto.add_rollback();
    record->set_from_step(rollback.from_step);
    record->set_to_step(rollback.to_step);
    record->set_kind(valid_utf8(rollback.kind));
    record->set_reason(valid_utf8(rollback.reason));
  }
  set_progress(state, proto);
  for (const auto& [name, steps] : state.optimizer_steps) {
    (*proto.mutable_optimizer_steps())[valid_utf8(name)] = steps;
  }
  return proto;
}

Manifest from_proto(const v1::Checkpoint& proto) {
  Manifest manifest;
  State& state = manifest.state;
  state.step = proto.step();
  state.samples = proto.samples();
  state.config = proto.config();
  state.allmodes_version = proto.allmodes_version();
  state.libtorch_version = proto.libtorch_version();
  state.data_fingerprint = proto.data_fingerprint();
  state.ranks = proto.ranks();
  state.trained_seconds = proto.trained_seconds();
  for (const v1::File& file : proto.file()) {
    FileEntry entry{.name = file.name(), .bytes = file.bytes(), .xxh3 = file.xxh3(), .tensors = {}};
    for (const v1::Tensor& tensor : file.tensor()) {
      entry.tensors.push_back({.name = tensor.name(),
                               .begin = tensor.begin(),
                               .bytes = tensor.bytes(),
                               .xxh3 = tensor.xxh3()});
    }
    manifest.files.push_back(std::move(entry));
  }
  for (const v1::VerdictRecord& record : proto.verdict()) {
    state.verdicts.push_back({.step = record.step(),
                              .state = record.state(),
                              .kind = record.kind(),
                              .reason = record.reason()});
  }
  for (const v1::EvaluationRecord& record : proto.evaluation()) {
    State::Evaluation evaluation{.step = record.step(), .values = {}};
    for (const v1::NamedValue& value : record.value()) {
      evaluation.values.emplace_back(value.name(), value.value());
    }
    state.evaluations.push_back(std::move(evaluation));
  }
  for (const v1::RollbackRecord& record : proto.rollback()) {
    state.rollbacks.push_back({.from_step = record.from_step(),
                               .to_step = record.to_step(),
                               .kind = record.kind(),
                               .reason = record.reason()});
  }
  get_progress(proto, state);
  for (const auto& [name, steps] : proto.optimizer_steps()) state.optimizer_steps[name] = steps;
  return manifest;
}

std::string trailer(std::string_view body) {
  v1::Checkpoint proto;
  proto.set_manifest_xxh3(XXH3_64bits(body.data(), body.size()));
  std::string bytes = proto.SerializeAsString();
  // proto3 leaves a zero out; spell it.
  if (bytes.empty()) bytes = std::string("\xF1\x01\0\0\0\0\0\0\0\0", kTrailerBytes);
  ALLMODES_CHECK(bytes.size() == kTrailerBytes, "{} bytes", bytes.size());
  return bytes;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  std::string body;
  ALLMODES_CHECK(to_proto(manifest).SerializeToString(&body), "the manifest cannot be serialized");
  body += trailer(body);
  decode_manifest(body, "the new manifest");
  return body;
}

Manifest decode_manifest(std::string_view bytes, const std::string& file) {
  if (bytes.size() < kTrailerBytes) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' ends at byte {}: cut off", file, bytes.size());
  }
  const std::string_view body = bytes.substr(0, bytes.size() - kTrailerBytes);
  if (bytes.substr(body.size()) != trailer(body)) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' is damaged: its hash (XXH3) does not agree", file);
  }
  v1::Checkpoint proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' is no checkpoint manifest", file);
  }
  if (proto.format() != kFormat) {
    ALLMODES_FAIL(ExitCode::kDataError, "'{}' has format {}; this version reads format {}", file,
                  proto.format(), kFormat);
  }
  return from_proto(proto);
}

}  // namespace allmodes::checkpoints
