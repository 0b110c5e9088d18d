// The loops of training, compiled for one SIMD level.
#include "train/kernels.hpp"

#include "core/level_prelude.hpp"
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
#include "core/simd_words.hpp"
#include "core/simd_pack.hpp"

namespace spikelet::train::SPIKELET_LEVEL {
using namespace spikelet::SPIKELET_LEVEL;
}

#include "train/surrogate.hpp"
#include "train/fused_rows.hpp"
#include "train/dense_rows.hpp"
#include "train/active_rows.hpp"
#include "train/sparse_rows.hpp"
#include "train/weight_rows.hpp"
#include "train/pool_rows.hpp"
#include "train/delay_rows.hpp"
#include "train/tile_rows.hpp"
// clang-format on

namespace spikelet::train::SPIKELET_LEVEL {

void stored() { fence(); }

template <class R>
constexpr SparseKernels<R> sparse{&count<R>,   &find<R>,   &gather<R>,         &stored,
                                  &scatter<R>, most_lines, &gather_windows<R>, &correlate<R>,
                                  &sum_rows<R>};

template <class R>
constexpr FusedKernels<R> fused{&forward_row<R, false>,  &forward_row<R, true>,
                                &backward_row<R, false>, &backward_row<R, true>,
                                &multiply_add<R>,        &add_row<R>};

template <class R>
constexpr PoolKernels<R> pool{&max_row<R>, &spread_row<R>};

template <class R>
constexpr DelayKernels<R> delay{&delay_tile<R>, &delay_correlate<R>};

constexpr TileKernels tiles{tile_lines, &tile_points, &filter_points, &multiply_points,
                            &tile_values};

constinit const LevelTable kernel_table{fused<float>,
                                        fused<double>,
                                        sparse<float>,
                                        sparse<double>,
                                        ByteKernels{&count_bytes, &find_bytes},
                                        pool<float>,
                                        pool<double>,
                                        delay<float>,
                                        delay<double>,
                                        tiles};

}  // namespace spikelet::train::SPIKELET_LEVEL
#include "core/target_pop.hpp"
