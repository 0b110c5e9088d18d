// Compiles every loop of training for one SIMD level. A level file defines SPIKELET_LEVEL and
// SPIKELET_VECTOR_BYTES, and includes this.
// clang-format off: each builds on the one before
#include "train/level_prelude.hpp"

#include "core/target_push.hpp"
#include "core/simd.hpp"

namespace spikelet::train::SPIKELET_LEVEL {
using namespace spikelet::SPIKELET_LEVEL;
}

#include "train/surrogate.hpp"
#include "train/fused_rows.hpp"
#include "train/dense_rows.hpp"
#include "train/sparse_rows.hpp"
// clang-format on

namespace spikelet::train::SPIKELET_LEVEL {

template <class R>
inline constexpr SparseKernels<R> sparse{lanes<R>,   &count<R>,   &find<R>,
                                         &gather<R>, &scatter<R>, &sum_rows<R>};

template <class R>
inline constexpr FusedKernels<R> fused{&advance<R, false>, &advance<R, true>, &retreat<R, false>,
                                       &retreat<R, true>,  &multiply_add<R>,  &add_row<R>};

inline constexpr LevelTable table{fused<float>, fused<double>, sparse<float>, sparse<double>};

}  // namespace spikelet::train::SPIKELET_LEVEL
#include "core/target_pop.hpp"
