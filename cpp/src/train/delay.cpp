// Lays samples side by side in lines of 64 bytes, [input][step][sample], so that a delay is a
// number of lines, and walks blocks of inputs and steps that stay in the caches.
#include "spikelet/train/delay.hpp"

#include <algorithm>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"
#include "train/kernels.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {
namespace {

constexpr std::size_t most_rows = 24;         // steps whose sums are in registers
constexpr std::size_t most_packed = 120;      // steps in the L2 cache
constexpr std::size_t most_correlated = 120;  // steps of a gradient in L1
constexpr std::size_t cached = std::size_t{128} << 10;

// Steps from `first` on, backwards from the last one if `reversed`.
struct Window {
  std::size_t first;
  std::size_t before;  // rows of steps before it
  std::size_t rows;    // of it
  bool reversed;

  std::size_t height() const { return before + rows; }
};

// Copies [steps][samples][units] to [unit][row][sample] for the samples of a line; 0 outside.
template <class R>
void pack(const R* x, std::size_t steps, std::size_t samples, std::size_t units, std::size_t sample,
          std::size_t unit0, std::size_t n_units, const Window& window, R* to) {
  const std::size_t n = std::min(line<R>, samples - sample);
  const std::size_t pitch = window.height() * line<R>;
  for (std::size_t row = 0; row < window.height(); ++row) {
    const std::size_t at = window.first + row;
    const bool inside = at >= window.before && at - window.before < steps;
    if (!inside || n < line<R>) {
      for (std::size_t u = 0; u < n_units; ++u) {
        std::fill_n(to + u * pitch + row * line<R>, line<R>, R{});
      }
    }
    if (inside) {
      const std::size_t t = window.reversed ? steps - 1 - (at - window.before) : at - window.before;
      transpose(x + (t * samples + sample) * units + unit0, n, n_units, units, to + row * line<R>,
                pitch);
    }
  }
}

// Copies `rows` rows of [unit][row][sample] back, from step `first` on.
template <class R>
void unpack(const R* from, std::size_t rows, std::size_t steps, std::size_t samples,
            std::size_t units, std::size_t sample, std::size_t first, bool reversed, R* y) {
  const std::size_t n = std::min(line<R>, samples - sample);
  for (std::size_t row = 0; row < rows && first + row < steps; ++row) {
    const std::size_t t = reversed ? steps - 1 - first - row : first + row;
    transpose(from + row * line<R>, units, n, rows * line<R>, y + (t * samples + sample) * units,
              units);
  }
}

// Rows of each of the fewest blocks of steps, a multiple of 4.
std::size_t rows_of(std::size_t steps, std::size_t most) {
  const std::size_t blocks = std::max<std::size_t>(parts_of(steps, most), 1);
  return std::max<std::size_t>((parts_of(steps, blocks) + 3) / 4 * 4, 4);
}

// Inputs whose rows stay in L1.
template <class R>
std::size_t inputs_of(std::size_t height) {
  return std::max<std::size_t>(cached / (height * line<R> * sizeof(R)), 1);
}

template <class R>
void run(const DelayShape& shape, const Taps<R>& taps, const R* x, R* y, bool reversed,
         int threads) {
  if (std::min({shape.steps, shape.samples, shape.inputs, shape.outputs}) == 0) {
    std::fill_n(y, shape.steps * shape.samples * shape.outputs, R{});
    return;
  }
  const auto tile = kernels_of<DelayKernels<R>>().tile;
  const std::size_t rows = rows_of(std::min(shape.steps, most_packed), most_rows);
  const std::size_t tiles = parts_of(std::min(shape.steps, most_packed), rows);
  const std::size_t parts = parts_of(shape.steps, tiles * rows);
  const std::size_t before = shape.longest + 1;
  const std::size_t pitch = (before + tiles * rows) * line<R>;
  const std::size_t some = inputs_of<R>(before + rows);
  parallel_for(threads, parts_of(shape.samples, line<R>) * parts, [&](std::size_t task) {
    const FlushDenormals flush;
    const std::size_t sample = task / parts * line<R>;
    const Window window{task % parts * tiles * rows, before, tiles * rows, reversed};
    RawBuffer<R> lines(shape.inputs * pitch);
    pack(x, shape.steps, shape.samples, shape.inputs, sample, 0, shape.inputs, window,
         lines.data());
    RawBuffer<R> sums(shape.outputs * rows * line<R>);
    for (std::size_t k = 0; k < tiles; ++k) {
      std::fill(sums.begin(), sums.end(), R{});
      for (std::size_t i = 0; i < shape.inputs; i += some) {
        const R* from = lines.data() + i * pitch + (before + k * rows) * line<R>;
        for (std::size_t o = 0; o < shape.outputs; ++o) {
          const std::size_t at = o * shape.inputs + i;
          tile(from, pitch, taps.early + at, taps.late + at, taps.lag + at,
               std::min(some, shape.inputs - i), sums.data() + o * rows * line<R>, rows);
        }
      }
      unpack(sums.data(), rows, shape.steps, shape.samples, shape.outputs, sample,
             window.first + k * rows, reversed, y);
    }
  });
}

}  // namespace

template <class R>
void delayed(const DelayShape& shape, const Taps<R>& taps, const R* x, R* y, int threads) {
  run(shape, taps, x, y, false, threads);
}

template <class R>
void delayed_input(const DelayShape& shape, const Taps<R>& taps, const R* by_y, R* by_x,
                   int threads) {
  const std::size_t size = shape.inputs * shape.outputs;
  RawBuffer<R> early(size), late(size);
  RawBuffer<std::int32_t> lag(size);
  transpose(taps.early, shape.outputs, shape.inputs, shape.inputs, early.data(), shape.outputs);
  transpose(taps.late, shape.outputs, shape.inputs, shape.inputs, late.data(), shape.outputs);
  transpose(taps.lag, shape.outputs, shape.inputs, shape.inputs, lag.data(), shape.outputs);
  DelayShape back = shape;
  std::swap(back.inputs, back.outputs);
  run(back, Taps<R>{early.data(), late.data(), lag.data()}, by_y, by_x, true, threads);
}

template <class R>
void delayed_weights(const DelayShape& shape, const std::int32_t* lag, const R* x, const R* by_y,
                     R* by_early, R* by_late, int threads) {
  std::fill_n(by_early, shape.inputs * shape.outputs, R{});
  std::fill_n(by_late, shape.inputs * shape.outputs, R{});
  const auto correlate = kernels_of<DelayKernels<R>>().correlate;
  const std::size_t rows = rows_of(shape.steps, most_correlated);
  const std::size_t before = shape.longest + 1;
  const std::size_t pitch = (before + rows) * line<R>;
  const std::size_t some = inputs_of<R>(before + rows);
  constexpr std::size_t units_at_once = 32;
  RawBuffer<R> by(shape.outputs * rows * line<R>), lines(shape.inputs * pitch);
  const auto packed = [&](const R* from, std::size_t units, std::size_t sample,
                          const Window& window, R* to) {
    parallel_for(threads, parts_of(units, units_at_once), [&](std::size_t part) {
      const std::size_t u = part * units_at_once;
      pack(from, shape.steps, shape.samples, units, sample, u, std::min(units_at_once, units - u),
           window, to + u * window.height() * line<R>);
    });
  };
  for (std::size_t sample = 0; sample < shape.samples; sample += line<R>) {
    for (std::size_t first = 0; first < shape.steps; first += rows) {
      packed(by_y, shape.outputs, sample, {first, 0, rows, false}, by.data());
      packed(x, shape.inputs, sample, {first, before, rows, false}, lines.data());
      parallel_for(threads, parts_of(shape.inputs, some), [&](std::size_t part) {
        const FlushDenormals flush;
        const std::size_t i = part * some;
        for (std::size_t o = 0; o < shape.outputs; ++o) {
          const std::size_t at = o * shape.inputs + i;
          correlate(lines.data() + i * pitch + before * line<R>, pitch, lag + at,
                    std::min(some, shape.inputs - i), by.data() + o * rows * line<R>, rows,
                    by_early + at, by_late + at);
        }
      });
    }
  }
}

#define SPIKELET_DELAY(R)                                                                       \
  template void delayed(const DelayShape&, const Taps<R>&, const R*, R*, int);                  \
  template void delayed_input(const DelayShape&, const Taps<R>&, const R*, R*, int);            \
  template void delayed_weights(const DelayShape&, const std::int32_t*, const R*, const R*, R*, \
                                R*, int);
SPIKELET_DELAY(float)
SPIKELET_DELAY(double)
#undef SPIKELET_DELAY

}  // namespace spikelet::train
