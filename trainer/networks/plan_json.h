#pragma once

#include <nlohmann/json.hpp>

#include "networks/plan.h"

namespace allmodes::networks {

// A plan for programs that run the network elsewhere: "input", "output", "classes" (0: no labels),
// and "layers", each with its "kind" and "name" (the prefix of its tensors), its own "input" and
// "output" shape, "classes", and every field of its configuration by that field's name. A residual
// block holds the lists "layers" and "shortcut".
nlohmann::json to_json(const Plan& plan);

}  // namespace allmodes::networks
