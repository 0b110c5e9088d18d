// Linear layers over sparse inputs, and sums of columns. Threads divide rows, inputs or outputs,
// whose sums are independent; chunks whose sums are added depend on the shape alone. An element of
// a result is one chain of additions, over inputs (forward) or rows (gradient) in their order,
// however they are divided into blocks.
#include "spikelet/train/sparse.hpp"

#include <cmath>
#include <type_traits>

#include "spikelet/core/parallel.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {

namespace {

// Outputs whose sums are in registers together: at most nine vectors of 64 bytes.
template <class R>
constexpr std::size_t most_width = 9 * line<R>;
// Chunks of equal width, as far as possible: sums of a few vectors wait for each other.
template <class R>
std::size_t chunk_width(std::size_t outputs) {
  const std::size_t lines = std::max<std::size_t>(parts_of(outputs, line<R>), 1);
  return parts_of(lines, parts_of(lines, most_width<R> / line<R>)) * line<R>;
}
// Rows of weights or gradients that a sum meets in a block: enough to hide its start, few enough
// for the block to stay in the first caches.
constexpr std::size_t block_events = 28;
constexpr std::size_t part_rows = 1024;                    // whose inputs are listed together
constexpr std::size_t few_weights = std::size_t{1} << 22;  // bytes: in L3, with room for rows
constexpr std::size_t large_bytes = std::size_t{6} << 20;  // of results that leave the caches
constexpr std::size_t whole_rows = 16 * part_rows;         // whose lists are in memory together
constexpr std::size_t sum_inputs = 768;                    // with 576 bytes of sums each: in L2
constexpr std::size_t narrow_bytes = 128;  // of sums that are read and written for each event
constexpr std::size_t narrow_sums = std::size_t{1} << 18;  // bytes of them all

// How many of n places hold `block_events`, if `number` of `places` hold one.
std::size_t block_of(std::size_t n, std::size_t places, std::size_t number) {
  const std::size_t wanted = block_events * places / std::max<std::size_t>(number, 1);
  return std::min(std::clamp<std::size_t>((wanted + 15) / 16 * 16, 64, 512),
                  std::max<std::size_t>(n, 1));
}

// Where the events of each block of inputs begin: [row][block], and the end of all.
template <class R>
std::vector<std::uint32_t> block_ends(const ActiveRows<R>& rows, std::size_t block,
                                      std::size_t blocks) {
  std::vector<std::uint32_t> ends;
  ends.reserve(rows.rows() * blocks + 1);
  ends.push_back(0);
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    std::uint32_t e = rows.ends[r];
    for (std::size_t b = 1; b < blocks; ++b) {
      while (e < rows.ends[r + 1] && rows.at[e] < b * block) {
        ++e;
      }
      ends.push_back(e);
    }
    ends.push_back(rows.ends[r + 1]);
  }
  return ends;
}

bool is_aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 64 == 0; }

}  // namespace

template <class X>
Activity activity(const X* x, std::size_t n, int threads) {
  constexpr std::size_t part = std::size_t{1} << 16;
  std::atomic<std::size_t> active{0};
  std::atomic<bool> finite{true};
  parallel_for(threads, parts_of(n, part), [&](std::size_t p) {
    const X* from = x + p * part;
    const std::size_t number = std::min(part, n - p * part);
    if constexpr (std::is_floating_point_v<X>) {
      X rest = 0;
      active += kernels_of<SparseKernels<X>>().count(from, number, rest);
      if (rest != 0) {
        finite = false;
      }
    } else {
      active += kernels_of<ByteKernels>().count(from, number);
    }
  });
  return {active, finite};
}

template <class R, class X>
void sparse_linear(const LinearShape& shape, const X* x, const R* weight, const R* bias, R* y,
                   int threads) {
  const SparseKernels<R>& kernels = kernels_of<SparseKernels<R>>();
  const auto [rows, inputs, outputs] = shape;
  const std::size_t width = chunk_width<R>(outputs);
  const std::size_t chunks = parts_of(outputs, width);
  RawBuffer<R> weights(chunks * inputs * width);  // [chunk][input][width]
  parallel_for(threads, chunks, [&](std::size_t chunk) {
    const std::size_t first = chunk * width;
    const std::size_t n = std::min(width, outputs - first);
    R* to = weights.data() + chunk * inputs * width;
    for (std::size_t i = 0; n < width && i < inputs; ++i) {
      std::fill_n(to + i * width + n, width - n, R(0));
    }
    transpose(weight + first * inputs, n, inputs, inputs, to, width);
  });
  Buffer<R> start(chunks * width);
  if (bias != nullptr) {
    std::copy_n(bias, outputs, start.data());
  }

  const bool large = rows * outputs * sizeof(R) > large_bytes;
  struct Part {
    ActiveRows<R> found;
    std::size_t blocks;
    std::vector<std::uint32_t> ends;  // of block_ends()
  };
  for (std::size_t begin = 0; begin < rows; begin += whole_rows) {
    const std::size_t number = std::min(whole_rows, rows - begin);
    // Enough parts for many threads; rows are independent, so the division changes no result.
    const std::size_t part = std::clamp<std::size_t>(
        threads == 1 ? number : parts_of(number, 4 * static_cast<std::size_t>(threads)), 1,
        part_rows);
    std::vector<Part> parts(parts_of(number, part));
    parallel_for(threads, parts.size(), [&](std::size_t p) {
      const std::size_t row0 = p * part;
      const std::size_t n_rows = std::min(part, number - row0);
      Part& here = parts[p];
      here.found = active_rows<R>(x + (begin + row0) * inputs, n_rows, inputs, inputs);
      const std::size_t block = block_of(inputs, inputs * n_rows, here.found.number());
      here.blocks = parts_of(inputs, block);
      here.ends = block_ends(here.found, block, here.blocks);
    });
    // Few weights stay in the caches for all parts; of many, a chunk serves all rows before the
    // next.
    const bool few = weights.size() * sizeof(R) <= few_weights;
    parallel_for(threads, chunks * parts.size(), [&](std::size_t task) {
      const std::size_t chunk = few ? task % chunks : task / parts.size();
      const std::size_t p = few ? task / chunks : task % parts.size();
      const auto& [found, blocks, ends] = parts[p];
      const std::size_t first = chunk * width;
      const std::size_t n = std::min(width, outputs - first);
      R* const out = y + (begin + p * part) * outputs + first;
      const bool direct = n == padded<R>(n);
      const bool streams = direct && large && is_aligned(out) && outputs % line<R> == 0;
      RawBuffer<R> sums((blocks > 1 ? found.rows() : 1) * width);
      for (std::size_t block = 0; block < blocks; ++block) {
        const bool last = block + 1 == blocks;
        for (std::size_t r = 0; r < found.rows(); ++r) {
          const std::uint32_t from = ends[r * blocks + block];
          const std::uint32_t to = ends[r * blocks + block + 1];
          if (from == to && block > 0 && !last) {
            continue;
          }
          R* const sum = sums.data() + (blocks > 1 ? r * width : 0);
          R* const target = last && direct ? out + r * outputs : sum;
          kernels.gather(found.events(from, to), weights.data() + chunk * inputs * width, width,
                         padded<R>(n), block == 0 ? start.data() + first : sum, target,
                         last && streams);
          if (last && !direct) {
            std::copy_n(sum, n, out + r * outputs);
          }
        }
      }
      if (streams) {
        kernels.fence();
      }
    });
  }
}

namespace {

// How many of some rows an input is active in `block_events` times, judged by some of them.
template <class X>
std::size_t rows_of_part(const X* x, std::size_t rows, std::size_t inputs) {
  const std::size_t apart = parts_of(rows, 64);
  std::size_t sampled = 0;
  std::size_t active = 0;
  for (std::size_t r = 0; r < rows; r += apart, ++sampled) {
    active += activity(x + r * inputs, inputs, 1).active;
  }
  return block_of(rows, sampled * inputs, active);
}

// Gradients of few outputs: each input adds those of its row to its sums.
template <class R, class X>
void narrow_weight(const LinearShape& shape, const X* x, const R* grad_y, R* grad_weight,
                   int threads) {
  const SparseKernels<R>& kernels = kernels_of<SparseKernels<R>>();
  const auto [rows, inputs, outputs] = shape;
  const std::size_t width = padded<R>(outputs);
  const std::size_t range =
      std::max<std::size_t>(parts_of(inputs, static_cast<std::size_t>(threads)), 64);
  parallel_for(threads, parts_of(inputs, range), [&](std::size_t p) {
    const std::size_t input0 = p * range;
    const std::size_t number = std::min(range, inputs - input0);
    Buffer<R> sums(number * width);
    alignas(64) R gradient[narrow_bytes / sizeof(R)] = {};
    for (std::size_t row0 = 0; row0 < rows; row0 += part_rows) {
      const std::size_t n_rows = std::min(part_rows, rows - row0);
      const auto found = active_rows<R>(x + row0 * inputs + input0, n_rows, number, inputs);
      for (std::size_t r = 0; r < n_rows; ++r) {
        std::copy_n(grad_y + (row0 + r) * outputs, outputs, gradient);
        kernels.scatter(found.events(found.ends[r], found.ends[r + 1]), gradient, width,
                        sums.data(), width);
      }
    }
    transpose(sums.data(), number, outputs, width, grad_weight + input0, inputs);
  });
}

}  // namespace

template <class R, class X>
void sparse_linear_weight(const LinearShape& shape, const X* x, const R* grad_y, R* grad_weight,
                          int threads) {
  const SparseKernels<R>& kernels = kernels_of<SparseKernels<R>>();
  const auto [rows, inputs, outputs] = shape;
  const std::size_t pitch = padded<R>(outputs);
  if (pitch * sizeof(R) <= narrow_bytes && inputs * pitch * sizeof(R) <= narrow_sums) {
    return narrow_weight(shape, x, grad_y, grad_weight, threads);
  }
  const std::size_t width = chunk_width<R>(outputs);
  const std::size_t chunks = parts_of(outputs, width);
  const auto members = static_cast<std::size_t>(threads);
  const std::size_t range =
      std::clamp<std::size_t>(parts_of(inputs * chunks, 2 * members), 64, sum_inputs);
  const std::size_t ranges = parts_of(inputs, range);

  for (std::size_t begin = 0; begin < rows || begin == 0; begin += whole_rows) {
    const std::size_t number = std::min(whole_rows, rows - begin);
    const X* from = x + begin * inputs;
    const std::size_t part = std::max<std::size_t>(rows_of_part(from, number, inputs), 1);
    std::vector<ActiveRows<R>> parts(parts_of(number, part));
    parallel_for(threads, parts.size(), [&](std::size_t p) {
      const std::size_t n_rows = std::min(part, number - p * part);
      parts[p] = by_input(active_rows<R>(from + p * part * inputs, n_rows, inputs, inputs), inputs);
    });
    parallel_for(threads, chunks * ranges, [&](std::size_t task) {
      const std::size_t first = task / ranges * width;
      const std::size_t input0 = task % ranges * range;
      const std::size_t n = std::min(width, outputs - first);
      const std::size_t n_inputs = std::min(range, inputs - input0);
      R* result = grad_weight + first * inputs + input0;
      Buffer<R> sums(n_inputs * width);  // [input][output]
      if (begin > 0) {
        transpose(result, n, n_inputs, inputs, sums.data(), width);
      }
      Buffer<R> gradients(part * width);
      for (std::size_t p = 0; p < parts.size(); ++p) {
        const std::size_t row0 = begin + p * part;
        for (std::size_t r = 0; r < std::min(part, rows - row0); ++r) {
          std::copy_n(grad_y + (row0 + r) * outputs + first, n, gradients.data() + r * width);
        }
        for (std::size_t i = 0; i < n_inputs; ++i) {
          const auto& ends = parts[p].ends;
          R* to = sums.data() + i * width;
          kernels.gather(parts[p].events(ends[input0 + i], ends[input0 + i + 1]), gradients.data(),
                         width, padded<R>(n), to, to, false);
        }
      }
      transpose(sums.data(), n_inputs, n, width, result, inputs);
    });
  }
}

template <class R>
void column_sums(const R* x, std::size_t rows, std::size_t n, R* sums, int threads) {
  const SparseKernels<R>& kernels = kernels_of<SparseKernels<R>>();
  const std::size_t part = std::max<std::size_t>(256, parts_of(rows, 64));
  const std::size_t parts = parts_of(rows, part);
  std::vector<R> partial(parts * n);
  parallel_for(threads, parts, [&](std::size_t p) {
    kernels.sum_rows(x + p * part * n, std::min(part, rows - p * part), n, n,
                     partial.data() + p * n);
  });
  kernels.sum_rows(partial.data(), parts, n, n, sums);
}

#define SPIKELET_SPARSE(R, X)                                                             \
  template void sparse_linear(const LinearShape&, const X*, const R*, const R*, R*, int); \
  template void sparse_linear_weight(const LinearShape&, const X*, const R*, R*, int);
#define SPIKELET_SPARSE_FLOAT(R)                          \
  template Activity activity(const R*, std::size_t, int); \
  template void column_sums(const R*, std::size_t, std::size_t, R*, int);
SPIKELET_SPARSE(float, float)
SPIKELET_SPARSE(float, std::uint8_t)
SPIKELET_SPARSE(double, double)
SPIKELET_SPARSE(double, std::uint8_t)
SPIKELET_SPARSE_FLOAT(float)
SPIKELET_SPARSE_FLOAT(double)
template Activity activity(const std::uint8_t*, std::size_t, int);
#undef SPIKELET_SPARSE
#undef SPIKELET_SPARSE_FLOAT

}  // namespace spikelet::train
