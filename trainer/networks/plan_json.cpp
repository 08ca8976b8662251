#include "networks/plan_json.h"

#include "config/fields.h"

namespace allmodes::networks {
namespace {

nlohmann::json layers_json(const std::vector<LayerPlan>& layers, int64_t classes);

// Walks the fields of one layer's configuration (config/fields.h) into a JSON object.
class FieldWriter {
 public:
  explicit FieldWriter(nlohmann::json& out) : out_(out) {}

  template <class T, class Rule>
  void field(std::string_view name, const T& value, const Rule&) {
    out_[std::string(name)] = value;
  }
  template <class T>
  void list(std::string_view name, const std::vector<T>& values, const config::Range&, size_t) {
    out_[std::string(name)] = values;
  }
  // The layers inside a block are written from their plans, which know their shapes.
  template <class T>
  void messages(std::string_view, const std::vector<T>&) {}

  template <class Variant, class... Alternatives>
  void oneof(std::string_view, const Variant& variant, Alternatives... alternatives) {
    (write_if(variant, alternatives), ...);
  }

 private:
  template <class Variant, class A>
  void write_if(const Variant& variant, A alternative) {
    const auto* chosen = std::get_if<typename A::Type>(&variant);
    if (chosen == nullptr) return;
    out_["kind"] = alternative.name;
    config::describe(*this, *chosen);
  }

  nlohmann::json& out_;
};

nlohmann::json layer_json(const LayerPlan& layer, int64_t classes) {
  nlohmann::json out{
      {"name", layer.name}, {"input", layer.input}, {"output", layer.output}, {"classes", classes}};
  FieldWriter writer(out);
  config::describe(writer, layer.layer);
  if (!layer.inner.empty()) {
    out["layers"] = layers_json(layer.inner, classes);
    out["shortcut"] = layers_json(layer.shortcut, classes);
  }
  return out;
}

nlohmann::json layers_json(const std::vector<LayerPlan>& layers, int64_t classes) {
  auto out = nlohmann::json::array();
  for (const LayerPlan& layer : layers) out.push_back(layer_json(layer, classes));
  return out;
}

}  // namespace

nlohmann::json to_json(const Plan& plan) {
  return {{"input", plan.input},
          {"output", plan.output},
          {"classes", plan.classes},
          {"layers", layers_json(plan.layers, plan.classes)}};
}

}  // namespace allmodes::networks
