// Random draws, delivery and plasticity, compiled for one SIMD level.
#include "core/kernels.hpp"

#include "core/level_prelude.hpp"
// clang-format off: each builds on the one before
#include "core/target_push.hpp"
#include "core/simd.hpp"
#include "core/simd_words.hpp"
#include "core/simd_pack.hpp"
#include "core/kernel_parts.hpp"
#include "core/random16.hpp"
#include "core/rates_draw.hpp"
#include "core/normals.hpp"
#include "core/sines.hpp"
#include "core/scatter.hpp"
#include "core/integer_scatter.hpp"
#include "core/plasticity/power.hpp"
#include "core/plasticity/plasticity_rules.hpp"
#include "core/plasticity/lookups.hpp"
#include "core/plasticity/pieces.hpp"
#include "core/plasticity/rounds.hpp"
#include "core/plasticity/round_lanes.hpp"
#include "core/plasticity/replay.hpp"
#include "core/plasticity/doubles.hpp"
#include "core/plasticity/reward_spans.hpp"
#include "core/plasticity/modulated.hpp"
#include "core/plasticity/loops.hpp"
// clang-format on

namespace spikelet::SPIKELET_LEVEL {

template void poisson_range(const PoissonTable&, const Stream&, const Stream&, Step, std::size_t,
                            std::size_t, const float*, std::size_t, float*);
template void poisson_range(const PoissonTable&, const Stream&, const Stream&, Step, std::size_t,
                            std::size_t, const double*, std::size_t, double*);

void poisson_counts(const PoissonTable& table, const Stream& stream, const Stream& tie, Step step,
                    std::size_t begin, std::size_t end, std::uint16_t* counts) {
  counts_of_range(table, stream, tie, step, begin, end, counts);
}

constexpr auto plastic32 = plastic_kernels<float, SPIKELET_RULES>();
constexpr auto plastic64 = plastic_kernels<double, SPIKELET_RULES>();

constinit const KernelTable kernel_table{
    &step_functions<float>,
    &step_functions<double>,
    &words_of,
    &uniforms_block,
    &normals_block,
    &uniform_pairs,
    &sines,
    &poisson_range<float>,
    &poisson_range<double>,
    &poisson_parts<float>,
    &poisson_parts<double>,
    &rates_range<float>,
    &rates_range<double>,
    &rate_counts_block,
    &list_lines,
    &list_parts,
    {&scatter<float, Line<float>, false>, &scatter<float, Line<float>, true>},
    {&scatter<double, Line<double>, false>, &scatter<double, Line<double>, true>},
    &scatter<float, SharedLine<float>, false>,
    &scatter<double, SharedLine<double>, false>,
    &scatter_integers,
    &add_sums<float>,
    &add_sums<double>,
    &below_block,
    plastic32.data(),
    plastic64.data(),
    {&operation<float>, &sum_operation<float>, &spikes_operation<float>, &step_program<float>},
    {&operation<double>, &sum_operation<double>, &spikes_operation<double>, &step_program<double>}};

}  // namespace spikelet::SPIKELET_LEVEL
#include "core/target_pop.hpp"
