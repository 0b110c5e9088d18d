// Spreads pieces of neurons over threads and runs each through all steps, so that its state stays
// in the cache.
#include "spikelet/train/linear_neuron.hpp"

#include <algorithm>
#include <atomic>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"
#include "train/kernels.hpp"

namespace spikelet::train {
namespace {

constexpr std::size_t piece = 2048;  // neurons: their coefficients and state fit the L2 cache
constexpr std::size_t least_work = std::size_t{1} << 15;  // neuron-steps per thread

template <class R>
R* offset(R* p, std::size_t n) {
  return p == nullptr ? nullptr : p + n;
}

template <class R>
LinearNeurons<R> from(LinearNeurons<R> c, std::size_t m) {
  for (const R** p :
       {&c.leak, &c.gain, &c.drive, &c.pull, &c.syn_decay, &c.syn_gain, &c.threshold, &c.v_reset}) {
    *p = offset(*p, m);
  }
  return c;
}

template <class R>
LinearRun<R> step_of(const LinearRun<R>& run, std::size_t t, std::size_t first, std::size_t n) {
  const std::size_t at = t * run.size + first;
  LinearRun<R> row = run;
  row.steps = 1;
  row.size = n;
  row.x += at;
  row.out += at;
  row.v = offset(run.v, at);
  row.i = offset(run.i, at);
  row.v_state += first;
  row.i_state = offset(run.i_state, first);
  return row;
}

}  // namespace

template <class R>
void forward(const LinearNeurons<R>& neurons, const LinearRun<R>& run, int threads) {
  if (run.size == 0) {
    return;
  }
  // A piece lies within one sample.
  const std::size_t length = std::min(piece, neurons.count);
  const std::size_t each = (neurons.count + length - 1) / length;
  const std::size_t pieces = run.size / neurons.count * each;
  const std::size_t most = std::max<std::size_t>(run.steps * run.size / least_work, 1);
  const auto row = fused_kernels<R>().linear_row;
  std::atomic<std::size_t> next{0};
  run_team(static_cast<int>(std::min({static_cast<std::size_t>(threads), most, pieces})),
           [&](int, int) {
             const FlushDenormals flush;
             for (std::size_t k = next++; k < pieces; k = next++) {
               const std::size_t m = k % each * length;
               const std::size_t first = k / each * neurons.count + m;
               const std::size_t n = std::min(length, neurons.count - m);
               const LinearNeurons<R> part = from(neurons, m);
               for (std::size_t t = 0; t < run.steps; ++t) {
                 row(part, step_of(run, t, first, n));
               }
             }
           });
}

template void forward(const LinearNeurons<float>&, const LinearRun<float>&, int);
template void forward(const LinearNeurons<double>&, const LinearRun<double>&, int);

}  // namespace spikelet::train
