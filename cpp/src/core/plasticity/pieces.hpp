// Pieces of rows of synapses, copied to one place. Short rows are taken together.

namespace spikelet::SPIKELET_LEVEL {

inline constexpr std::size_t replayed_together = 512, pieces_together = 16;

// Synapses of one row, from `begin` of the row on; their places begin at a whole vector.
template <class R>
struct Piece {
  const ReplayedRow<R>* row;
  std::size_t number;  // of the row
  std::size_t begin;
  std::size_t first, n;
  // Whether vectors of its targets may lie close together: in sparse rows, few do.
  bool close;
};

template <class R>
struct Pieces {
  static constexpr std::size_t room = replayed_together + lanes<R>;
  std::array<Piece<R>, pieces_together> piece;
  std::size_t count;
  alignas(64) R weight[room];
  alignas(64) R own[room];  // if rows have some
  alignas(64) std::uint16_t target[room];
  alignas(64) std::uint16_t dendritic[room];  // if rows have some

  std::size_t end() const { return piece[count - 1].first + piece[count - 1].n; }  // of places
};

// For a few dozen values, where a call or a string instruction costs as much as the copy.
template <class T>
SPIKELET_INLINE void copy_values(const T* from, std::size_t n, T* to) {
  constexpr std::size_t width = vector_bytes / sizeof(T);
  if (n >= width) {
    for (std::size_t k = 0; k + width < n; k += width) {
      __builtin_memcpy(to + k, from + k, vector_bytes);
      __asm__("" : : : "memory");
    }
    __builtin_memcpy(to + n - width, from + n - width, vector_bytes);
    return;
  }
  for (std::size_t k = 0; k < n; ++k) {
    to[k] = from[k];
    __asm__("" : : : "memory");
  }
}

// The first `count` values of a vector, 1 or more of them; the others are read as 0, and stay.
template <class R>
SPIKELET_INLINE Vec<R> load_some(const R* p, std::size_t count) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    return reinterpret_cast<Vec<R>>(
        _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1u), p));
  } else {
    return reinterpret_cast<Vec<R>>(
        _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1u), p));
  }
#else
  if (count >= lanes<R>) {
    return load(p);
  }
  Vec<R> v{};
  for (int k = 0; k < lanes<R> - 1; ++k) {
    v[k] = static_cast<std::size_t>(k) < count ? p[k] : R(0);
  }
  return v;
#endif
}
template <class R>
SPIKELET_INLINE void store_some(R* p, Vec<R> v, std::size_t count) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  if constexpr (sizeof(R) == 4) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1u),
                          reinterpret_cast<__m512>(v));
  } else {
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1u),
                          reinterpret_cast<__m512d>(v));
  }
#else
  if (count >= lanes<R>) {
    store(p, v);
    return;
  }
  for (int k = 0; k < lanes<R> - 1; ++k) {
    if (static_cast<std::size_t>(k) < count) {
      p[k] = v[k];
    }
  }
#endif
}
// The first `count` targets of a vector of synapses; the others are the last of them.
template <class R>
SPIKELET_INLINE void load_targets(const std::uint16_t* from, std::size_t count, std::uint16_t* to) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  const auto which = static_cast<__mmask32>((1u << count) - 1u);
  if constexpr (sizeof(R) == 4) {
    _mm256_storeu_si256(
        reinterpret_cast<__m256i*>(to),
        _mm256_mask_loadu_epi16(_mm256_set1_epi16(static_cast<short>(from[count - 1])),
                                static_cast<__mmask16>(which), from));
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                     _mm_mask_loadu_epi16(_mm_set1_epi16(static_cast<short>(from[count - 1])),
                                          static_cast<__mmask8>(which), from));
  }
#else
  if (count >= lanes<R>) {
    __builtin_memcpy(to, from, lanes<R> * sizeof(std::uint16_t));
    return;
  }
  for (std::size_t k = 0; k < lanes<R>; ++k) {
    to[k] = from[std::min(k, count - 1)];
  }
#endif
}

// Where the k-th of n synapses is visited: fetches what comes next, now and then.
template <class R>
SPIKELET_INLINE void fetch_ahead(RowsAhead<R>* ahead, std::size_t n, std::size_t k) {
  if (k % RowsAhead<R>::block == 0 && ahead != nullptr) {
    ahead->advance(std::min(RowsAhead<R>::block, n - k));
  }
}

// Takes pieces of rows from `row` and its synapse `begin` on. row_of(k): row k.
template <class R, class RowOf>
SPIKELET_INLINE void take(std::size_t rows, RowOf&& row_of, std::size_t& row, std::size_t& begin,
                          Pieces<R>& part) {
  constexpr std::size_t width = lanes<R>;
  std::size_t used = 0;
  part.count = 0;
  while (row < rows && part.count < pieces_together && used < replayed_together) {
    const ReplayedRow<R>& from = row_of(row);
    const std::size_t left = from.n - begin, n = std::min(left, replayed_together - used);
    if (n < left && part.count > 0) {
      break;  // a row that fits into one part is not cut
    }
    // Places beyond the end; their target is close to those of the vector that they complete.
    const std::uint16_t close = n > 0 ? from.target[begin + n - 1] : std::uint16_t{0};
    for (std::size_t k = 0; k < width; ++k) {
      part.target[used + n + k] = close;
    }
    store(part.weight + used + n, Vec<R>{});
    copy_values(from.weight + begin, n, part.weight + used);
    copy_values(from.target + begin, n, part.target + used);
    if (from.own != nullptr) {
      store(part.own + used + n, Vec<R>{});
      copy_values(from.own + begin, n, part.own + used);
    }
    if (from.dendritic != nullptr) {
      for (std::size_t k = 0; k < width; ++k) {
        part.dendritic[used + n + k] = 0;
      }
      copy_values(from.dendritic + begin, n, part.dendritic + used);
    }
    const bool dense = n > 0 && static_cast<std::size_t>(close - from.target[begin]) < 2 * n;
    part.piece[part.count++] = {&from, row, begin, used, n, dense};
    used += (n + width - 1) / width * width;
    begin += n;
    if (begin == from.n) {
      begin = 0;
      ++row;
    }
  }
}
template <class R>
SPIKELET_INLINE void put_back(const Pieces<R>& part) {
  for (std::size_t p = 0; p < part.count; ++p) {
    const Piece<R>& piece = part.piece[p];
    copy_values(part.weight + piece.first, piece.n, piece.row->weight + piece.begin);
    if (piece.row->own != nullptr) {
      copy_values(part.own + piece.first, piece.n, piece.row->own + piece.begin);
    }
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
