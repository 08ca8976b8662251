#include "networks/plan_json.h"

#include <variant>

namespace allmodes::networks {
namespace {

nlohmann::json layers_json(const std::vector<LayerPlan>& layers, int64_t classes);

// Walks the fields of one layer's configuration (config/fields.h) into a JSON object.
class FieldWriter {
 public:
  explicit FieldWriter(nlohmann::json& out) : out_(out) {}

  template <class T, class Rule>
  void field(std::string_view name, const T& value, const Rule&, std::string_view) {
    out_[std::string(name)] = value;
  }
  template <class T>
  void list(std::string_view name, const std::vector<T>& values, const config::Range&, size_t,
            std::string_view) {
    out_[std::string(name)] = values;
  }
  // The layers inside a block are written from their plans, which know their shapes.
  template <class T>
  void messages(std::string_view, const std::vector<T>&, std::string_view) {}

  template <class Variant>
  void oneof(std::string_view, const Variant& variant) {
    std::visit(
        [&]<class Chosen>(const Chosen& chosen) {
          if constexpr (!std::same_as<Chosen, std::monostate>) {
            out_["kind"] = Chosen::kBlock.name;
            config::describe(*this, chosen);
          }
        },
        variant);
  }

 private:
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
