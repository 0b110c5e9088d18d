// Compiles every kernel body for one SIMD level. A level file defines SPIKELET_LEVEL and
// SPIKELET_VECTOR_BYTES, includes level_prelude.hpp, sets its target pragma, and then includes
// this.
// clang-format off: each builds on the one before
#include "core/simd.hpp"
#include "core/random16.hpp"
#include "core/neurons/lane.hpp"
#include "core/neurons/propagators.hpp"
#include "core/models.hpp"
#include "core/scatter.hpp"
#include "core/plasticity/plasticity_rules.hpp"
#include "core/plasticity/loops.hpp"
// clang-format on

namespace spikelet::SPIKELET_LEVEL {

template <class R, class... Models>
constexpr std::array<StepFunctions<R>, sizeof...(Models)> step_functions() {
  return {StepFunctions<R>{&step_model<Models, R, false>, &step_model<Models, R, true>}...};
}

inline constexpr auto steps32 = step_functions<float, SPIKELET_MODELS>();
inline constexpr auto steps64 = step_functions<double, SPIKELET_MODELS>();

inline constexpr auto plastic32 = plastic_kernels<float, SPIKELET_RULES>();
inline constexpr auto plastic64 = plastic_kernels<double, SPIKELET_RULES>();

inline constexpr KernelTable table{steps32.data(),
                                   steps64.data(),
                                   &words_of,
                                   &draw16_block,
                                   &poisson_range<float>,
                                   &poisson_range<double>,
                                   &list_lines,
                                   &scatter<float, true>,
                                   &scatter<double, true>,
                                   &scatter<float, false>,
                                   &scatter<double, false>,
                                   &below_block,
                                   plastic32.data(),
                                   plastic64.data()};

}  // namespace spikelet::SPIKELET_LEVEL
