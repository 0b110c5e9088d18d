// Two taps of each synapse, for a line of samples at once. Included only by train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

// Rows of 64 bytes: one sample in each place, the same number at all levels.
template <class R>
inline constexpr int line_lanes = 64 / static_cast<int>(sizeof(R));

// Adds `inputs` inputs to N rows of an output, one vector wide. x: the row of the first step of the
// first input; inputs are `pitch` apart, and earlier steps lie before.
template <class R, int N>
SPIKELET_INLINE void delay_rows(const R* x, std::size_t pitch, const R* early, const R* late,
                                const std::int32_t* lag, std::size_t inputs, R* y) {
  Vec<R> sum[N];
#pragma GCC unroll 24
  for (int k = 0; k < N; ++k) {
    sum[k] = load(y + k * line_lanes<R>);
  }
  for (std::size_t i = 0; i < inputs; ++i) {
    const Vec<R> a = broadcast(early[i]);
    const Vec<R> b = broadcast(late[i]);
    const R* from = x + i * pitch - static_cast<std::ptrdiff_t>(lag[i]) * line_lanes<R>;
    Vec<R> before = load(from - line_lanes<R>);
#pragma GCC unroll 24
    for (int k = 0; k < N; ++k) {
      const Vec<R> now = load(from + k * line_lanes<R>);
      sum[k] = sum[k] + a * now + b * before;
      before = now;
    }
  }
#pragma GCC unroll 24
  for (int k = 0; k < N; ++k) {
    store(y + k * line_lanes<R>, sum[k]);
  }
}

// As delay_rows, for `rows` rows of whole lines; rows is a multiple of 4.
template <class R>
void delay_tile(const R* x, std::size_t pitch, const R* early, const R* late,
                const std::int32_t* lag, std::size_t inputs, R* y, std::size_t rows) {
  constexpr std::size_t most = vector_bytes == 64 ? 24 : 8;  // sums in registers
  for (std::size_t row = 0; row < rows;) {
    const std::size_t n = std::min(most, rows - row);
    for (int v = 0; v < line_lanes<R>; v += lanes<R>) {
      const R* from = x + row * static_cast<std::size_t>(line_lanes<R>) + v;
      R* to = y + row * static_cast<std::size_t>(line_lanes<R>) + v;
      switch (n) {
        case 4:
          delay_rows<R, 4>(from, pitch, early, late, lag, inputs, to);
          break;
        case 8:
          delay_rows<R, 8>(from, pitch, early, late, lag, inputs, to);
          break;
        case 12:
          delay_rows<R, 12>(from, pitch, early, late, lag, inputs, to);
          break;
        case 16:
          delay_rows<R, 16>(from, pitch, early, late, lag, inputs, to);
          break;
        case 20:
          delay_rows<R, 20>(from, pitch, early, late, lag, inputs, to);
          break;
        default:
          delay_rows<R, 24>(from, pitch, early, late, lag, inputs, to);
          break;
      }
    }
    row += n;
  }
}

// Sums over a line in a fixed order.
template <class R>
SPIKELET_INLINE R line_sum(R* line) {
#pragma GCC unroll 4
  for (int half = line_lanes<R> / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int k = 0; k < half; ++k) {
      line[k] += line[k + half];
    }
  }
  return line[0];
}

// N inputs of delay_correlate, which share the loads of g.
template <class R, int N>
SPIKELET_INLINE void correlate_some(const R* x, std::size_t pitch, const std::int32_t* lag,
                                    const R* g, std::size_t rows, R* by_early, R* by_late) {
  alignas(64) R early[N][line_lanes<R>];
  alignas(64) R late[N][line_lanes<R>];
  for (int v = 0; v < line_lanes<R>; v += lanes<R>) {
    const R* from[N];
    Vec<R> a[N][2]{};
    Vec<R> b[N][2]{};
    Vec<R> before[N];
    for (int i = 0; i < N; ++i) {
      from[i] = x + static_cast<std::size_t>(i) * pitch + v -
                static_cast<std::ptrdiff_t>(lag[i]) * line_lanes<R>;
      before[i] = load(from[i] - line_lanes<R>);
    }
    const R* by = g + v;
    for (std::size_t row = 0; row < rows; row += 2, by += 2 * line_lanes<R>) {
#pragma GCC unroll 2
      for (int k = 0; k < 2; ++k) {
        const Vec<R> weight = load(by + k * line_lanes<R>);
#pragma GCC unroll 4
        for (int i = 0; i < N; ++i) {
          const Vec<R> now = load(from[i] + k * line_lanes<R>);
          a[i][k] += now * weight;
          b[i][k] += before[i] * weight;
          before[i] = now;
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < N; ++i) {
        from[i] += 2 * line_lanes<R>;
      }
    }
    for (int i = 0; i < N; ++i) {
      store(early[i] + v, a[i][0] + a[i][1]);
      store(late[i] + v, b[i][0] + b[i][1]);
    }
  }
  for (int i = 0; i < N; ++i) {
    by_early[i] += line_sum(early[i]);
    by_late[i] += line_sum(late[i]);
  }
}

// by_early[i] += sum over rows and samples of x[row - lag] g[row], by_late[i] += that of
// x[row - lag - 1] g[row], for `inputs` inputs; rows is even.
template <class R>
void delay_correlate(const R* x, std::size_t pitch, const std::int32_t* lag, std::size_t inputs,
                     const R* g, std::size_t rows, R* by_early, R* by_late) {
  std::size_t i = 0;
  for (; i + 3 <= inputs; i += 3) {
    correlate_some<R, 3>(x + i * pitch, pitch, lag + i, g, rows, by_early + i, by_late + i);
  }
  for (; i < inputs; ++i) {
    correlate_some<R, 1>(x + i * pitch, pitch, lag + i, g, rows, by_early + i, by_late + i);
  }
}

}  // namespace spikelet::train::SPIKELET_LEVEL
