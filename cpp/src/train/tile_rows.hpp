// Tiles of 6 x 6 pixels for minimal filtering (Winograd 1980; Lavin & Gray, CVPR 2016). Included
// only by train/kernels.cpp.
//
// A polynomial product of degree 5 is known from its values at 0, a, -a, b, -b and infinity. So 6
// multiplications give the product of a filter of L places with M = 7 - L values, or, transposed, M
// values of its correlation with 6. a and b keep the rounding error close to that of a direct sum;
// with the usual 1 and 2 it is twice as large.

namespace spikelet::train::SPIKELET_LEVEL {

#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
SPIKELET_INLINE Vec<float> fma(Vec<float> x, Vec<float> y, Vec<float> z) {
  return reinterpret_cast<Vec<float>>(_mm512_fmadd_ps(
      reinterpret_cast<__m512>(x), reinterpret_cast<__m512>(y), reinterpret_cast<__m512>(z)));
}
#elif defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 32
SPIKELET_INLINE Vec<float> fma(Vec<float> x, Vec<float> y, Vec<float> z) {
  return reinterpret_cast<Vec<float>>(_mm256_fmadd_ps(
      reinterpret_cast<__m256>(x), reinterpret_cast<__m256>(y), reinterpret_cast<__m256>(z)));
}
#elif defined(__aarch64__)
SPIKELET_INLINE Vec<float> fma(Vec<float> x, Vec<float> y, Vec<float> z) {
  for (int k = 0; k < lanes<float>; ++k) {
    z[k] = __builtin_fmaf(x[k], y[k], z[k]);
  }
  return z;
}
#else
// Processors without the instruction: the product is exact in double, and rounding the sum to odd
// keeps the second rounding, to float, correct (Boldo & Melquiond 2008).
SPIKELET_INLINE Vec<float> fma(Vec<float> x, Vec<float> y, Vec<float> z) {
  typedef double Wide __attribute__((vector_size(2 * vector_bytes)));
  typedef std::int64_t Bits __attribute__((vector_size(2 * vector_bytes)));
  const Wide product = __builtin_convertvector(x, Wide) * __builtin_convertvector(y, Wide);
  const Wide add = __builtin_convertvector(z, Wide);
  const Wide sum = product + add;
  const Wide part = sum - product;
  const Wide rest = (product - (sum - part)) + (add - part);
  Bits places = reinterpret_cast<Bits>(sum);
  const Bits even = (places & 1) - 1;
  const Bits inexact = (rest < 0) | (rest > 0);  // neither for infinity and NaN
  const Bits away = (rest > 0) ^ (sum > 0);      // -1: towards 0
  places += even & inexact & (1 + 2 * away);
  return __builtin_convertvector(reinterpret_cast<Wide>(places), Vec<float>);
}
#endif

SPIKELET_INLINE Vec<float> splat(float x) { return x - Vec<float>{}; }

// The points of M values: the values of a polynomial, A g; or of 6 that are correlated, B^T d.
template <int M>
SPIKELET_INLINE void to_points(const Vec<float>* d, Vec<float>* v) {
  if constexpr (M < static_cast<int>(tile_side)) {
    Vec<float> even_a = d[0], even_b = d[0];
    Vec<float> odd_a = tile_a * d[1], odd_b = tile_b * d[1];
    float a = tile_a;
    float b = tile_b;
#pragma GCC unroll 8
    for (int k = 2; k < M; ++k) {
      a *= tile_a;
      b *= tile_b;
      Vec<float>& sum_a = k % 2 == 0 ? even_a : odd_a;
      Vec<float>& sum_b = k % 2 == 0 ? even_b : odd_b;
      sum_a = fma(splat(a), d[k], sum_a);
      sum_b = fma(splat(b), d[k], sum_b);
    }
    v[0] = d[0];
    v[1] = even_a + odd_a;
    v[2] = even_a - odd_a;
    v[3] = even_b + odd_b;
    v[4] = even_b - odd_b;
    v[5] = d[M - 1];
    return;
  }
  constexpr float a = tile_a;
  constexpr float b = tile_b;
  const Vec<float> both = splat(-(a * a + b * b));
  const Vec<float> product = splat(a * a * b * b);
  v[0] = fma(product, d[0], fma(both, d[2], d[4]));
  v[5] = fma(product, d[1], fma(both, d[3], d[5]));
  const Vec<float> even_a = fma(splat(-(b * b)), d[2], d[4]);
  const Vec<float> odd_a = a * fma(splat(-(b * b)), d[1], d[3]);
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  const Vec<float> even_b = fma(splat(-(a * a)), d[2], d[4]);
  const Vec<float> odd_b = b * fma(splat(-(a * a)), d[1], d[3]);
  v[3] = even_b + odd_b;
  v[4] = even_b - odd_b;
}

// The M values of a correlation, A^T m; or the 6 of a product, B m.
template <int M>
SPIKELET_INLINE void from_points(const Vec<float>* m, Vec<float>* y) {
  const Vec<float> even_a = m[1] + m[2];
  const Vec<float> odd_a = m[1] - m[2];
  const Vec<float> even_b = m[3] + m[4];
  const Vec<float> odd_b = m[3] - m[4];
  if constexpr (M == static_cast<int>(tile_side)) {
    constexpr float a = tile_a;
    constexpr float b = tile_b;
    const Vec<float> both = splat(-(a * a + b * b));
    const Vec<float> product = splat(a * a * b * b);
    y[0] = product * m[0];
    y[1] = fma(product, m[5], fma(splat(-(a * a * b)), odd_b, -(a * b * b) * odd_a));
    y[2] = fma(both, m[0], fma(splat(-(a * a)), even_b, -(b * b) * even_a));
    y[3] = fma(both, m[5], fma(splat(b), odd_b, a * odd_a));
    y[4] = m[0] + (even_a + even_b);
    y[5] = m[5];
    return;
  }
  y[0] = m[0] + (even_a + even_b);
  float a = 1;
  float b = 1;
#pragma GCC unroll 8
  for (int k = 1; k < M; ++k) {
    a *= tile_a;
    b *= tile_b;
    y[k] = fma(splat(b), k % 2 == 0 ? even_b : odd_b, a * (k % 2 == 0 ? even_a : odd_a));
  }
  y[M - 1] += m[5];
}

// Writes the points of a square of M x M pixels, `step` apart.
template <int M>
SPIKELET_INLINE void tile_part(const float* const* pixels, std::size_t c, std::size_t count,
                               float* v, std::size_t step) {
  Vec<float> t[tile_side][M];
#pragma GCC unroll 6
  for (int x = 0; x < M; ++x) {
    Vec<float> d[M], column[tile_side];
#pragma GCC unroll 6
    for (int y = 0; y < M; ++y) {
      const float* p = pixels[y * M + x] + c;
      d[y] = count == static_cast<std::size_t>(lanes<float>) ? load(p) : load_part(p, count);
    }
    to_points<M>(d, column);
#pragma GCC unroll 6
    for (std::size_t y = 0; y < tile_side; ++y) {
      t[y][x] = column[y];
    }
  }
#pragma GCC unroll 6
  for (std::size_t y = 0; y < tile_side; ++y) {
    Vec<float> row[tile_side];
    to_points<M>(t[y], row);
#pragma GCC unroll 6
    for (std::size_t x = 0; x < tile_side; ++x) {
      store(v + (y * tile_side + x) * step + c, row[x]);
    }
  }
}

// Calls some(M), as a constant.
template <class Some>
SPIKELET_INLINE void with_side(std::size_t side, Some&& some) {
  switch (side) {
    case 2:
      return some(std::integral_constant<int, 2>{});
    case 3:
      return some(std::integral_constant<int, 3>{});
    case 4:
      return some(std::integral_constant<int, 4>{});
    case 5:
      return some(std::integral_constant<int, 5>{});
    default:
      return some(std::integral_constant<int, 6>{});
  }
}

inline void tile_points(const float* const* pixels, std::size_t side, std::size_t channels,
                        float* v, std::size_t step) {
  constexpr std::size_t width = lanes<float>;
  with_side(side, [&](auto m) {
    std::size_t c = 0;
    for (; c + width <= channels; c += width) {
      tile_part<m()>(pixels, c, width, v, step);
    }
    if (c < channels) {
      tile_part<m()>(pixels, c, channels - c, v, step);
    }
  });
}

// The values at the points of filters [places][places][pitch] of width n, a multiple of a line, by
// the rows of a matrix [tile_side][tile_side]. In double, as each is used for all tiles.
inline void filter_points(const double* filter, std::size_t places, std::size_t pitch,
                          std::size_t n, const double* matrix, float* u, std::size_t step) {
  typedef float Half __attribute__((vector_size(vector_bytes / 2)));
  for (std::size_t c = 0; c < n; c += lanes<double>) {
    for (std::size_t i = 0; i < tile_side; ++i) {
      Vec<double> half[tile_side];
      for (std::size_t x = 0; x < places; ++x) {
        half[x] = Vec<double>{};
        for (std::size_t y = 0; y < places; ++y) {
          half[x] += matrix[i * tile_side + y] * load(filter + (y * places + x) * pitch + c);
        }
      }
      for (std::size_t j = 0; j < tile_side; ++j) {
        Vec<double> value{};
        for (std::size_t x = 0; x < places; ++x) {
          value += matrix[j * tile_side + x] * half[x];
        }
        const Half rounded = __builtin_convertvector(value, Half);
        __builtin_memcpy(u + (i * tile_side + j) * step + c, &rounded, sizeof rounded);
      }
    }
  }
}

// m [tiles][pitch] = v [tiles][v_pitch] u [terms][lines], for S tiles. A sum runs over the terms.
template <std::size_t S, std::size_t Lines>
SPIKELET_INLINE void multiply_tiles(const float* v, std::size_t v_pitch, const float* u,
                                    std::size_t terms, float* m, std::size_t pitch) {
  constexpr std::size_t width = Lines * 16;
  constexpr std::size_t V = width / lanes<float>;
  Vec<float> sum[S][V] = {};
  for (std::size_t k = 0; k < terms; ++k, u += width) {
    Vec<float> row[V];
#pragma GCC unroll 16
    for (std::size_t i = 0; i < V; ++i) {
      row[i] = load(u + i * lanes<float>);
    }
#pragma GCC unroll 16
    for (std::size_t s = 0; s < S; ++s) {
      const Vec<float> by = splat(v[s * v_pitch + k]);
#pragma GCC unroll 16
      for (std::size_t i = 0; i < V; ++i) {
        sum[s][i] = fma(by, row[i], sum[s][i]);
      }
    }
  }
#pragma GCC unroll 16
  for (std::size_t s = 0; s < S; ++s) {
#pragma GCC unroll 16
    for (std::size_t i = 0; i < V; ++i) {
      store(m + s * pitch + i * lanes<float>, sum[s][i]);
    }
  }
}

inline constexpr std::size_t tile_lines = vector_bytes == 64 ? 4 : 1;

inline void multiply_points(const float* v, std::size_t v_pitch, const float* u, std::size_t terms,
                            std::size_t lines, float* m, std::size_t pitch, std::size_t tiles) {
  const auto all = [&](auto s, auto n) {
    for (std::size_t t = 0; t < tiles; t += s()) {
      multiply_tiles<s(), n()>(v + t * v_pitch, v_pitch, u, terms, m + t * pitch, pitch);
    }
  };
  using std::integral_constant;
#if SPIKELET_VECTOR_BYTES == 64
  switch (lines) {
    case 1:
      return all(integral_constant<std::size_t, 12>{}, integral_constant<std::size_t, 1>{});
    case 2:
      return all(integral_constant<std::size_t, 12>{}, integral_constant<std::size_t, 2>{});
    case 3:
      return all(integral_constant<std::size_t, 8>{}, integral_constant<std::size_t, 3>{});
    default:
      return all(integral_constant<std::size_t, 6>{}, integral_constant<std::size_t, 4>{});
  }
#else
  static_cast<void>(lines);
  return all(integral_constant<std::size_t, vector_bytes == 32 ? 6 : 2>{},
             integral_constant<std::size_t, 1>{});
#endif
}

// y [M][M][width] of the points m, `step` apart, for whole vectors.
template <int M>
SPIKELET_INLINE void tile_result(const float* m, std::size_t step, std::size_t width, float* y) {
  for (std::size_t c = 0; c < width; c += lanes<float>) {
    Vec<float> t[M][tile_side];
#pragma GCC unroll 6
    for (std::size_t x = 0; x < tile_side; ++x) {
      Vec<float> d[tile_side], column[M];
#pragma GCC unroll 6
      for (std::size_t r = 0; r < tile_side; ++r) {
        d[r] = load(m + (r * tile_side + x) * step + c);
      }
      from_points<M>(d, column);
#pragma GCC unroll 6
      for (int r = 0; r < M; ++r) {
        t[r][x] = column[r];
      }
    }
#pragma GCC unroll 6
    for (int r = 0; r < M; ++r) {
      Vec<float> row[M];
      from_points<M>(t[r], row);
#pragma GCC unroll 6
      for (int x = 0; x < M; ++x) {
        store(y + static_cast<std::size_t>(r * M + x) * width + c, row[x]);
      }
    }
  }
}

inline void tile_values(const float* m, std::size_t step, std::size_t width, std::size_t side,
                        float* y) {
  with_side(side, [&](auto n) { tile_result<n()>(m, step, width, y); });
}

}  // namespace spikelet::train::SPIKELET_LEVEL
