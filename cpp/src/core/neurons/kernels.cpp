// The steps of all neuron models, compiled for one SIMD level.
#include "core/kernels.hpp"

#include "core/level_prelude.hpp"
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
#include "core/simd_words.hpp"
#include "core/kernel_parts.hpp"
#include "core/neurons/hold.hpp"
#include "core/neurons/lane.hpp"
#include "core/neurons/propagators.hpp"
#include "core/models.hpp"
// clang-format on

namespace spikelet::SPIKELET_LEVEL {

template <class R, class... Models>
const StepFunctions<R>& step_functions_of(std::size_t model) {
  static constexpr StepFunctions<R> all[]{
      {&step_model<Models, R, false>, &step_model<Models, R, true>}...};
  return all[model];
}

template <class R>
const StepFunctions<R>& step_functions(std::size_t model) {
  return step_functions_of<R, SPIKELET_MODELS>(model);
}

template const StepFunctions<float>& step_functions(std::size_t);
template const StepFunctions<double>& step_functions(std::size_t);

}  // namespace spikelet::SPIKELET_LEVEL
#include "core/target_pop.hpp"
