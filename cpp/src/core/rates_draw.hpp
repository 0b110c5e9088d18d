// Poisson counts of elements with a mean each (PoissonRates), for one SIMD level.

namespace spikelet::SPIKELET_LEVEL {

// The counts of one part of a block's means. Rows of limits ascend, so once no draw reaches a row,
// no later one counts.
SPIKELET_INLINE void counts_of_rates(const PoissonRates& rates, std::size_t at,
                                     const std::uint16_t* draws, const Stream& tie,
                                     std::uint32_t block, Step step, std::uint16_t* counts) {
  using I = Vec<std::int16_t>;
  constexpr int width = lanes<std::int16_t>, parts = static_cast<int>(block_size) / width;
  // As many lanes at once as keep their counts in registers; the others need not wait for them.
  constexpr int together = parts < 4 ? parts : 4;
  const PoissonRates::Block& of = rates.block(at);
  for (int first = 0; first < parts; first += together) {
    const std::int16_t* limits = rates.limits(of) + first * width;
    I draw[together], count[together] = {};
    bool tied = false;
    for (int p = 0; p < together; ++p) {
      draw[p] = reinterpret_cast<I>(load(draws + (first + p) * width) ^
                                    static_cast<std::uint16_t>(0x8000));
    }
    for (std::uint32_t row = 0; row < of.rows; ++row, limits += block_size) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
      __mmask32 above = 0, equal = 0;
      for (int p = 0; p < together; ++p) {
        const auto limit = reinterpret_cast<__m512i>(load(limits + p * width));
        const auto own = reinterpret_cast<__m512i>(draw[p]);
        const __mmask32 more = _mm512_cmpgt_epi16_mask(own, limit);
        count[p] = reinterpret_cast<I>(
            _mm512_mask_sub_epi16(reinterpret_cast<__m512i>(count[p]), more,
                                  reinterpret_cast<__m512i>(count[p]), _mm512_set1_epi16(-1)));
        above |= more;
        equal |= _mm512_cmpeq_epi16_mask(own, limit);
      }
      tied |= equal != 0;
      if ((above | equal) == 0) {
        break;
      }
#else
      I above = {}, equal = {};
      for (int p = 0; p < together; ++p) {
        const I limit = load(limits + p * width);
        const I more = draw[p] > limit;
        count[p] -= more;
        above |= more;
        equal |= draw[p] == limit;
      }
      tied |= bits16(equal) != 0;
      if (bits16(above | equal) == 0) {
        break;
      }
#endif
    }
    for (int p = 0; p < together; ++p) {
      store(counts + (first + p) * width, reinterpret_cast<Vec<std::uint16_t>>(count[p]));
    }
    if (!tied) [[likely]] {
      continue;
    }
    for (int n = first * width; n < (first + together) * width; ++n) {
      const auto k = static_cast<std::uint32_t>(n);
      const auto own = static_cast<std::int16_t>(draws[n] ^ 0x8000);
      for (std::uint32_t row = 0; row < of.rows; ++row) {
        if (rates.limits(of)[row * block_size + k] == own) {
          const std::uint32_t more =
              tie.at(static_cast<std::uint32_t>(block * block_size + k), step)[0];
          counts[n] = static_cast<std::uint16_t>(rates.settle(at * block_size + k, draws[n], more));
          break;
        }
      }
    }
  }
}

// The counts of the further parts of means above PoissonTable::max_mean, with counters of steps far
// beyond any run.
inline void add_parts(const PoissonRates& rates, std::size_t at, const Stream& stream,
                      const Stream& tie, std::uint32_t block, Step step, std::uint32_t* counts) {
  alignas(64) std::uint16_t draws[block_size], more[block_size];
  for (std::uint32_t part = 1; part < rates.block(at).parts; ++part) {
    const Step shifted = step + (Step{part} << 48);
    draw16(stream, block, shifted, 1, draws);
    counts_of_rates(rates, at, draws, tie, block, shifted, more);
    for (std::size_t n = 0; n < block_size; ++n) {
      counts[n] += part < rates.parts(at * block_size + n) ? more[n] : 0u;
    }
  }
}

inline void rate_counts_block(const PoissonRates& rates, std::size_t at, const Stream& stream,
                              const Stream& tie, std::uint32_t block, Step step,
                              std::uint32_t* counts) {
  alignas(64) std::uint16_t draws[block_size], first[block_size];
  if (rates.block(at).parts == 0) {
    __builtin_memset(counts, 0, block_size * sizeof *counts);
    return;
  }
  draw16(stream, block, step, 1, draws);
  counts_of_rates(rates, at, draws, tie, block, step, first);
  for (std::size_t n = 0; n < block_size; ++n) {
    counts[n] = first[n];
  }
  add_parts(rates, at, stream, tie, block, step, counts);
}

// input[i] += weight * count for `blocks` blocks from element i on, whose means are those of
// `rates` from block `at` on.
template <class R, int blocks>
SPIKELET_INLINE void add_rates(const PoissonRates& rates, std::size_t at, const Stream& stream,
                               const Stream& tie, Step step, std::size_t i, const R* weight,
                               std::size_t weight_mask, R* input) {
  const auto block = static_cast<std::uint32_t>(i / block_size);
  alignas(64) std::uint16_t draws[blocks * block_size];
  draw16(stream, block, step, blocks, draws);
  for (std::uint32_t b = 0; b < blocks; ++b) {
    alignas(64) std::uint16_t counts[block_size];
    const std::uint32_t parts = rates.block(at + b).parts;
    const std::size_t begin = i + b * block_size;
    if (parts == 0) {
      continue;
    }
    counts_of_rates(rates, at + b, draws + b * block_size, tie, block + b, step, counts);
    if (parts > 1) [[unlikely]] {
      alignas(64) std::uint32_t sums[block_size];
      for (std::size_t n = 0; n < block_size; ++n) {
        sums[n] = counts[n];
      }
      add_parts(rates, at + b, stream, tie, block + b, step, sums);
      for (std::size_t n = 0; n < block_size; ++n) {
        input[begin + n] +=
            weight[(begin + n) & (weight_mask | (block_size - 1))] * static_cast<R>(sums[n]);
      }
      continue;
    }
    constexpr auto width = static_cast<std::size_t>(lanes<R>);
    for (std::size_t n = begin; n < begin + block_size; n += width) {
      const Vec<R> count = __builtin_convertvector(load_index<R>(counts + (n - begin)), Vec<R>);
      const Vec<R> w = load(weight + (n & (weight_mask | (block_size - 1))));
      store(input + n, load(input + n) + w * count);
    }
  }
}

template <class R>
void rates_range(const PoissonRates& rates, std::size_t at, const Stream& stream, const Stream& tie,
                 Step step, std::size_t begin, std::size_t end, const R* weight,
                 std::size_t weight_mask, R* input) {
  constexpr std::size_t together = blocks_together * block_size;
  std::size_t i = begin;
  for (; i + together <= end; i += together, at += blocks_together) {
    add_rates<R, blocks_together>(rates, at, stream, tie, step, i, weight, weight_mask, input);
  }
  for (; i < end; i += block_size, ++at) {
    add_rates<R, 1>(rates, at, stream, tie, step, i, weight, weight_mask, input);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
