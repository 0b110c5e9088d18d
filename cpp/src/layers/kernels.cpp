// The loops of layered networks, compiled for one SIMD level.
#include "layers/kernels.hpp"

#include <limits>

#include "core/level_prelude.hpp"
#include "layers/wave_kernels.hpp"
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
#include "core/program/functions.hpp"

namespace spikelet::layers::SPIKELET_LEVEL {
using namespace spikelet::SPIKELET_LEVEL;
}

#include "layers/wave_kernel.hpp"
#include "layers/spike_words.hpp"
#include "layers/column_walk.hpp"
#include "layers/dense.hpp"
#include "layers/activation.hpp"
#include "layers/neuron.hpp"
#include "layers/following.hpp"
#include "layers/dynamics.hpp"
#include "layers/max_pool.hpp"
// clang-format on

namespace spikelet::layers::SPIKELET_LEVEL {

template <class R, class C>
constexpr CurrentKernels<R, C> current_kernels_of() {
  return {&walk<C>,
          &copy_spikes<C>,
          &subtract_steps<R, C>,
          &zero_steps<R, C>,
          &predictive_steps<R, C>,
          &sized_steps<R, C>,
          &pair_steps<R, C>,
          &following_steps<R, C>,
          &pair_of_sizes_steps<R, C>,
          &dynamic_steps<R, C>};
}

template <class R>
constexpr LayerKernels<R> layer_kernels_of() {
  return {current_kernels_of<R, R>(), current_kernels_of<R, Short>(),
          &scatter_spikes<R>,         &dense_row<R>,
          &undifference<R>,           &graded_steps_of<R, false>,
          &graded_steps_of<R, true>,  &population,
          &tally_spikes<R>,           &max_counts<R>,
          &activate_values<R>};
}

constinit const LevelTable kernel_table{waves, layer_kernels_of<float>(),
                                        layer_kernels_of<double>()};

}  // namespace spikelet::layers::SPIKELET_LEVEL
#include "core/target_pop.hpp"
