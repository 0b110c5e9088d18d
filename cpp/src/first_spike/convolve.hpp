// A convolution at one row of places. Included by kernels.cpp for each set of instructions.

template <class Dot, int Pixels>
SPIKELET_INLINE void pixels(const RowOfSums& row, const std::uint8_t* from, std::int32_t* sums) {
  Lanes sum[Pixels][vectors];
  for (int p = 0; p < Pixels; ++p) {
    for (int v = 0; v < vectors; ++v) {
      sum[p][v] = load(sums + p * static_cast<int>(block) + v * lanes<std::int32_t>);
    }
  }
  const std::uint8_t* weights = row.weights;
  for (std::size_t ky = 0; ky < row.kernel_height; ++ky) {
    for (std::size_t kx = 0; kx < row.kernel_width; ++kx) {
      const std::uint8_t* at = from + ky * row.row_bytes + kx * row.column_bytes;
      for (std::size_t l = 0; l < row.lanes; ++l, weights += 4 * block, at += 4) {
        Lanes w[vectors];
        for (int v = 0; v < vectors; ++v) {
          w[v] = load(reinterpret_cast<const std::int32_t*>(weights) + v * lanes<std::int32_t>);
        }
#pragma GCC unroll 16
        for (int p = 0; p < Pixels; ++p) {
          std::int32_t a;
          __builtin_memcpy(&a, at + static_cast<std::size_t>(p) * row.pixel_bytes, sizeof a);
          const Lanes spread = broadcast(a);
          for (int v = 0; v < vectors; ++v) {
            sum[p][v] = Dot::add(sum[p][v], spread, w[v]);
          }
        }
      }
    }
  }
  for (int p = 0; p < Pixels; ++p) {
    for (int v = 0; v < vectors; ++v) {
      store(sums + p * static_cast<int>(block) + v * lanes<std::int32_t>, sum[p][v]);
    }
  }
}

template <class Dot>
void row_of_sums(const RowOfSums& row, std::int32_t* sums) {
  const std::uint8_t* from = row.rows;
  std::size_t x = 0;
  const auto all = [&]<int N>(std::integral_constant<int, N>) {
    for (; x + N <= row.width; x += N, from += N * row.pixel_bytes, sums += N * block) {
      pixels<Dot, N>(row, from, sums);
    }
  };
  if constexpr (vectors == 1) {  // as many sums as registers
    all(std::integral_constant<int, 16>());
    all(std::integral_constant<int, 8>());
  }
  all(std::integral_constant<int, 4>());
  all(std::integral_constant<int, 2>());
  all(std::integral_constant<int, 1>());
}
