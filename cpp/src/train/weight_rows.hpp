// Weight gradients of convolutions over sparse inputs. Included only by train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

// Vectors in registers besides that which is added.
inline constexpr std::size_t most_sums = vector_bytes == 64 ? 25 : 12;
inline constexpr std::size_t most_taps = most_sums / (64 / vector_bytes);

// Adds lines for R rows and C columns of the kernel.
template <class R, std::size_t Rows, std::size_t Columns, bool Ones>
void correlate_taps(const ActiveInputs<R>& events, const R* from, std::ptrdiff_t from_row, R* to,
                    std::size_t to_row, std::size_t to_column) {
  constexpr std::size_t line = 64 / sizeof(R);
  constexpr std::size_t V = line / lanes<R>;
  Vec<R> sum[Rows][Columns * V];
#pragma GCC unroll 32
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 32
    for (std::size_t k = 0; k < Columns * V; ++k) {
      sum[r][k] = load(to + r * to_row + k / V * to_column + k % V * lanes<R>);
    }
  }
  for (std::size_t e = 0; e < events.number; ++e) {
    const R* row = from + events.at[e];
    [[maybe_unused]] Vec<R> value;
    if constexpr (!Ones) {
      value = broadcast(events.value[e]);
    }
#pragma GCC unroll 32
    for (std::size_t r = 0; r < Rows; ++r, row -= from_row) {
#pragma GCC unroll 32
      for (std::size_t k = 0; k < Columns * V; ++k) {
        const R* p = row - k / V * line + k % V * lanes<R>;
        if constexpr (Ones) {
          sum[r][k] += load(p);
        } else {
          sum[r][k] += value * load(p);
        }
      }
    }
  }
#pragma GCC unroll 32
  for (std::size_t r = 0; r < Rows; ++r) {
#pragma GCC unroll 32
    for (std::size_t k = 0; k < Columns * V; ++k) {
      store(to + r * to_row + k / V * to_column + k % V * lanes<R>, sum[r][k]);
    }
  }
}

template <class R>
using CorrelateTaps = void (*)(const ActiveInputs<R>&, const R*, std::ptrdiff_t, R*, std::size_t,
                               std::size_t);

inline constexpr std::size_t most_side = std::min<std::size_t>(5, most_taps);

// Kernels by rows and columns, [rows - 1][columns - 1]; null: too many for the registers.
template <class R, bool Ones, std::size_t... K>
constexpr std::array<CorrelateTaps<R>, sizeof...(K)> correlate_table(std::index_sequence<K...>) {
  const auto one = []<std::size_t Rows, std::size_t Columns>(
                       std::integral_constant<std::size_t, Rows>,
                       std::integral_constant<std::size_t, Columns>) -> CorrelateTaps<R> {
    if constexpr (Rows * Columns <= most_taps) {
      return &correlate_taps<R, Rows, Columns, Ones>;
    } else {
      return nullptr;
    }
  };
  return {one(std::integral_constant<std::size_t, K / most_side + 1>{},
              std::integral_constant<std::size_t, K % most_side + 1>{})...};
}

template <class R>
void correlate(const ActiveInputs<R>& events, const KernelTaps& taps, const R* from, R* to) {
  using Sides = std::make_index_sequence<most_side * most_side>;
  static constexpr auto with_values = correlate_table<R, false>(Sides{});
  static constexpr auto with_ones = correlate_table<R, true>(Sides{});
  const auto& table = events.value == nullptr ? with_ones : with_values;
  constexpr std::ptrdiff_t line = 64 / sizeof(R);
  // Columns whose lines are neighbours are added together.
  const std::size_t side = taps.from_column == line ? most_side : 1;
  for (std::size_t c = 0; c < taps.columns;) {
    const std::size_t columns = std::min(side, taps.columns - c);
    const std::size_t most_rows = std::min(most_side, most_taps / columns);
    for (std::size_t r = 0; r < taps.rows;) {
      const std::size_t rows = std::min(most_rows, taps.rows - r);
      table[(rows - 1) * most_side + columns - 1](
          events,
          from - static_cast<std::ptrdiff_t>(r) * taps.from_row -
              static_cast<std::ptrdiff_t>(c) * taps.from_column,
          taps.from_row, to + r * taps.to_row + c * taps.to_column, taps.to_row, taps.to_column);
      r += rows;
    }
    c += columns;
  }
}

}  // namespace spikelet::train::SPIKELET_LEVEL
