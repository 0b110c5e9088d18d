// The loops of layers that learn from waves. Included only by layers/kernels.cpp.
namespace spikelet::layers::SPIKELET_LEVEL {

using Vector = Vec<float>;
using Whether = Mask<float>;
inline constexpr std::size_t width = lanes<float>;

// `Registers` vectors of maps from `c` on: their sums stay in registers.
template <std::size_t Registers>
struct Sums {
  Vector v[Registers];

  [[gnu::always_inline]] void add(const float* weights, std::size_t n, std::size_t c,
                                  const std::uint32_t* rows, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const float* row = weights + (rows[i] & row_mask) * n + c;
      for (std::size_t r = 0; r < Registers; ++r) {
        v[r] += load(row + r * width);
      }
    }
  }
};

template <std::size_t Registers>
[[gnu::always_inline]] inline Whether integrate_maps(float* v, std::size_t n, std::size_t c,
                                                     const float* weights,
                                                     const std::uint32_t* rows, std::size_t count,
                                                     const float* threshold) {
  Sums<Registers> sums;
  for (std::size_t r = 0; r < Registers; ++r) {
    sums.v[r] = load(v + c + r * width);
  }
  sums.add(weights, n, c, rows, count);
  Whether crossed{};
  for (std::size_t r = 0; r < Registers; ++r) {
    store(v + c + r * width, sums.v[r]);
    crossed |= sums.v[r] >= load(threshold + c + r * width);
  }
  return crossed;
}

inline bool integrate(float* v, std::size_t n, const float* weights, const std::uint32_t* rows,
                      std::size_t count, const float* threshold) {
  Whether crossed{};
  std::size_t c = 0;
  for (; c + 4 * width <= n; c += 4 * width) {
    crossed |= integrate_maps<4>(v, n, c, weights, rows, count, threshold);
  }
  for (; c < n; c += width) {
    crossed |= integrate_maps<1>(v, n, c, weights, rows, count, threshold);
  }
  std::int32_t any = 0;
  for (std::size_t i = 0; i < width; ++i) {
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
  Whether above[Registers] = {};
  for (std::size_t i = 0, begin = 0; i < count; begin = volleys[i++].end) {
    sums.add(weights, n, c, rows + begin, volleys[i].end - begin);
    for (std::size_t r = 0; r < Registers; ++r) {
      above[r] += (sums.v[r] >= load(threshold + c + r * width)) & volleys[i].gap;
    }
  }
  for (std::size_t r = 0; r < Registers; ++r) {
    store(lead + c + r * width, above[r]);
  }
}

inline void respond(std::size_t n, const float* weights, const std::uint32_t* rows,
                    const Volley* volleys, std::size_t count, const float* threshold,
                    std::int32_t* lead) {
  std::size_t c = 0;
  for (; c + 4 * width <= n; c += 4 * width) {
    respond_maps<4>(n, c, weights, rows, volleys, count, threshold, lead);
  }
  for (; c < n; c += width) {
    respond_maps<1>(n, c, weights, rows, volleys, count, threshold, lead);
  }
}

inline void add_leads(const std::int32_t* lead, std::size_t n, float* sums) {
  for (std::size_t c = 0; c < n; ++c) {
    sums[c] += static_cast<float>(lead[c]);
  }
}

inline constexpr WaveKernels waves{&integrate, &respond, &add_leads};

}  // namespace spikelet::layers::SPIKELET_LEVEL
