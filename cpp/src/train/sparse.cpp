// Linear layers over sparse inputs, and sums of columns. Threads divide rows or outputs, whose sums
// are independent; chunks whose sums are added depend on the shape alone.
#include "spikelet/train/sparse.hpp"

#include <cmath>
#include <type_traits>

#include "spikelet/core/parallel.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {

namespace {

// Outputs whose sums are in registers together: nine vectors of 64 bytes.
template <class R>
constexpr std::size_t chunk_width = 9 * line<R>;
constexpr std::size_t part_rows = 1024;      // that share a block of weights in L2,
constexpr std::size_t block_inputs = 512;    // 576 bytes for each of these inputs
constexpr std::size_t gradient_rows = 1024;  // with 576 bytes of gradient a row: in L2
constexpr std::size_t list_inputs = 256;

// The vectors of a chunk of at most chunk_width outputs.
struct ChunkItems {
  std::vector<std::ptrdiff_t> at;
  ChunkItems(std::size_t width, std::size_t lanes) : at(width / lanes) {
    for (std::size_t k = 0; k < at.size(); ++k) {
      at[k] = static_cast<std::ptrdiff_t>(k * lanes);
    }
  }
  Items first(std::size_t number) const { return {number, at.data(), at.data()}; }
};

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
      active += sparse_kernels<X>().count(from, number, rest);
      if (rest != 0) {
        finite = false;
      }
    } else {
      active += count_active(from, number);
    }
  });
  return {active, finite};
}

template <class R, class X>
void sparse_linear(const LinearShape& shape, const X* x, const R* weight, const R* bias, R* y,
                   int threads) {
  const SparseKernels<R>& kernels = sparse_kernels<R>();
  const auto [rows, inputs, outputs] = shape;
  const std::size_t width = std::min(chunk_width<R>, padded<R>(outputs));
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
  const ChunkItems items(width, kernels.lanes);

  // Enough parts for many threads; rows are independent, so the division changes no result.
  const auto members = static_cast<std::size_t>(threads);
  const std::size_t part = std::clamp<std::size_t>(parts_of(rows, 4 * members), 1, part_rows);
  const std::size_t blocks = parts_of(inputs, block_inputs);
  parallel_for(threads, parts_of(rows, part), [&](std::size_t p) {
    const std::size_t row0 = p * part;
    const std::size_t n_rows = std::min(part, rows - row0);
    Finder<X> find(inputs);
    std::vector<std::uint32_t> at, ends(n_rows * blocks + 1);
    std::vector<R> value;
    for (std::size_t r = 0; r < n_rows; ++r) {
      const X* from = x + (row0 + r) * inputs;
      for (const std::uint32_t i : find(from, inputs)) {
        ends[r * blocks + i / block_inputs + 1] = static_cast<std::uint32_t>(at.size() + 1);
        at.push_back(static_cast<std::uint32_t>(i * width));
        value.push_back(static_cast<R>(from[i]));
      }
    }
    for (std::size_t k = 1; k < ends.size(); ++k) {
      ends[k] = std::max(ends[k], ends[k - 1]);
    }
    Buffer<R> sums(width);
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      const std::size_t first = chunk * width;
      const std::size_t n = std::min(width, outputs - first);
      const Items vectors = items.first(padded<R>(n) / kernels.lanes);
      const bool direct = n == padded<R>(n);
      for (std::size_t block = 0; block < blocks; ++block) {
        for (std::size_t r = 0; r < n_rows; ++r) {
          const std::uint32_t begin = ends[r * blocks + block];
          const std::uint32_t number = ends[r * blocks + block + 1] - begin;
          R* to = y + (row0 + r) * outputs + first;
          if (block > 0 && number == 0) {
            continue;
          }
          const R* from = block == 0 ? start.data() + first : to;
          if (!direct && block > 0) {
            std::copy_n(to, n, sums.data());
            from = sums.data();
          }
          R* into = direct ? to : sums.data();
          kernels.gather({number, at.data() + begin, value.data() + begin}, vectors,
                         weights.data() + chunk * inputs * width, from, into);
          if (!direct) {
            std::copy_n(into, n, to);
          }
        }
      }
    }
  });
}

template <class R, class X>
void sparse_linear_weight(const LinearShape& shape, const X* x, const R* grad_y, R* grad_weight,
                          int threads) {
  const SparseKernels<R>& kernels = sparse_kernels<R>();
  const auto [rows, inputs, outputs] = shape;
  const std::size_t pitch = padded<R>(outputs);
  const std::size_t width = std::min(chunk_width<R>, pitch);
  const std::size_t chunks = parts_of(outputs, width);
  const std::size_t part = std::min(gradient_rows, rows);
  const std::size_t ranges = parts_of(inputs, list_inputs);
  const ChunkItems items(width, kernels.lanes);
  std::vector<Lists<R>> lists;
  for (std::size_t range = 0; range < ranges; ++range) {
    lists.emplace_back(std::min(list_inputs, inputs - range * list_inputs), part);
  }
  Buffer<R> sums(inputs * pitch);                 // [input][output]
  RawBuffer<R> gradients(part * chunks * width);  // [chunk][row][width]

  for (std::size_t row0 = 0; row0 < rows; row0 += part) {
    const std::size_t n_rows = std::min(part, rows - row0);
    parallel_for(threads, ranges + chunks, [&](std::size_t task) {
      if (task < ranges) {
        const std::size_t input0 = task * list_inputs;
        lists[task].clear();
        Finder<X> find(list_inputs);
        for (std::size_t r = 0; r < n_rows; ++r) {
          const X* from = x + (row0 + r) * inputs + input0;
          for (const std::uint32_t i : find(from, std::min(list_inputs, inputs - input0))) {
            lists[task].append(i, static_cast<std::uint32_t>(r * width), static_cast<R>(from[i]));
          }
        }
        return;
      }
      const std::size_t chunk = task - ranges;
      const std::size_t n = std::min(width, outputs - chunk * width);
      for (std::size_t r = 0; r < n_rows; ++r) {
        R* to = gradients.data() + (chunk * part + r) * width;
        std::copy_n(grad_y + (row0 + r) * outputs + chunk * width, n, to);
        std::fill(to + n, to + width, R(0));
      }
    });
    parallel_for(threads, chunks * ranges, [&](std::size_t task) {
      const std::size_t chunk = task / ranges;
      const std::size_t input0 = task % ranges * list_inputs;
      const std::size_t n = std::min(width, outputs - chunk * width);
      const Items vectors = items.first(padded<R>(n) / kernels.lanes);
      for (std::size_t i = 0; i < std::min(list_inputs, inputs - input0); ++i) {
        R* to = sums.data() + (input0 + i) * pitch + chunk * width;
        kernels.gather(lists[task % ranges][i], vectors, gradients.data() + chunk * part * width,
                       to, to);
      }
    });
  }
  constexpr std::size_t block = 64;
  parallel_for(threads, parts_of(outputs, block), [&](std::size_t b) {
    transpose(sums.data() + b * block, inputs, std::min(block, outputs - b * block), pitch,
              grad_weight + b * block * inputs, inputs);
  });
}

template <class R>
void column_sums(const R* x, std::size_t rows, std::size_t n, R* sums, int threads) {
  const SparseKernels<R>& kernels = sparse_kernels<R>();
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
