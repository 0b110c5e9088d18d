// Baseline kernels, and what is known of the models apart from their steps.
#include <stdexcept>
#include <string>

#include "core/level_prelude.hpp"
#include "core/plasticity/tsodyks_markram.hpp"
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
template <template <class> class Rule>
constexpr PlasticityInfo describe_rule() {
  using T = Rule<double>;
  return {T::name,       T::parameters, T::summable,        T::modulated, T::idle_depression,
          T::keeps_sign, false,         &T::time_constants, &T::bounds};
}
template <template <class> class... Rules>
constexpr std::array<PlasticityInfo, sizeof...(Rules) + 1> describe_rules() {
  return {describe_rule<Rules>()..., TsodyksMarkram::info()};
}
template <class... Models>
constexpr std::array<ModelInfo, sizeof...(Models)> describe_all() {
  return {describe<Models>()...};
}

std::size_t find_by_name(const char* kind, const auto& all, std::string_view name) {
  std::string names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == name) {
      return i;
    }
    names += (i == 0 ? "" : ", ") + std::string(all[i].name);
  }
  throw std::invalid_argument("no " + std::string(kind) + " is named '" + std::string(name) +
                              "'; there are: " + names);
}

}  // namespace

std::span<const ModelInfo> models() {
  using namespace baseline;
  static constexpr auto all = describe_all<SPIKELET_MODELS>();
  return all;
}

std::span<const PlasticityInfo> plasticity_rules() {
  using namespace baseline;
  static constexpr auto all = describe_rules<SPIKELET_RULES>();
  return all;
}

std::size_t find_model(std::string_view name) {
  return find_by_name("neuron model", models(), name);
}

std::size_t find_plasticity(std::string_view name) {
  return find_by_name("plasticity rule", plasticity_rules(), name);
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
