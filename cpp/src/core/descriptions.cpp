// Neuron models and plasticity rules apart from their kernels: names, sizes, coefficients. They are
// the same at every level; those of the baseline are used.
#include <stdexcept>
#include <string>

#include "core/drive.hpp"
#include "core/level_prelude.hpp"
#include "core/plasticity/tsodyks_markram.hpp"
#include "spikelet/core/event_rule.hpp"

#define SPIKELET_LEVEL baseline
#define SPIKELET_VECTOR_BYTES 16
// clang-format off: each builds on the one before
#include "core/simd.hpp"
#include "core/neurons/propagators.hpp"
#include "core/models.hpp"
#include "core/plasticity/plasticity_rules.hpp"
// clang-format on

namespace spikelet {
namespace {

template <template <class> class Rule>
constexpr PlasticityInfo describe_rule() {
  using T = Rule<double>;
  return {T::name,       T::parameters, T::summable,        T::modulated, T::idle_depression,
          T::keeps_sign, false,         &T::time_constants, &T::bounds};
}
template <template <class> class... Rules>
constexpr std::array<PlasticityInfo, sizeof...(Rules) + 2> describe_rules() {
  return {describe_rule<Rules>()..., TsodyksMarkram::info(), EventRule::info()};
}
template <class... Models>
constexpr std::array<ModelInfo, sizeof...(Models)> describe_all() {
  return {describe_model<Models>()...};
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

}  // namespace spikelet
