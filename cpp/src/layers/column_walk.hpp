// Convolutions of spikes, and bits of spikes in general. Included only by layers/kernels.cpp.
//
// The order of additions of an output is: input column, kernel row, channel. It does not depend on
// how many steps or outputs are computed together. Integers are added in any order.
namespace spikelet::layers::SPIKELET_LEVEL {

// A vector of N elements.
template <class R, int N>
struct Some {
  typedef R type __attribute__((vector_size(N * sizeof(R))));
};
template <class V, class R>
SPIKELET_INLINE V load_some(const R* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class V, class R>
SPIKELET_INLINE void store_some(R* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// Elements of a block in one vector.
template <class R, int Block>
inline constexpr int wide_of = Block < lanes<R> ? Block : lanes<R>;

// What a word has: spikes one by one, also of several sizes, or those of four inputs at once.
enum class Walk { ones, fours, sizes };

// Takes the next spike, or with `Fours` the spikes of the next four inputs, out of a word. Returns
// the row of their weights; an empty word gives the row of zeros.
template <bool Fours>
SPIKELET_INLINE std::size_t next_row(std::uint64_t& word) {
  if constexpr (Fours) {
    const std::size_t at = lowest_bit(word) & ~std::size_t{3}, shift = at & 63;
    const std::size_t spikes = word >> shift & 15;
    word &= ~(std::uint64_t{15} << shift);
    return 4 * at + spikes;
  } else {
    const std::size_t at = lowest_bit(word);
    word &= word - 1;
    return at;
  }
}

// `Steps` steps together, for `Vectors` vectors of the block from `lane` on. Steps share the branch
// at the end of a word, which is often mispredicted, but all wait for the one with most spikes.
template <class R, int Block, int Vectors, int Taps, int Steps, Walk How>
void walk_steps(const ColumnWalk<R>& conv, const SpikeRows& in, std::size_t lane, std::size_t first,
                R gain, bool add, const Currents<R>& out) {
  constexpr std::size_t row = static_cast<std::size_t>(Taps) * Block;  // of weights
  constexpr std::size_t word_size = (How == Walk::fours ? rows_of_fours : rows_of_ones) * row;
  constexpr int wide = wide_of<R, Block>;
  using V = typename Some<R, wide>::type;
  V sum[Steps][Taps][Vectors];
  for (auto& step : sum) {
    for (auto& tap : step) {
      for (auto& v : tap) {
        v = V{};
      }
    }
  }
  const std::size_t step_size = out.width * Block;
  R* const outputs = out.at + first * step_size + lane;
  const std::size_t columns = in.width, step_words = conv.words * columns;
  const std::size_t step_codes = step_words * places_of_codes;
  std::size_t base = conv.left / conv.stride;
  std::size_t phase = conv.left % conv.stride;
  // The last column is followed by as many empty ones as it takes to complete all outputs.
  const std::size_t last = base + (phase + columns + conv.stride - 1) / conv.stride + Taps - 1;
  for (std::size_t x = 0; base < last; ++x) {
    if (x < columns && phase < conv.phases) {
      const R* weights = conv.weights + phase * conv.words * word_size + lane;
      const std::uint64_t* column = conv.packed + first * step_words + x;
      for (std::size_t w = 0; w < conv.words; ++w, weights += word_size, column += columns) {
        std::uint64_t word[Steps];
        std::uint64_t any = 0;
        const std::uint8_t* code =
            How == Walk::sizes ? conv.codes + (column - conv.packed) * places_of_codes : nullptr;
#pragma GCC unroll 4
        for (std::size_t q = 0; q < Steps; ++q) {
          word[q] = column[q * step_words];
          any |= word[q];
        }
        while (any != 0) {
          any = 0;
#pragma GCC unroll 4
          for (int q = 0; q < Steps; ++q) {
            const std::size_t at = next_row<How == Walk::fours>(word[q]);
            const R* from = weights + at * row;
            const R size = How == Walk::sizes ? conv.gains[code[q * step_codes + at]] : R{1};
#pragma GCC unroll 8
            for (int tap = 0; tap < Taps; ++tap) {
#pragma GCC unroll 4
              for (int k = 0; k < Vectors; ++k) {
                const V v = load_some<V>(from + tap * Block + k * wide);
                sum[q][tap][k] += How == Walk::sizes ? v * size : v;
              }
            }
            any |= word[q];
          }
        }
      }
    }
    if (++phase < conv.stride && x + 1 < columns) {
      continue;
    }
    phase = 0;
    // No later column reaches this output.
    const std::size_t done = base++ - (Taps - 1);
    if (done < out.width) {
#pragma GCC unroll 4
      for (int q = 0; q < Steps; ++q) {
        R* to = outputs + static_cast<std::size_t>(q) * step_size + done * Block;
#pragma GCC unroll 4
        for (int k = 0; k < Vectors; ++k) {
          const V v = sum[q][Taps - 1][k] * gain;
          store_some(to + k * wide, add ? load_some<V>(to + k * wide) + v : v);
        }
      }
    }
#pragma GCC unroll 4
    for (int q = 0; q < Steps; ++q) {
#pragma GCC unroll 8
      for (int tap = Taps - 1; tap > 0; --tap) {
#pragma GCC unroll 4
        for (int k = 0; k < Vectors; ++k) {
          sum[q][tap][k] = sum[q][tap - 1][k];
        }
      }
#pragma GCC unroll 4
      for (int k = 0; k < Vectors; ++k) {
        sum[q][0][k] = V{};
      }
    }
  }
}

// Outputs that no column reaches.
template <class R>
void clear_unreached(const ColumnWalk<R>& conv, const SpikeRows& in, const Currents<R>& out) {
  const std::size_t first = conv.left / conv.stride;
  const std::size_t begin = first < conv.taps ? 0 : first - (conv.taps - 1);
  const std::size_t end = (conv.left + in.width - 1) / conv.stride + 1;
  for (std::size_t t = 0; t < out.steps; ++t) {
    R* row = out.at + t * out.step();
    for (std::size_t x = 0; x < out.width; ++x) {
      if (x < begin || x >= end) {
        std::fill_n(row + x * out.pixel, out.block, R{});
      }
    }
  }
}

template <class R, int Block, int Vectors, int Taps, int Steps, Walk How>
void walk_some(const ColumnWalk<R>& conv, const SpikeRows& in, std::size_t first, R gain, bool add,
               const Currents<R>& out) {
  for (std::size_t lane = 0; lane < Block; lane += Vectors * wide_of<R, Block>) {
    walk_steps<R, Block, Vectors, Taps, Steps, How>(conv, in, lane, first, gain, add, out);
  }
}

// As many vectors together as their sums fit into registers, and as many steps as it takes to keep
// several additions in flight; more, if they are long enough that shared branches pay.
template <class R, int Block, int Taps, Walk How>
void walk_block(const ColumnWalk<R>& conv, const SpikeRows& in, R gain, bool add,
                const Currents<R>& out) {
  constexpr int most = (vector_bytes == 64 ? 16 : 8) / Taps;
  constexpr int whole = Block / wide_of<R, Block>;
  constexpr int vectors = whole >= 4 && most >= 4 ? 4 : whole >= 2 && most >= 2 ? 2 : 1;
  constexpr int fitting = most / vectors;
  constexpr int useful =
      How == Walk::fours ? fitting : std::min(fitting, (5 + Taps * vectors) / (Taps * vectors));
  constexpr int steps = useful >= 4 ? 4 : useful >= 2 ? 2 : 1;
  std::size_t first = 0;
  for (; first + steps <= out.steps; first += steps) {
    walk_some<R, Block, vectors, Taps, steps, How>(conv, in, first, gain, add, out);
  }
  for (; steps > 1 && first < out.steps; ++first) {
    walk_some<R, Block, vectors, Taps, 1, How>(conv, in, first, gain, add, out);
  }
}

template <class R, int Taps, Walk How>
void walk_taps(const ColumnWalk<R>& conv, const SpikeRows& in, R gain, bool add,
               const Currents<R>& out) {
  switch (out.block) {
    case 16:
      return walk_block<R, 16, Taps, How>(conv, in, gain, add, out);
    case 32:
      return walk_block<R, 32, Taps, How>(conv, in, gain, add, out);
    default:
      return walk_block<R, 64, Taps, How>(conv, in, gain, add, out);
  }
}

template <class R, Walk How>
void walk_rows(const ColumnWalk<R>& conv, const SpikeRows& in, R gain, bool add,
               const Currents<R>& out) {
  switch (conv.taps) {
    case 1:
      return walk_taps<R, 1, How>(conv, in, gain, add, out);
    case 2:
      return walk_taps<R, 2, How>(conv, in, gain, add, out);
    case 3:
      return walk_taps<R, 3, How>(conv, in, gain, add, out);
    default:
      return walk_taps<R, 5, How>(conv, in, gain, add, out);
  }
}

template <class R>
void walk(const ColumnWalk<R>& conv, const SpikeRows& in, R gain, bool add,
          const Currents<R>& out) {
  if (!add) {
    clear_unreached(conv, in, out);
  }
  pack(conv, in, out.steps);
  if constexpr (std::is_integral_v<R>) {
    if (conv.fours) {
      return walk_rows<R, Walk::fours>(conv, in, gain, add, out);
    }
  } else if (in.planes > 1) {
    return walk_rows<R, Walk::sizes>(conv, in, gain, add, out);
  }
  walk_rows<R, Walk::ones>(conv, in, gain, add, out);
}

// Calls f(x, channel) for each spike of a row at step q, channels [first, first + count).
template <class F>
SPIKELET_INLINE void each_spike(const std::uint8_t* row, const SpikeRows& in, std::size_t q,
                                std::size_t first, std::size_t count, F&& f) {
  for (std::size_t x = 0; x < in.width; ++x) {
    const std::uint8_t* pixel = row + q * in.row_bytes + x * in.pixel_bytes;
    for (std::size_t part = first / 64; 64 * part < first + count; ++part) {
      std::uint64_t word = load_word<std::uint64_t>(pixel + 8 * part);
      const std::size_t c = 64 * part;
      if (c < first) {
        word &= ~std::uint64_t{0} << (first - c);
      }
      if (c + 64 > first + count) {
        word &= ~std::uint64_t{0} >> (c + 64 - first - count);
      }
      for (; word != 0; word &= word - 1) {
        f(x, c + static_cast<std::size_t>(__builtin_ctzll(word)));
      }
    }
  }
}

// The 16 bits of 16 channels, as vectors of ones and zeros of a mask.
template <class R>
SPIKELET_INLINE Vec<R> where_bits(std::uint32_t bits, int group, Vec<R> value) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  return select(static_cast<Which<R>>(bits >> (group * lanes<R>)), value, Vec<R>{});
#else
  using I = std::conditional_t<sizeof(R) == 4, std::int32_t, std::int64_t>;
  Mask<R> lane_bit;
  for (int k = 0; k < lanes<R>; ++k) {
    lane_bit[k] = I{1} << k;
  }
  const Mask<R> all = Mask<R>{} + static_cast<I>(bits >> (group * lanes<R>));
  return (all & lane_bit) != 0 ? value : Vec<R>{};
#endif
}

// sum + value for the lanes whose bits are set.
template <class R>
SPIKELET_INLINE Vec<R> add_where_bits(Vec<R> sum, std::uint32_t bits, int group, Vec<R> value) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  return select(static_cast<Which<R>>(bits >> (group * lanes<R>)), sum + value, sum);
#else
  using I = std::conditional_t<sizeof(R) == 4, std::int32_t, std::int64_t>;
  Mask<R> lane_bit;
  for (int k = 0; k < lanes<R>; ++k) {
    lane_bit[k] = I{1} << k;
  }
  const Mask<R> all = Mask<R>{} + static_cast<I>(bits >> (group * lanes<R>));
  return (all & lane_bit) != 0 ? sum + value : sum;
#endif
}

// Each output sees only its own channel, so 16 channels are added at once, whether they spike or
// not. `Width`: that of the kernel, or 0 if any.
template <class R, std::size_t Width>
void depthwise_spikes(const Scatter<R>& conv, const SpikeRows& in, R gain, bool add,
                      const Currents<R>& out) {
  constexpr int vectors = 16 / lanes<R>;
  const std::size_t kernel = Width > 0 ? Width : conv.kernel_width;
  const std::size_t pixel_bytes = in.pixel_bytes, left = conv.left, dilation = conv.dilation;
  const std::size_t next = dilation * pixel_bytes;
  for (std::size_t q = 0; q < out.steps; ++q) {
    for (std::size_t c = 0; c < out.block; c += 16) {
      R* to = out.at + q * out.step() + c;
      for (std::size_t x = 0; x < out.width; ++x, to += out.pixel) {
        // The kernel's columns that lie in the input.
        const std::size_t at = x * conv.stride;
        const std::size_t begin = at >= left ? 0 : (left - at + dilation - 1) / dilation;
        const std::size_t room = left + in.width;
        const std::size_t fitting = at >= room ? 0 : (room - at + dilation - 1) / dilation;
        const std::size_t end = std::min(kernel, fitting);
        const std::size_t offset = q * in.row_bytes + (at + begin * dilation - left) * pixel_bytes +
                                   (conv.first_out + c) / 8;
        Vec<R> sum[vectors];
        for (int g = 0; g < vectors; ++g) {
          sum[g] = add ? load(to + g * lanes<R>) : Vec<R>{};
        }
        const auto see = [&](const std::uint8_t* pixel,
                             const R* weights) __attribute__((always_inline)) {
          const auto bits = static_cast<std::uint32_t>(load_word<std::uint16_t>(pixel));
          for (int g = 0; g < vectors; ++g) {
            sum[g] = add_where_bits<R>(sum[g], bits, g, load(weights + g * lanes<R>) * gain);
          }
        };
        const R* weights = conv.weights + c;
        for (std::size_t ky = 0; ky < conv.kernel_height; ++ky, weights += kernel * out.block) {
          const std::uint8_t* pixel = in.rows[ky] + offset;
          if (Width > 0 && begin == 0 && end == Width) {
#pragma GCC unroll 8
            for (std::size_t kx = 0; kx < Width; ++kx) {
              see(pixel + kx * next, weights + kx * out.block);
            }
          } else {
            for (std::size_t kx = begin; kx < end; ++kx, pixel += next) {
              see(pixel, weights + kx * out.block);
            }
          }
        }
        for (int g = 0; g < vectors; ++g) {
          store(to + g * lanes<R>, sum[g]);
        }
      }
    }
  }
}

template <class R>
void scatter_spikes(const Scatter<R>& conv, const SpikeRows& in, R gain, bool add,
                    const Currents<R>& out) {
  if (conv.is_depthwise()) {
    switch (conv.kernel_width) {
      case 3:
        return depthwise_spikes<R, 3>(conv, in, gain, add, out);
      case 5:
        return depthwise_spikes<R, 5>(conv, in, gain, add, out);
      default:
        return depthwise_spikes<R, 0>(conv, in, gain, add, out);
    }
  }
  if (!add) {
    std::fill_n(out.at, out.steps * out.step(), R{});
  }
  const std::size_t last_out = conv.first_out + out.block;
  const std::size_t first_group = conv.first_out / conv.out_group;
  const std::size_t groups = in.channels / conv.in_group;
  const std::size_t end_group = std::min(groups, (last_out + conv.out_group - 1) / conv.out_group);
  if (first_group >= end_group) {
    return;
  }
  for (std::size_t q = 0; q < out.steps; ++q) {
    R* currents = out.at + q * out.step();
    for (std::size_t ky = 0; ky < conv.kernel_height; ++ky) {
      const auto spike = [&](std::size_t x, std::size_t channel) {
        const std::size_t group = channel / conv.in_group;
        const std::size_t begin = std::max(group * conv.out_group, conv.first_out) - conv.first_out;
        const std::size_t end = std::min((group + 1) * conv.out_group, last_out) - conv.first_out;
        for (std::size_t kx = 0; kx < conv.kernel_width; ++kx) {
          const std::size_t at = x + conv.left;
          if (at < kx * conv.dilation || (at - kx * conv.dilation) % conv.stride != 0) {
            continue;
          }
          const std::size_t ox = (at - kx * conv.dilation) / conv.stride;
          if (ox >= out.width) {
            continue;
          }
          const R* w =
              conv.weights + ((ky * conv.kernel_width + kx) * in.channels + channel) * out.block;
          R* to = currents + ox * out.pixel;
          for (std::size_t c = begin; c < end; ++c) {
            to[c] += gain * w[c];
          }
        }
      };
      each_spike(in.rows[ky], in, q, first_group * conv.in_group,
                 (end_group - first_group) * conv.in_group, spike);
    }
  }
}

template <class R>
void copy_spikes(const R* weight, const SpikeRows& in, R gain, bool add, const Currents<R>& out) {
  for (std::size_t c = 0; c < out.block; c += channel_unit) {
    if constexpr (sizeof(R) == 2) {
      using V = typename Some<R, 16>::type;
      V lane_bit;
      for (int k = 0; k < 16; ++k) {
        lane_bit[k] = static_cast<R>(1u << k);
      }
      const V w = load_some<V>(weight + c) * gain;
      for (std::size_t q = 0; q < out.steps; ++q) {
        const std::uint8_t* pixel = in.rows[0] + q * in.row_bytes + c / 8;
        R* to = out.at + q * out.step() + c;
        for (std::size_t x = 0; x < out.width; ++x, pixel += in.pixel_bytes, to += out.pixel) {
          const V all = V{} + static_cast<R>(load_word<std::uint16_t>(pixel));
          const V v = w & ((all & lane_bit) == lane_bit);
          store_some(to, add ? load_some<V>(to) + v : v);
        }
      }
    } else {
      constexpr int vectors = 16 / lanes<R>;
      Vec<R> w[vectors];
      for (int g = 0; g < vectors; ++g) {
        w[g] = load(weight + c + static_cast<std::size_t>(g * lanes<R>)) * gain;
      }
      for (std::size_t q = 0; q < out.steps; ++q) {
        const std::uint8_t* pixel = in.rows[0] + q * in.row_bytes + c / 8;
        R* to = out.at + q * out.step() + c;
        for (std::size_t x = 0; x < out.width; ++x, pixel += in.pixel_bytes, to += out.pixel) {
          const auto bits = static_cast<std::uint32_t>(load_word<std::uint16_t>(pixel));
          for (int g = 0; g < vectors; ++g) {
            R* at = to + g * lanes<R>;
            const Vec<R> v = where_bits<R>(bits, g, w[g]);
            store(at, add ? load(at) + v : v);
          }
        }
      }
    }
  }
}

inline std::uint64_t population(const std::uint8_t* bytes, std::size_t n, std::size_t stride,
                                std::size_t times) {
  std::uint64_t sum = 0;
  for (std::size_t k = 0; k < times; ++k, bytes += stride) {
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      sum += static_cast<std::uint64_t>(__builtin_popcountll(load_word<std::uint64_t>(bytes + i)));
    }
    for (; i + 2 <= n; i += 2) {
      sum += static_cast<std::uint64_t>(__builtin_popcountll(load_word<std::uint16_t>(bytes + i)));
    }
  }
  return sum;
}

template <class R>
void tally_spikes(const SpikeRows& in, std::size_t steps, R gain, R* sums, std::size_t pixel_size) {
  const Vec<R> one = broadcast(gain);
  for (std::size_t x = 0; x < in.width; ++x) {
    for (std::size_t c = 0; c < in.channels; c += channel_unit) {
      Vec<R> sum[16 / lanes<R>];
      for (int g = 0; g < 16 / lanes<R>; ++g) {
        sum[g] = load(sums + x * pixel_size + c + static_cast<std::size_t>(g * lanes<R>));
      }
      for (std::size_t q = 0; q < steps; ++q) {
        const auto bits = static_cast<std::uint32_t>(
            load_word<std::uint16_t>(in.rows[0] + q * in.row_bytes + x * in.pixel_bytes + c / 8));
        for (int g = 0; g < 16 / lanes<R>; ++g) {
          sum[g] += where_bits<R>(bits, g, one);
        }
      }
      for (int g = 0; g < 16 / lanes<R>; ++g) {
        store(sums + x * pixel_size + c + static_cast<std::size_t>(g * lanes<R>), sum[g]);
      }
    }
  }
}

}  // namespace spikelet::layers::SPIKELET_LEVEL
