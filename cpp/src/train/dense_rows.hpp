// Products with the weights between neurons: all of them, or the row of one. Included only by
// train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

// out[s][n .. n + count) += sum over j of g[s][j] w[j][n ..), for S samples and V vectors of n. The
// sum starts at 0 and runs over j, so that it is the same for all S, V and vector widths.
template <class R, int S, int V, bool Whole>
SPIKELET_INLINE void multiply_tile(const R* g, const R* w, R* out, std::size_t neurons,
                                   std::size_t count) {
  Vec<R> sum[S][V] = {};
  for (std::size_t j = 0; j < neurons; ++j) {
    Vec<R> row[V];
    for (int k = 0; k < V; ++k) {
      const R* p = w + j * neurons + static_cast<std::size_t>(k * lanes<R>);
      row[k] = Whole ? load(p) : load_part(p, count);
    }
    for (int s = 0; s < S; ++s) {
      const Vec<R> by = broadcast(g[static_cast<std::size_t>(s) * neurons + j]);
      for (int k = 0; k < V; ++k) {
        sum[s][k] += by * row[k];
      }
    }
  }
  for (int s = 0; s < S; ++s) {
    for (int k = 0; k < V; ++k) {
      R* p = out + static_cast<std::size_t>(s) * neurons + static_cast<std::size_t>(k * lanes<R>);
      if constexpr (Whole) {
        store(p, load(p) + sum[s][k]);
      } else {
        store_part(p, load_part(p, count) + sum[s][k], count);
      }
    }
  }
}

template <class R, int S>
SPIKELET_INLINE void multiply_samples(const R* g, const R* w, R* out, std::size_t neurons) {
  constexpr std::size_t one = lanes<R>;
  std::size_t n = 0;
  for (; n + 2 * one <= neurons; n += 2 * one) {
    multiply_tile<R, S, 2, true>(g, w + n, out + n, neurons, 0);
  }
  for (; n + one <= neurons; n += one) {
    multiply_tile<R, S, 1, true>(g, w + n, out + n, neurons, 0);
  }
  if (n < neurons) {
    multiply_tile<R, S, 1, false>(g, w + n, out + n, neurons, neurons - n);
  }
}

// Multiplies at most S samples in one pass over the weights.
template <class R, int S>
void multiply_at_most(const R* g, const R* w, R* out, std::size_t samples, std::size_t neurons) {
  if (samples == S) {
    multiply_samples<R, S>(g, w, out, neurons);
  } else if constexpr (S > 1) {
    multiply_at_most<R, S - 1>(g, w, out, samples, neurons);
  }
}

template <class R>
void multiply_add(const R* g, const R* w, R* out, std::size_t samples, std::size_t neurons) {
  constexpr int most = vector_bytes == 64 ? 8 : 4;  // whose sums fit the registers
  for (std::size_t s = 0; s < samples; s += most) {
    const std::size_t left = samples - s;
    multiply_at_most<R, most>(g + s * neurons, w, out + s * neurons, left < most ? left : most,
                              neurons);
  }
}

template <class R>
void add_row(R value, const R* row, R* y, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    y[i] += value * row[i];
  }
}

}  // namespace spikelet::train::SPIKELET_LEVEL
