// Poisson counts and threshold tests by draws of 16 bits (draws16.hpp), and Philox in vectors.

namespace spikelet::SPIKELET_LEVEL {

alignas(64) inline constexpr std::uint64_t lane_numbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                               8, 9, 10, 11, 12, 13, 14, 15};

// Ten rounds of Philox on counters in 64-bit lanes. Upper halves may hold garbage in between: only
// low halves are multiplied, and the caller masks the rest.
template <int parts>
SPIKELET_INLINE void philox_rounds(const Stream& stream, Vec<std::uint64_t> (&c)[4][parts]) {
  using U = Vec<std::uint64_t>;
#pragma GCC unroll 10
  for (std::uint32_t round = 0; round < 10; ++round) {
    const U k0 = U{} + std::uint64_t{stream.key0() + round * philox_w0};
    const U k1 = U{} + std::uint64_t{stream.key1() + round * philox_w1};
    for (int p = 0; p < parts; ++p) {
      const U p0 = mul_low32(c[0][p], U{} + std::uint64_t{philox_m0});
      const U p1 = mul_low32(c[2][p], U{} + std::uint64_t{philox_m1});
      c[0][p] = (p1 >> 32) ^ c[1][p] ^ k0;
      c[2][p] = (p0 >> 32) ^ c[3][p] ^ k1;
      c[1][p] = p1;
      c[3][p] = p0;
    }
  }
}

// Words 0 and 1 of each lane packed into low, words 2 and 3 into high.
template <int parts>
SPIKELET_INLINE void store_words(const Vec<std::uint64_t> (&c)[4][parts], int p, std::uint64_t* low,
                                 std::uint64_t* high) {
  const std::uint64_t half = 0xffffffffu;
  store(low, (c[0][p] & half) | (c[1][p] << 32));
  store(high, (c[2][p] & half) | (c[3][p] << 32));
}

inline void words_of(const Stream& stream, std::uint64_t index, std::uint32_t first, std::size_t n,
                     std::uint64_t* low, std::uint64_t* high) {
  using U = Vec<std::uint64_t>;
  constexpr int width = lanes<std::uint64_t>;
  constexpr int parts = 16 / width;
  for (std::size_t k = 0; k < n; k += 16) {
    U c[4][parts];
    for (int p = 0; p < parts; ++p) {
      c[0][p] = U{} + static_cast<std::uint32_t>(index);
      c[1][p] = load(lane_numbers + p * width) + std::uint64_t{first + k};
      c[2][p] = U{} + static_cast<std::uint32_t>(index >> 32);
      c[3][p] = U{} + stream.word();
    }
    philox_rounds<parts>(stream, c);
    for (int p = 0; p < parts; ++p) {
      store_words(c, p, low + k + static_cast<std::size_t>(p * width),
                  high + k + static_cast<std::size_t>(p * width));
    }
  }
}

// Writes the counts of counted_together draws, as if no further bits mattered. Returns a bit for
// each draw whose count they decide.
#if SPIKELET_VECTOR_BYTES == 64
inline constexpr std::uint32_t counted_together = 32;
SPIKELET_INLINE std::uint32_t count_some(const PoissonTable& table, const std::uint16_t* draws,
                                         std::uint16_t* counts) {
  using U = Vec<std::uint16_t>;
  // The table sits in two registers and is looked up by lane permutation.
  const U draw = load(draws), column = draw >> 11, rest = draw & 2047;
  const U limit = look_up(load(table.high.data()), column);
  const U alias = look_up(load(table.other.data()), column);
  store(counts, rest < limit ? column : alias);
  return _mm512_cmpeq_epi16_mask(reinterpret_cast<__m512i>(rest), reinterpret_cast<__m512i>(limit));
}
#elif defined(SPIKELET_LOOKS_UP_BYTES)
inline constexpr std::uint32_t counted_together = vector_bytes;
SPIKELET_INLINE std::uint32_t count_some(const PoissonTable& table, const std::uint16_t* draws,
                                         std::uint16_t* counts) {
  using U = Vec<std::uint16_t>;
  using I = Vec<std::int16_t>;  // comparing signed numbers takes one instruction
  using Bytes = Vec<std::uint8_t>;
  const U a = load(draws), b = load(draws + lanes<std::uint16_t>);
  const I rest_a = reinterpret_cast<I>(a & 2047), rest_b = reinterpret_cast<I>(b & 2047);
  const Bytes column = narrowed(a >> 11, b >> 11);
  const auto limits = joined(look_up(table.bytes[0], column), look_up(table.bytes[1], column));
  const I limit_a = reinterpret_cast<I>(limits.first), limit_b = reinterpret_cast<I>(limits.second);
  const auto both = [](I x, I y) __attribute__((always_inline)) {
    return narrowed(reinterpret_cast<U>(x), reinterpret_cast<U>(y));
  };
  const Bytes own = both(rest_a < limit_a, rest_b < limit_b);
  const Bytes count = (column & own) | (look_up(table.bytes[2], column) & ~own);
  const auto wide = joined(count, Bytes{});
  store(counts, wide.first);
  store(counts + lanes<std::uint16_t>, wide.second);
  return bits8(both(rest_a == limit_a, rest_b == limit_b));
}
#else
inline constexpr std::uint32_t counted_together = 1;
SPIKELET_INLINE std::uint32_t count_some(const PoissonTable& table, const std::uint16_t* draws,
                                         std::uint16_t* counts) {
  const unsigned column = *draws >> 11, rest = *draws & 2047u, limit = table.high[column];
  // Branch-free: whether a column's own count is taken cannot be predicted.
  const unsigned own = 0u - static_cast<unsigned>(rest < limit);
  *counts = static_cast<std::uint16_t>((column & own) | (table.other[column] & ~own));
  return rest == limit;
}
#endif

SPIKELET_INLINE void counts_of_block(const PoissonTable& table, const std::uint16_t* draws,
                                     const Stream& tie, std::uint32_t block, Step step,
                                     std::uint16_t* counts) {
  std::uint64_t ties = 0;
#pragma GCC unroll 4
  for (std::uint32_t n = 0; n < block_size; n += counted_together) {
    ties |= std::uint64_t{count_some(table, draws + n, counts + n)} << n;
  }
  for (; ties != 0; ties &= ties - 1) {
    const auto n = static_cast<std::uint32_t>(__builtin_ctzll(ties));
    const unsigned column = draws[n] >> 11;
    const auto element = static_cast<std::uint32_t>(block * block_size + n);
    counts[n] = tie.at(element, step)[0] < table.low[column] ? static_cast<std::uint16_t>(column)
                                                             : table.other[column];
  }
}

// The counts of the elements of some blocks, at most blocks_together, or of the first draw of
// several.
SPIKELET_INLINE void counts_of_range(const PoissonTable& table, const Stream& stream,
                                     const Stream& tie, Step step, std::size_t begin,
                                     std::size_t end, std::uint16_t* counts) {
  alignas(64) std::uint16_t draws[blocks_together * block_size];
  const auto first = static_cast<std::uint32_t>(begin / block_size),
             last = static_cast<std::uint32_t>(end / block_size);
  draw16(stream, first, step, static_cast<int>(last - first), draws);
  for (std::uint32_t block = first, at = 0; block < last; ++block, at += block_size) {
    counts_of_block(table, draws + at, tie, block, step, counts + at);
  }
}

// The same for a mean above PoissonTable::max_mean, which takes several draws, with counters of
// steps far beyond any run, and may give counts of more than 16 bits.
template <class R>
void poisson_add_many(const PoissonTable& table, const Stream& stream, const Stream& tie, Step step,
                      std::size_t i, std::uint16_t* counts, const R* weight,
                      std::size_t weight_mask, R* input) {
  const auto block = static_cast<std::uint32_t>(i / block_size);
  alignas(64) std::uint16_t draws[block_size];
  alignas(64) std::uint32_t sums[block_size] = {};
  // Sums of so many counts, each below 32, fit 16 bits.
  constexpr int together = 2048;
  for (int repeat = 1; repeat < table.repeats;) {
    const int end = repeat + together < table.repeats ? repeat + together : table.repeats;
    for (; repeat < end; ++repeat) {
      alignas(64) std::uint16_t more[block_size];
      const Step shifted = step + (Step{repeat} << 48);
      draw16(stream, block, shifted, 1, draws);
      counts_of_block(table, draws, tie, block, shifted, more);
      for (std::size_t n = 0; n < block_size; ++n) {
        counts[n] = static_cast<std::uint16_t>(counts[n] + more[n]);
      }
    }
    for (std::size_t n = 0; n < block_size; ++n) {
      sums[n] += counts[n];
      counts[n] = 0;
    }
  }
  for (std::size_t n = 0; n < block_size; ++n) {
    input[i + n] += weight[(i + n) & (weight_mask | (block_size - 1))] * static_cast<R>(sums[n]);
  }
}

// input[i] += weight * counts[i - begin] for whole blocks [begin, end) of elements.
template <class R>
SPIKELET_INLINE void add_counts(const std::uint16_t* counts, std::size_t begin, std::size_t end,
                                const R* weight, std::size_t weight_mask, R* input) {
  constexpr auto width = static_cast<std::size_t>(lanes<R>);
  for (std::size_t n = begin; n < end; n += width) {
    const Vec<R> count = __builtin_convertvector(load_index<R>(counts + (n - begin)), Vec<R>);
    const Vec<R> w = load(weight + (n & (weight_mask | (block_size - 1))));
    store(input + n, load(input + n) + w * count);
  }
}

template <class R>
void poisson_range(const PoissonTable& table, const Stream& stream, const Stream& tie, Step step,
                   std::size_t begin, std::size_t end, const R* weight, std::size_t weight_mask,
                   R* input) {
  constexpr std::size_t together = blocks_together * block_size;
  alignas(64) std::uint16_t counts[together];
  for (std::size_t first = begin, last; first < end; first = last) {
    last = std::min(first + together, end);
    counts_of_range(table, stream, tie, step, first, last, counts);
    if (table.repeats > 1) [[unlikely]] {
      for (std::size_t i = first; i < last; i += block_size) {
        poisson_add_many(table, stream, tie, step, i, counts + (i - first), weight, weight_mask,
                         input);
      }
    } else {
      add_counts(counts, first, last, weight, weight_mask, input);
    }
  }
}

template <class R>
void poisson_parts(std::span<const PoissonPart<R>> parts, Step step) {
  constexpr std::size_t most = 2048;  // what is in between stays in the first-level cache
  alignas(64) std::uint16_t draws[most], counts[most];
  const auto for_parts = [&](std::size_t first, std::size_t last, auto&& f) {
    std::size_t at = 0;
    for (std::size_t k = first; k < last; ++k) {
      f(parts[k], *parts[k].drive, at);
      at += parts[k].end - parts[k].begin;
    }
  };
  for (std::size_t first = 0, last = 0; first < parts.size(); first = last) {
    for (std::size_t n = 0; last < parts.size(); ++last) {
      n += parts[last].end - parts[last].begin;
      if (n > most) {
        break;
      }
    }
    if (last == first) {  // a long one
      const auto& [drive, begin, end, input] = parts[last++];
      poisson_range(*drive->table, *drive->stream, *drive->tie, step, begin, end, drive->weight,
                    drive->weight_mask, input);
      continue;
    }
    for_parts(first, last, [&](const auto& part, const auto& drive, std::size_t at) {
      draw16(*drive.stream, static_cast<std::uint32_t>(part.begin / block_size), step,
             static_cast<int>((part.end - part.begin) / block_size), draws + at);
    });
    for_parts(first, last, [&](const auto& part, const auto& drive, std::size_t at) {
      for (std::size_t i = part.begin; i < part.end; i += block_size, at += block_size) {
        counts_of_block(*drive.table, draws + at, *drive.tie,
                        static_cast<std::uint32_t>(i / block_size), step, counts + at);
      }
    });
    for_parts(first, last, [&](const auto& part, const auto& drive, std::size_t at) {
      if (drive.table->repeats > 1) [[unlikely]] {
        for (std::size_t i = part.begin; i < part.end; i += block_size, at += block_size) {
          poisson_add_many(*drive.table, *drive.stream, *drive.tie, step, i, counts + at,
                           drive.weight, drive.weight_mask, part.input);
        }
        return;
      }
      add_counts(counts + at, part.begin, part.end, drive.weight, drive.weight_mask, part.input);
    });
  }
}

inline std::uint64_t below_block(const Stream& stream, const Stream& tie, std::uint32_t block,
                                 Step step, const std::uint16_t* high, const std::uint32_t* low) {
  alignas(64) std::uint16_t draws[block_size];
  draw16(stream, block, step, 1, draws);
  std::uint64_t result = 0, ties = 0;
#if SPIKELET_VECTOR_BYTES == 64
  for (int half = 0; half < 2; ++half) {
    const auto draw = load(draws + 32 * half), limit = load(high + 32 * half);
    result |= std::uint64_t{_mm512_movepi16_mask(reinterpret_cast<__m512i>(draw < limit))}
              << (32 * half);
    ties |= std::uint64_t{_mm512_movepi16_mask(reinterpret_cast<__m512i>(draw == limit))}
            << (32 * half);
  }
#else
  constexpr std::size_t width = static_cast<std::size_t>(lanes<std::uint16_t>);
  for (std::size_t n = 0; n < block_size; n += width) {
    const auto draw = load(draws + n), limit = load(high + n);
    result |= bits16(draw < limit) << n;
    ties |= bits16(draw == limit) << n;
  }
#endif
  for (; ties != 0; ties &= ties - 1) {
    const auto n = static_cast<std::uint32_t>(__builtin_ctzll(ties));
    const std::uint32_t more = tie.at(static_cast<std::uint32_t>(block * block_size + n), step)[0];
    result |= std::uint64_t{more < low[n]} << n;
  }
  return result;
}

}  // namespace spikelet::SPIKELET_LEVEL
