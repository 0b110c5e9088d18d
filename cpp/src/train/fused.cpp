// Spreads blocks of neurons over threads and runs each through all steps, so that its state stays
// in the cache.
#include <atomic>
#include <cmath>
#include <cstdint>
#include <exception>
#include <mutex>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"
#include "train/block.hpp"
#include "train/kernels.hpp"
#include "train/reduce.hpp"

namespace spikelet::train {
namespace {

constexpr std::size_t line = 64;                             // elements; blocks begin at multiples
constexpr std::size_t rows_of_block = std::size_t{16384};    // neurons: one row of state in L2
constexpr std::size_t scratch_bytes = std::size_t{1} << 18;  // of what is recomputed at a time
constexpr std::size_t streaming_bytes = std::size_t{6} << 20;
constexpr std::size_t least_work = std::size_t{1} << 15;  // neuron-steps per thread

std::size_t rounded(std::size_t n) { return (n + line - 1) / line * line; }

template <class R>
bool aligned(const R* p) {
  return reinterpret_cast<std::uintptr_t>(p) % 64 == 0;
}

// Whether results are so large that they should bypass the caches.
template <class R>
bool streams(std::size_t steps, std::size_t size) {
  return steps * size * sizeof(R) > streaming_bytes && size * sizeof(R) % 64 == 0;
}

int team(std::size_t steps, std::size_t size, int threads) {
  const std::size_t most = std::max<std::size_t>(steps * size / least_work, 1);
  return static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), most));
}

// Calls make() once per thread, and the returned body with (first, n) for blocks of neurons.
template <class Make>
void over_blocks(std::size_t size, std::size_t block, int threads, Make&& make) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  run_team(threads, [&](int, int) {
    try {
      const FlushDenormals flush;
      auto body = make();
      for (std::size_t first = block * next++; first < size; first = block * next++) {
        body(first, std::min(block, size - first));
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = error ? error : std::current_exception();
    }
  });
  if (error) {
    std::rethrow_exception(error);
  }
}

std::size_t block_of(std::size_t size, std::size_t most, int threads) {
  return std::clamp(
      rounded((size + static_cast<std::size_t>(threads) - 1) / static_cast<std::size_t>(threads)),
      line, most);
}

}  // namespace

template <class R>
Cell<R> prepared(const Cell<R>& cell) {
  Cell<R> out = cell;
  int exponent = 0;
  out.leak_inverted = cell.charge != Charge::decay && cell.leak.count == 1 &&
                      std::frexp(cell.leak.values[0], &exponent) == R(0.5);
  return out;
}

template <class R>
void forward(const Cell<R>& given, const Forward<R>& run, int threads) {
  const Cell<R> cell = prepared(given);
  const auto& kernels = kernels_of<FusedKernels<R>>();
  const auto step = is_rich(cell) ? kernels.forward_rich : kernels.forward_plain;
  threads = team(run.steps, run.size, threads);
  const std::size_t block = block_of(run.size, rows_of_block, threads);
  const bool stream = streams<R>(run.steps, run.size) && aligned(run.spikes) &&
                      aligned(run.charged) && aligned(run.v);
  over_blocks(run.size, block, threads, [&] {
    return [&, lanes = BlockLanes<R>(cell, block), state = BlockState<R>(cell, block)](
               std::size_t first, std::size_t n) mutable {
      ForwardStep<R> row;
      row.n = n;
      row.streams = stream;
      row.lanes = lanes.at(first, n);
      state.read(run.first, first, n);
      row.state = state.state();
      for (std::size_t t = 0; t < run.steps; ++t) {
        const std::size_t at = t * run.size + first;
        row.ahead = t + 2 < run.steps && !run.constant ? 2 * run.size : 0;
        row.x = run.x + (run.constant ? first : at);
        row.spikes = offset(run.spikes, at);
        row.charged = offset(run.charged, at);
        row.v_after = offset(run.v, at);
        step(cell, row);
      }
      state.write(run.last, first, n);
    };
  });
}

template <class R>
bool needs_input(const Cell<R>& cell, const ParameterGradients<R>& wanted) {
  return is_rich(cell) || wanted.leak != nullptr || wanted.threshold != nullptr ||
         wanted.syn_decay != nullptr;
}

namespace {

// Recomputes the steps of a block to provide their potentials for the backward pass.
template <class R>
class Replay {
 public:
  Replay(const Cell<R>& cell, std::size_t steps, std::size_t block, bool rich)
      : cell_(cell),
        rich_(rich),
        block_(block),
        state_(cell, block),
        charged_(steps * block),
        v_(rich ? (steps + 1) * block : 0),
        i_(rich && cell.synapse ? (steps + 1) * block : 0),
        a_(rich && cell.adaptive ? (steps + 1) * block : 0) {}

  // Runs steps from .. from + count, starting with state(). Rows of x are `size` apart.
  void run(const Lanes<R>& lanes, const R* x, std::size_t size, std::size_t from, std::size_t count,
           std::size_t steps, std::size_t n) {
    const auto& kernels = kernels_of<FusedKernels<R>>();
    const auto step = is_rich(cell_) ? kernels.forward_rich : kernels.forward_plain;
    ForwardStep<R> row;
    row.n = n;
    row.lanes = lanes;
    row.state = state_.state();
    for (std::size_t t = 0; t < count; ++t) {
      keep(t, n);
      row.x = x + (from + t) * size;
      row.ahead = from + t + 4 < steps ? 4 * size : 0;
      row.charged = charged_.data() + t * block_;
      step(cell_, row);
    }
  }

  BlockState<R>& state() { return state_; }
  const R* charged(std::size_t t) const { return charged_.data() + t * block_; }
  State<const R> before(std::size_t t) const {
    return {v_.data() + t * block_, i_.data() + (i_.empty() ? 0 : t * block_),
            a_.data() + (a_.empty() ? 0 : t * block_)};
  }

 private:
  void keep(std::size_t t, std::size_t n) {
    if (rich_) {
      const State<R> now = state_.state();
      std::copy_n(now.v, n, v_.data() + t * block_);
      if (!i_.empty()) {
        std::copy_n(now.i, n, i_.data() + t * block_);
      }
      if (!a_.empty()) {
        std::copy_n(now.a, n, a_.data() + t * block_);
      }
    }
  }

  const Cell<R>& cell_;
  bool rich_;
  std::size_t block_;
  BlockState<R> state_;
  RawBuffer<R> charged_, v_, i_, a_;
};

}  // namespace

template <class R>
void backward(const Cell<R>& given, const Backward<R>& run, int threads) {
  const Cell<R> cell = prepared(given);
  const auto& kernels = kernels_of<FusedKernels<R>>();
  const bool replayed = run.x != nullptr;
  const bool rich = needs_input(cell, run.by_parameters);
  const auto step_back = rich ? kernels.backward_rich : kernels.backward_plain;
  threads = team(run.steps, run.size, threads);

  // A block whose steps fit the cache is recomputed as a whole, a longer one in segments, at whose
  // starts the state is saved.
  const std::size_t kept =
      rich ? 2 + std::size_t{cell.synapse} + std::size_t{cell.adaptive} : std::size_t{1};
  const std::size_t budget = scratch_bytes / sizeof(R) / kept;
  const std::size_t segment =
      replayed ? std::min(run.steps, std::max<std::size_t>(budget / (2 * line), 1)) : run.steps;
  const std::size_t block =
      block_of(run.size,
               replayed ? std::max(budget / std::max<std::size_t>(segment, 1) / line * line, line)
                        : rows_of_block,
               threads);
  const std::size_t segments = segment == 0 ? 0 : (run.steps + segment - 1) / segment;
  const bool stream = !run.constant && streams<R>(run.steps, run.size) && aligned(run.by_x);
  const std::size_t between = run.constant ? 0 : run.size;  // rows of x
  GroupSums<R> sums(cell, run.by_parameters, run.size);

  over_blocks(run.size, block, threads, [&] {
    return [&, lanes = BlockLanes<R>(cell, block),
            replay = Replay<R>(cell, replayed ? segment : 0, block, rich),
            starts = std::vector<BlockState<R>>(segments > 1 && replayed ? segments : 0,
                                                BlockState<R>(cell, block)),
            by_state = BlockState<R>(cell, block), by_row = RawBuffer<R>(run.constant ? block : 0)](
               std::size_t first, std::size_t n) mutable {
      BackwardStep<R> row;
      row.n = n;
      row.streams = stream;
      if (run.constant) {
        std::fill_n(run.by_x + first, n, R{});
      }
      row.lanes = lanes.at(first, n);
      row.sums = sums.at(first);
      by_state.read(run.by_last, first, n);
      row.by_state = by_state.state();
      if (replayed) {
        replay.state().read(run.first, first, n);
        for (std::size_t k = 0; k + 1 < segments; ++k) {
          starts[k] = replay.state();
          replay.run(row.lanes, run.x + first, between, k * segment, segment, run.steps, n);
        }
      }
      for (std::size_t k = segments; k-- > 0;) {
        const std::size_t from = k * segment;
        const std::size_t count = std::min(segment, run.steps - from);
        if (replayed) {
          if (k + 1 < segments) {
            replay.state() = starts[k];
          }
          replay.run(row.lanes, run.x + first, between, from, count, run.steps, n);
        }
        for (std::size_t t = count; t-- > 0;) {
          const std::size_t at = (from + t) * run.size + first;
          row.charged = replayed ? replay.charged(t) : run.charged + at;
          row.x = offset(run.x, run.constant ? first : at);
          if (rich) {
            row.before = replay.before(t);
          }
          row.by_spikes = offset(run.by_spikes, run.spikes_alike ? first : at);
          const bool ahead = replayed && run.by_spikes != nullptr && !run.spikes_alike;
          row.behind = ahead && from + t >= 4 ? 4 * run.size : 0;
          row.by_v = offset(run.by_v, run.v_alike ? first : at);
          row.by_x = run.constant ? by_row.data() : run.by_x + at;
          step_back(cell, row);
          if (run.constant) {
            kernels.add_row(R(1), by_row.data(), run.by_x + first, n);
          }
        }
      }
      by_state.write(run.by_first, first, n);
    };
  });
  sums.reduce(run.by_parameters, threads);
}

template Cell<float> prepared(const Cell<float>&);
template Cell<double> prepared(const Cell<double>&);
template void forward(const Cell<float>&, const Forward<float>&, int);
template void forward(const Cell<double>&, const Forward<double>&, int);
template bool needs_input(const Cell<float>&, const ParameterGradients<float>&);
template bool needs_input(const Cell<double>&, const ParameterGradients<double>&);
template void backward(const Cell<float>&, const Backward<float>&, int);
template void backward(const Cell<double>&, const Backward<double>&, int);

}  // namespace spikelet::train
