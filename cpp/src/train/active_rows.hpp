// The active inputs of sparse layers: their number and their places. Included only by
// train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

template <class R>
std::size_t count(const R* x, std::size_t n, R& finite) {
  std::size_t number = 0;
  Vec<R> rest{};  // x - x is NaN where x is not finite
  std::size_t i = 0;
  for (; i + lanes<R> <= n; i += lanes<R>) {
    const Vec<R> v = load(x + i);
    number += static_cast<std::size_t>(__builtin_popcountll(unequal(v, Vec<R>{})));
    rest += v - v;
  }
  for (int k = 0; k < lanes<R>; ++k) {
    finite += rest[k];
  }
  for (; i < n; ++i) {
    number += x[i] != 0;
    finite += x[i] - x[i];
  }
  return number;
}

inline std::size_t count_bytes(const std::uint8_t* x, std::size_t n) {
  std::size_t number = 0;
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    number += static_cast<std::size_t>(__builtin_popcountll(unequal_bytes(x + i, 0)));
  }
  for (; i < n; ++i) {
    number += x[i] != 0;
  }
  return number;
}

// active(p), other(p): one bit for each of 64 values from p that are not 0, and not 1.
template <class X, class Active, class Other>
SPIKELET_INLINE std::size_t find_with(const X* x, std::size_t n, std::uint32_t* index, bool& ones,
                                      Active&& active, Other&& other) {
  std::uint32_t* next = index;
  std::uint64_t rest = 0;
  const auto some = [&](const X* from, std::size_t i) {
    const std::uint64_t which = active(from);
    rest |= which & other(from);
    next = append_places(next, static_cast<std::uint32_t>(i), which);
  };
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    some(x + i, i);
  }
  if (i < n) {
    X last[64] = {};
    for (std::size_t k = 0; k < n - i; ++k) {
      last[k] = x[i + k];
    }
    some(last, i);
  }
  ones &= rest == 0;
  return static_cast<std::size_t>(next - index);
}

template <class R>
std::size_t find(const R* x, std::size_t n, std::uint32_t* index, bool& ones) {
  const auto unlike = [](R than) {
    return [than](const R* p) {
      std::uint64_t which = 0;
      for (int k = 0; k < 64; k += lanes<R>) {
        which |= unequal(load(p + k), broadcast(than)) << k;
      }
      return which;
    };
  };
  return find_with(x, n, index, ones, unlike(R(0)), unlike(R(1)));
}

inline std::size_t find_bytes(const std::uint8_t* x, std::size_t n, std::uint32_t* index,
                              bool& ones) {
  return find_with(
      x, n, index, ones, [](const std::uint8_t* p) { return unequal_bytes(p, 0); },
      [](const std::uint8_t* p) { return unequal_bytes(p, 1); });
}

}  // namespace spikelet::train::SPIKELET_LEVEL
