// The hot loops of a convolutional layer, compiled for one SIMD level. A level file defines
// SPIKELET_LEVEL and SPIKELET_VECTOR_BYTES and sets its target pragma before it includes this.
namespace spikelet::layers::SPIKELET_LEVEL {

typedef float Vector __attribute__((vector_size(SPIKELET_VECTOR_BYTES)));
typedef std::int32_t Mask __attribute__((vector_size(SPIKELET_VECTOR_BYTES)));
inline constexpr std::size_t lanes = SPIKELET_VECTOR_BYTES / sizeof(float);

template <class V, class T>
[[gnu::always_inline]] inline V load(const T* p) {
  V x;
  __builtin_memcpy(&x, p, sizeof x);
  return x;
}
template <class V, class T>
[[gnu::always_inline]] inline void store(T* p, V x) {
  __builtin_memcpy(p, &x, sizeof x);
}

// `Registers` vectors of maps from `c` on: their sums stay in registers.
template <std::size_t Registers>
struct Sums {
  Vector v[Registers];

  [[gnu::always_inline]] void add(const float* weights, std::size_t n, std::size_t c,
                                  const std::uint32_t* rows, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const float* row = weights + (rows[i] & row_mask) * n + c;
      for (std::size_t r = 0; r < Registers; ++r) {
        v[r] += load<Vector>(row + r * lanes);
      }
    }
  }
};

template <std::size_t Registers>
[[gnu::always_inline]] inline Mask integrate_maps(float* v, std::size_t n, std::size_t c,
                                                  const float* weights, const std::uint32_t* rows,
                                                  std::size_t count, const float* threshold) {
  Sums<Registers> sums;
  for (std::size_t r = 0; r < Registers; ++r) {
    sums.v[r] = load<Vector>(v + c + r * lanes);
  }
  sums.add(weights, n, c, rows, count);
  Mask crossed{};
  for (std::size_t r = 0; r < Registers; ++r) {
    store(v + c + r * lanes, sums.v[r]);
    crossed |= sums.v[r] >= load<Vector>(threshold + c + r * lanes);
  }
  return crossed;
}

inline bool integrate(float* v, std::size_t n, const float* weights, const std::uint32_t* rows,
                      std::size_t count, const float* threshold) {
  Mask crossed{};
  std::size_t c = 0;
  for (; c + 4 * lanes <= n; c += 4 * lanes) {
    crossed |= integrate_maps<4>(v, n, c, weights, rows, count, threshold);
  }
  for (; c < n; c += lanes) {
    crossed |= integrate_maps<1>(v, n, c, weights, rows, count, threshold);
  }
  std::int32_t any = 0;
  for (std::size_t i = 0; i < lanes; ++i) {
    any |= crossed[i];
  }
  return any != 0;
}

template <std::size_t Registers>
[[gnu::always_inline]] inline void respond_maps(std::size_t n, std::size_t c, const float* weights,
                                                const std::uint32_t* rows, const Volley* volleys,
                                                std::size_t count, const float* threshold,
                                                std::int32_t* lead) {
  Sums<Registers> sums{};
  Mask above[Registers] = {};
  for (std::size_t i = 0, begin = 0; i < count; begin = volleys[i++].end) {
    sums.add(weights, n, c, rows + begin, volleys[i].end - begin);
    for (std::size_t r = 0; r < Registers; ++r) {
      above[r] += (sums.v[r] >= load<Vector>(threshold + c + r * lanes)) & volleys[i].gap;
    }
  }
  for (std::size_t r = 0; r < Registers; ++r) {
    store(lead + c + r * lanes, above[r]);
  }
}

inline void respond(std::size_t n, const float* weights, const std::uint32_t* rows,
                    const Volley* volleys, std::size_t count, const float* threshold,
                    std::int32_t* lead) {
  std::size_t c = 0;
  for (; c + 4 * lanes <= n; c += 4 * lanes) {
    respond_maps<4>(n, c, weights, rows, volleys, count, threshold, lead);
  }
  for (; c < n; c += lanes) {
    respond_maps<1>(n, c, weights, rows, volleys, count, threshold, lead);
  }
}

inline void add_leads(const std::int32_t* lead, std::size_t n, float* sums) {
  for (std::size_t c = 0; c < n; ++c) {
    sums[c] += static_cast<float>(lead[c]);
  }
}

inline constexpr ConvKernels table{&integrate, &respond, &add_leads};

}  // namespace spikelet::layers::SPIKELET_LEVEL
