#include <fmt/format.h>

#include "config/convert.h"
#include "config/families.h"

namespace allmodes::config {
namespace {

class Relations {
 public:
  std::vector<Problem> problems;

  void network(const std::string& path, const Network& network, bool twice_differentiated) {
    if (twice_differentiated && network.layers.empty() && network.norm == "sync_batch") {
      refuse_synchronized(path + ".norm");
    }
    layers(path + ".layers", network.layers, twice_differentiated);
  }

  void layers(const std::string& path, const std::vector<Layer>& list, bool twice_differentiated) {
    for (size_t i = 0; i < list.size(); ++i) {
      const auto here = fmt::format("{}[{}]", path, i);
      const auto& kind = list[i].kind;
      if (const auto* norm = std::get_if<BatchNorm>(&kind)) {
        if (twice_differentiated && norm->statistics == "global") {
          refuse_synchronized(here + ".batch_norm.statistics");
        }
      } else if (const auto* up = std::get_if<TransposedConvolution>(&kind)) {
        if (up->output_padding > 0 && up->output_padding >= up->stride) {
          add(here + ".transposed_convolution.output_padding",
              fmt::format("output_padding: must be below the stride ({}), is {}", up->stride,
                          up->output_padding));
        }
      } else if (const auto* residual = std::get_if<Residual>(&kind)) {
        layers(here + ".residual.layers", residual->layers, twice_differentiated);
      }
    }
  }

  void add(std::string path, std::string message) {
    problems.push_back({std::move(path), std::move(message), ""});
  }

 private:
  void refuse_synchronized(std::string path) {
    add(std::move(path),
        "batch norm with statistics over all ranks cannot be differentiated twice, which a "
        "penalty needs: use norm 'none' or 'batch' (statistics 'local') in the discriminator, or no "
        "penalty");
  }
};

}  // namespace

std::vector<Problem> check_relations(const RunConfig& config) {
  Relations relations;
  if (config.batch >= 1 && config.microbatches >= 1 && config.batch % config.microbatches != 0) {
    relations.add("microbatches", fmt::format("microbatches: {} does not divide the batch of {}",
                                              config.microbatches, config.batch));
  }
  for (const auto& [path, network, differentiated_twice] : family_networks(config))
    relations.network(path, *network, differentiated_twice);
  if (const auto* vae = std::get_if<Vae>(&config.family)) {
    if (vae->latent.distribution != "normal") {
      relations.add("vae.latent.distribution",
                    "distribution: a VAE's prior is 'normal', whose KL has a closed form");
    }
  }
  return std::move(relations.problems);
}

}  // namespace allmodes::config
