// Baseline kernels, and what is known of the models apart from their steps.
#include <stdexcept>
#include <string>

#include "core/level_prelude.hpp"
#include "spikelet/core/cpu.hpp"

#define SPIKELET_LEVEL baseline
#define SPIKELET_VECTOR_BYTES 16
#include "core/level.hpp"

namespace spikelet {
namespace {

template <class M>
constexpr ModelInfo describe() {
  return {M::name,         M::parameters,  M::states, k_first + M::coefficient_count,
          M::input_states, M::conductance, &M::lower};
}
template <class... Models>
constexpr std::array<ModelInfo, sizeof...(Models)> describe_all() {
  return {describe<Models>()...};
}

}  // namespace

std::span<const ModelInfo> models() {
  using namespace baseline;
  static constexpr auto all = describe_all<SPIKELET_MODELS>();
  return all;
}

std::size_t find_model(std::string_view name) {
  std::string names;
  for (std::size_t i = 0; i < models().size(); ++i) {
    if (models()[i].name == name) {
      return i;
    }
    names += (i == 0 ? "" : ", ") + std::string(models()[i].name);
  }
  throw std::invalid_argument("no neuron model is named '" + std::string(name) +
                              "'; there are: " + names);
}

const KernelTable& table_baseline() { return baseline::table; }

const KernelTable& kernels(SimdLevel level) {
#if defined(__x86_64__)
  switch (level) {
    case SimdLevel::v4:
      return table_v4();
    case SimdLevel::v3:
      return table_v3();
    default:
      break;
  }
#else
  (void)level;
#endif
  return table_baseline();
}

const KernelTable& kernels() {
  static const KernelTable& table = kernels(simd_level());
  return table;
}

}  // namespace spikelet
