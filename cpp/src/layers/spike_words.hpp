// The spikes that an output row sees, gathered into words: a column has one word for each 64 of its
// bits. Included only by layers/kernels.cpp.
namespace spikelet::layers::SPIKELET_LEVEL {

template <class T>
SPIKELET_INLINE std::uint64_t load_word(const std::uint8_t* p) {
  T word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}

// Index of the lowest set bit, 64 if there is none.
SPIKELET_INLINE std::size_t lowest_bit(std::uint64_t word) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES > 16
  return _tzcnt_u64(word);
#else
  return static_cast<std::size_t>(std::countr_zero(word));
#endif
}

// Gathers the words of all columns and steps. The walk then need not know how kernel rows make up a
// word.
template <int RowsAWord>
void pack_rows(const SpikeRows& in, std::size_t words, std::size_t parts, std::size_t steps,
               std::uint64_t* out) {
  using T = std::conditional_t<(RowsAWord >= 3), std::uint16_t,
                               std::conditional_t<RowsAWord == 2, std::uint32_t, std::uint64_t>>;
  for (std::size_t q = 0; q < steps; ++q) {
    for (std::size_t w = 0; w < words; ++w, out += in.width) {
      const std::size_t first_row = RowsAWord == 1 ? w / parts : RowsAWord * w;
      const std::size_t part = RowsAWord == 1 ? w % parts : 0;
      const std::uint8_t* rows[RowsAWord];
      for (std::size_t k = 0; k < RowsAWord; ++k) {
        rows[k] = in.rows[first_row + k] + q * in.row_bytes + 8 * part;
      }
      if constexpr (RowsAWord == 1) {
        // Beyond the last channel are the bits of the next pixel.
        const std::size_t left = in.channels - 64 * part;
        const std::uint64_t mask = left >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << left) - 1;
        for (std::size_t x = 0; x < in.width; ++x) {
          out[x] = load_word<T>(rows[0] + x * in.pixel_bytes) & mask;
        }
      } else {
        for (std::size_t x = 0; x < in.width; ++x) {
          std::uint64_t word = 0;
          for (std::size_t k = 0; k < RowsAWord; ++k) {
            word |= load_word<T>(rows[k] + x * sizeof(T)) << (8 * sizeof(T) * k);
          }
          out[x] = word;
        }
      }
    }
  }
}

template <class R>
void pack_plane(const ColumnWalk<R>& conv, const SpikeRows& in, std::size_t steps,
                std::uint64_t* to) {
  switch (conv.rows_a_word) {
    case 4:
      return pack_rows<4>(in, conv.words, conv.parts, steps, to);
    case 3:
      return pack_rows<3>(in, conv.words, conv.parts, steps, to);
    case 2:
      return pack_rows<2>(in, conv.words, conv.parts, steps, to);
    default:
      return pack_rows<1>(in, conv.words, conv.parts, steps, to);
  }
}

// Of several planes, a word has the spikes of all, and the codes say which plane each is of.
template <class R>
void pack(const ColumnWalk<R>& conv, const SpikeRows& in, std::size_t steps) {
  const std::size_t size = steps * conv.words * in.width;
  SpikeRows plane = in;
  for (std::size_t p = 0; p < in.planes; ++p, plane.rows += in.plane_rows) {
    pack_plane(conv, plane, steps, conv.packed + p * size);
  }
  for (std::size_t i = 0; in.planes > 1 && i < size; ++i) {
    std::uint8_t* const codes = conv.codes + i * places_of_codes;
    std::uint64_t any = conv.packed[i];
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
    __m512i code = _mm512_setzero_si512();
    for (std::size_t p = 1; p < in.planes; ++p) {
      const std::uint64_t word = conv.packed[p * size + i];
      any |= word;
      code = _mm512_mask_mov_epi8(code, word, _mm512_set1_epi8(static_cast<char>(p)));
    }
    _mm512_storeu_si512(codes, code);
    std::fill(codes + 64, codes + places_of_codes, std::uint8_t{0});
#else
    std::fill_n(codes, places_of_codes, std::uint8_t{0});
    for (std::size_t p = 1; p < in.planes; ++p) {
      std::uint64_t word = conv.packed[p * size + i];
      any |= word;
      for (; word != 0; word &= word - 1) {
        codes[lowest_bit(word)] = static_cast<std::uint8_t>(p);
      }
    }
#endif
    conv.packed[i] = any;
  }
}

}  // namespace spikelet::layers::SPIKELET_LEVEL
