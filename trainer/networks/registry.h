#pragma once

// Named architectures: functions from a few settings to a list of layers.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/run_config.h"
#include "networks/plan.h"

namespace allmodes::networks {

// What the network is for: it decides which half of a convolutional pair is built.
enum class Role { kGenerator, kDiscriminator, kEncoder, kDecoder };

// What an architecture is built from.
struct Request {
  const config::Network& network;
  Shape input, output;  // without the batch dimension
  Role role;
  std::string output_activation;  // "none": no layer
  // Of a class-conditional network: how a discriminator takes its labels; "none": it has none. All
  // other networks take them by concatenation where it is not "none".
  //   concatenation  an embedding of the label stands beside the input
  //   projection     the last linear layer becomes a class_projection
  std::string conditioning = "none";

  bool makes_sample() const { return role == Role::kGenerator || role == Role::kDecoder; }
};

// The layers of `request.network`: its own list where it has one, else those of its architecture.
// The network's own output_activation, where it says one, goes before the request's.
// Throws ShapeError where the architecture cannot make such an output. An own list is returned as
// it is, without an output activation: plan it and compare the output shape.
std::vector<config::Layer> build(const Request& request);

// A named architecture is a row `extern const Architecture kNAME{...}` in a file of its own that
// says what it is; the build finds the rows (docs/extending.md).
struct Architecture {
  std::string_view name;
  std::vector<config::Layer> (*build)(const Request& request);
  std::span<const std::string_view> fields;  // of config::Network that it reads
};

// All rows, by cmake/Rooms.cmake.
std::span<const Architecture* const> architectures();

// In alphabetical order.
std::vector<std::string_view> architecture_names();

// The fields of config::Network that an architecture reads; empty for an unknown name.
std::span<const std::string_view> architecture_fields(std::string_view architecture);

}  // namespace allmodes::networks
