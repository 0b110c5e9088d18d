// Spreads samples over threads and runs each through all steps, as a step needs the spikes of the
// one before.
#include "spikelet/train/recurrent.hpp"

#include <algorithm>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"
#include "train/block.hpp"
#include "train/kernels.hpp"
#include "train/reduce.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {
namespace {

constexpr std::size_t samples_at_once = 8;   // they share each row of weights
constexpr std::size_t senders_at_once = 64;  // they share each row of gradients

// The transposed of an n x n matrix; threads share it where that is worth waking them.
template <class R>
void transpose_square(const R* from, R* to, std::size_t n, int threads) {
  const std::size_t rows = parts_of(65536, 32 * (n + 1)) * 32;
  parallel_for(threads, parts_of(n, rows), [&](std::size_t part) {
    const std::size_t first = part * rows;
    transpose(from + first * n, std::min(rows, n - first), n, n, to + first, n);
  });
}

// Adds the recurrent input from the spikes of one sample.
template <class R>
void add_recurrent(const R* spikes, const R* rows, R* x, std::size_t n) {
  const auto& kernels = kernels_of<FusedKernels<R>>();
  for (std::size_t from = 0; from < n; ++from) {
    if (spikes[from] != 0) {
      kernels.add_row(spikes[from], rows + from * n, x, n);
    }
  }
}

// Groups of about the same size, as many for each thread: one sample takes almost as long as four.
// `work` is that of a sample.
template <class Body>
void over_samples(std::size_t samples, std::size_t work, int threads, Body&& body) {
  constexpr std::size_t worth_a_team = 1 << 19;
  const int team_size = samples * work < worth_a_team ? 1 : std::max(threads, 1);
  const auto team = static_cast<std::size_t>(team_size);
  const std::size_t needed = (samples + samples_at_once - 1) / samples_at_once;
  const std::size_t groups = std::min(samples, (needed + team - 1) / team * team);
  parallel_for(threads, groups, [&](std::size_t k) {
    const FlushDenormals flush;
    const std::size_t first = k * samples / groups;
    body(first, (k + 1) * samples / groups - first);
  });
}

}  // namespace

template <class R>
void forward(const Cell<R>& given, const RecurrentForward<R>& recurrent, const Forward<R>& run,
             int threads) {
  const Cell<R> cell = prepared(given);
  const auto& kernels = kernels_of<FusedKernels<R>>();
  const auto step = is_rich(cell) ? kernels.forward_rich : kernels.forward_plain;
  const std::size_t neurons = recurrent.neurons;
  RawBuffer<R> rows(neurons * neurons);
  transpose_square(recurrent.weights, rows.data(), neurons, threads);
  const std::size_t work = run.steps * neurons * neurons;
  over_samples(recurrent.samples, work, threads, [&](std::size_t sample, std::size_t samples) {
    const std::size_t first = sample * neurons, n = samples * neurons;
    BlockLanes<R> lanes(cell, n);
    BlockState<R> state(cell, n);
    RawBuffer<R> x(n);
    state.read(run.first, first, n);
    ForwardStep<R> row;
    row.n = n;
    row.lanes = lanes.at(first, n);
    row.state = state.state();
    row.x = x.data();
    const R* previous = offset(recurrent.first_spikes, first);
    for (std::size_t t = 0; t < run.steps; ++t) {
      const std::size_t at = t * run.size + first;
      std::copy_n(run.x + at, n, x.begin());
      if (previous != nullptr) {
        for (std::size_t s = 0; s < samples; ++s) {
          add_recurrent(previous + s * neurons, rows.data(), x.data() + s * neurons, neurons);
        }
      }
      if (recurrent.input != nullptr) {
        std::copy_n(x.begin(), n, recurrent.input + at);
      }
      row.spikes = run.spikes + at;
      row.charged = offset(run.charged, at);
      row.v_after = offset(run.v, at);
      step(cell, row);
      previous = row.spikes;
    }
    state.write(run.last, first, n);
  });
}

template <class R>
void backward(const Cell<R>& given, const RecurrentBackward<R>& recurrent, const Backward<R>& run,
              int threads) {
  const Cell<R> cell = prepared(given);
  const auto& kernels = kernels_of<FusedKernels<R>>();
  const auto step = is_rich(cell) ? kernels.forward_rich : kernels.forward_plain;
  const std::size_t neurons = recurrent.neurons;
  GroupSums<R> sums(cell, run.by_parameters, run.size);

  const std::size_t work = run.steps * neurons * neurons;
  over_samples(recurrent.samples, work, threads, [&](std::size_t sample, std::size_t samples) {
    const std::size_t first = sample * neurons, n = samples * neurons;
    BlockLanes<R> lanes(cell, n);
    BlockState<R> state(cell, n);
    state.read(run.first, first, n);
    ForwardStep<R> ahead;
    ahead.n = n;
    ahead.lanes = lanes.at(first, n);
    ahead.state = state.state();
    RawBuffer<R> charged(run.steps * n);
    std::vector<BlockState<R>> before;
    before.reserve(run.steps);
    for (std::size_t t = 0; t < run.steps; ++t) {
      before.push_back(state);
      ahead.x = run.x + t * run.size + first;
      ahead.charged = charged.data() + t * n;
      step(cell, ahead);
    }

    BlockState<R> by_state(cell, n);
    by_state.read(run.by_last, first, n);
    RawBuffer<R> by_spikes(n);
    BackwardStep<R> row;
    row.n = n;
    row.lanes = ahead.lanes;
    row.sums = sums.at(first);
    row.by_state = by_state.state();
    row.by_spikes = by_spikes.data();
    for (std::size_t t = run.steps; t-- > 0;) {
      const std::size_t at = t * run.size + first;
      if (run.by_spikes != nullptr) {
        std::copy_n(run.by_spikes + (run.spikes_alike ? first : at), n, by_spikes.begin());
      } else {
        std::fill(by_spikes.begin(), by_spikes.end(), R{});
      }
      if (t + 1 < run.steps) {
        kernels.multiply_add(run.by_x + at + run.size, recurrent.weights, by_spikes.data(), samples,
                             neurons);
      }
      row.charged = charged.data() + t * n;
      row.x = run.x + at;
      row.before = State<const R>{before[t].state().v, before[t].state().i, before[t].state().a};
      row.by_v = offset(run.by_v, run.v_alike ? first : at);
      row.by_x = run.by_x + at;
      kernels.backward_rich(cell, row);
    }
    by_state.write(run.by_first, first, n);
    if (recurrent.by_first_spikes != nullptr && run.steps > 0) {
      R* out = recurrent.by_first_spikes + first;
      std::fill_n(out, n, R{});
      kernels.multiply_add(run.by_x + first, recurrent.weights, out, samples, neurons);
    }
  });
  sums.reduce(run.by_parameters, threads);

  if (recurrent.by_weights == nullptr) {
    return;
  }
  // Sending neurons over threads; each adds its gradients in the order of steps and samples.
  RawBuffer<R> by_rows(neurons * neurons);
  std::fill(by_rows.begin(), by_rows.end(), R{});
  const auto add_row = kernels_of<FusedKernels<R>>().add_row;
  const std::size_t each = neurons / (2 * static_cast<std::size_t>(std::max(threads, 1)));
  const std::size_t part = std::clamp<std::size_t>(each, 1, senders_at_once);
  parallel_for(threads, (neurons + part - 1) / part, [&](std::size_t k) {
    const std::size_t from = k * part, to = std::min(from + part, neurons);
    for (std::size_t t = 0; t < run.steps; ++t) {
      const R* spikes = t == 0 ? recurrent.first_spikes : recurrent.spikes + (t - 1) * run.size;
      if (spikes == nullptr) {
        continue;
      }
      for (std::size_t s = 0; s < recurrent.samples; ++s) {
        const R* by_x = run.by_x + t * run.size + s * neurons;
        for (std::size_t j = from; j < to; ++j) {
          const R spike = spikes[s * neurons + j];
          if (spike != 0) {
            add_row(spike, by_x, by_rows.data() + j * neurons, neurons);
          }
        }
      }
    }
  });
  transpose_square(by_rows.data(), recurrent.by_weights, neurons, threads);
}

template void forward(const Cell<float>&, const RecurrentForward<float>&, const Forward<float>&,
                      int);
template void forward(const Cell<double>&, const RecurrentForward<double>&, const Forward<double>&,
                      int);
template void backward(const Cell<float>&, const RecurrentBackward<float>&, const Backward<float>&,
                       int);
template void backward(const Cell<double>&, const RecurrentBackward<double>&,
                       const Backward<double>&, int);

}  // namespace spikelet::train
