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

template <class R>
constexpr LayerKernels<R> layer_kernels_of() {
  return {&walk<R>,
          &scatter_spikes<R>,
          &copy_spikes<R>,
          &dense_row<R>,
          &undifference<R>,
          &subtract_steps<R, R>,
          &zero_steps<R, R>,
          &later_steps<R>,
          &predictive_steps<R, R>,
          &sized_steps<R, R>,
          &pair_steps<R, R>,
          &following_steps<R, R>,
          &pair_of_sizes_steps<R, R>,
          &graded_steps<R>,
          &differential_steps<R>,
          &dynamic_steps<R, R>,
          &walk<Short>,
          &copy_spikes<Short>,
          &subtract_steps<R, Short>,
          &zero_steps<R, Short>,
          &predictive_steps<R, Short>,
          &sized_steps<R, Short>,
          &pair_steps<R, Short>,
          &following_steps<R, Short>,
          &dynamic_steps<R, Short>,
          &population,
          &tally_spikes<R>,
          &max_counts<R>,
          &activate_values<R>};
}

constinit const LevelTable kernel_table{waves, layer_kernels_of<float>(),
                                        layer_kernels_of<double>()};

}  // namespace spikelet::layers::SPIKELET_LEVEL
#include "core/target_pop.hpp"
