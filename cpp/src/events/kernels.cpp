// The loops of event data, compiled for one SIMD level.
#include "events/kernels.hpp"

#include "core/level_prelude.hpp"
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
// clang-format on

namespace spikelet::events::SPIKELET_LEVEL {
using namespace spikelet::SPIKELET_LEVEL;

template <class T>
void decayed(const T* x, T scale, T* out, std::size_t n) {
  for (std::size_t k = 0; k < n; k += lanes<T>) {
    store(out + k, exp_neg<T>(load(x + k)) * scale);
  }
}

template <class T>
void scaled(const T* x, T scale, T* out, std::size_t n) {
  std::size_t k = 0;
  for (; k + lanes<T> <= n; k += lanes<T>) {
    store(out + k, load(x + k) * scale);
  }
  for (; k < n; ++k) {
    out[k] = x[k] * scale;
  }
}

template <class T>
constexpr EventKernels<T> kernels_of{&decayed<T>, &scaled<T>};

constinit const LevelTable kernel_table{kernels_of<float>, kernels_of<double>};

}  // namespace spikelet::events::SPIKELET_LEVEL
#include "core/target_pop.hpp"
