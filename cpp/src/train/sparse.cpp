// Linear layers over sparse inputs, and sums of columns. Threads share out rows or outputs, whose
// sums do not meet; what must be added across chunks is chunked by shape alone.
#include "spikelet/train/sparse.hpp"

#include <cmath>

#include "spikelet/core/parallel.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {

namespace {

// Outputs whose sums are held at once: nine vectors of 64 bytes.
template <class R>
constexpr std::size_t chunk_width = 9 * line<R>;
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

template <class R>
Activity activity(const R* x, std::size_t n, int threads) {
  constexpr std::size_t part = std::size_t{1} << 16;
  const SparseKernels<R>& kernels = sparse_kernels<R>();
  std::atomic<std::size_t> active{0};
  std::atomic<bool> finite{true};
  parallel_for(threads, parts_of(n, part), [&](std::size_t p) {
    R rest = 0;
    active += kernels.count(x + p * part, std::min(part, n - p * part), rest);
    if (rest != 0) {
      finite = false;
    }
  });
  return {active, finite};
}

template <class R>
void sparse_linear(const LinearShape& shape, const R* x, const R* weight, const R* bias, R* y,
                   int threads) {
  const SparseKernels<R>& kernels = sparse_kernels<R>();
  const auto [rows, inputs, outputs] = shape;
  const std::size_t pitch = padded<R>(outputs);
  const std::size_t width = std::min(chunk_width<R>, pitch);
  const std::size_t chunks = parts_of(outputs, width);
  RawBuffer<R> weights(inputs * pitch);  // [input][output]
  parallel_for(threads, chunks, [&](std::size_t chunk) {
    const std::size_t first = chunk * width;
    const std::size_t n = std::min(width, outputs - first);
    const std::size_t space = std::min(width, pitch - first);
    for (std::size_t i = 0; n < space && i < inputs; ++i) {
      std::fill_n(weights.data() + i * pitch + first + n, space - n, R(0));
    }
    transpose(weight + first * inputs, n, inputs, inputs, weights.data() + first, pitch);
  });
  Buffer<R> start(pitch);
  if (bias != nullptr) {
    std::copy_n(bias, outputs, start.data());
  }
  const ChunkItems items(width, kernels.lanes);
  const auto none = multiples(inputs, 0);
  const auto at = multiples(inputs, pitch);

  // Enough parts for many threads; rows are independent, so their number changes nothing.
  const std::size_t part = std::clamp<std::size_t>(rows / 32, 1, 256);
  const auto lists_of = multiples(part, 1);
  const auto nowhere = multiples(part, 0);
  parallel_for(threads, parts_of(rows, part), [&](std::size_t p) {
    const std::size_t row0 = p * part;
    const std::size_t n_rows = std::min(part, rows - row0);
    Lists<R> lists(n_rows, inputs);
    kernels.sort({x + row0 * inputs, n_rows, inputs, inputs, lists_of.data(), nowhere.data(),
                  none.data(), at.data()},
                 0, 0, lists.buckets());
    Buffer<R> sums(width);
    for (std::size_t first = 0; first < outputs; first += width) {
      const std::size_t n = std::min(width, outputs - first);
      const Items chunk = items.first(padded<R>(n) / kernels.lanes);
      for (std::size_t r = 0; r < n_rows; ++r) {
        R* to = y + (row0 + r) * outputs + first;
        R* into = n == padded<R>(n) ? to : sums.data();
        kernels.gather(lists[r], chunk, weights.data() + first, start.data() + first, into);
        if (into != to) {
          std::copy_n(into, n, to);
        }
      }
    }
  });
}

template <class R>
void sparse_linear_weight(const LinearShape& shape, const R* x, const R* grad_y, R* grad_weight,
                          int threads) {
  const SparseKernels<R>& kernels = sparse_kernels<R>();
  const auto [rows, inputs, outputs] = shape;
  const std::size_t pitch = padded<R>(outputs);
  const std::size_t width = std::min(chunk_width<R>, pitch);
  const std::size_t chunks = parts_of(outputs, width);
  const std::size_t part = std::min(gradient_rows, rows);
  const std::size_t ranges = parts_of(inputs, list_inputs);
  const ChunkItems items(width, kernels.lanes);
  const auto own = multiples(list_inputs, 1);
  const auto nowhere = multiples(std::max(list_inputs, part), 0);
  const auto at = multiples(part, width);
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
        kernels.sort({x + row0 * inputs + input0, n_rows, std::min(list_inputs, inputs - input0),
                      inputs, nowhere.data(), at.data(), own.data(), nowhere.data()},
                     0, 0, lists[task].buckets());
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

#define SPIKELET_SPARSE(R)                                                                \
  template Activity activity(const R*, std::size_t, int);                                 \
  template void sparse_linear(const LinearShape&, const R*, const R*, const R*, R*, int); \
  template void sparse_linear_weight(const LinearShape&, const R*, const R*, R*, int);    \
  template void column_sums(const R*, std::size_t, std::size_t, R*, int);
SPIKELET_SPARSE(float)
SPIKELET_SPARSE(double)
#undef SPIKELET_SPARSE

}  // namespace spikelet::train
