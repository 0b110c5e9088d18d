// Sums of rows of weights for sparse inputs. Included only by train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

template <class R>
std::size_t count(const R* x, std::size_t n, R& finite) {
  std::size_t number = 0;
  Vec<R> rest{};  // x - x is NaN where x is not finite
  std::size_t i = 0;
  for (; i + lanes<R> <= n; i += lanes<R>) {
    const Vec<R> v = load(x + i);
    number += static_cast<std::size_t>(__builtin_popcountll(bits<R>(v != Vec<R>{})));
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

// Takes eight bits at a time: a branch for each would be mispredicted.
template <class R>
std::size_t find(const R* x, std::size_t n, std::uint32_t* index) {
  std::uint32_t* next = index;
  std::size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    std::uint64_t which = 0;
    for (int k = 0; k < 64; k += lanes<R>) {
      which |= bits<R>(load(x + i + k) != Vec<R>{}) << k;
    }
    std::uint32_t* const end = next + __builtin_popcountll(which);
    while (next < end) {
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) {
        // If no bit is left, the result is not used; the added bit keeps it defined.
        next[k] = static_cast<std::uint32_t>(i) +
                  static_cast<std::uint32_t>(__builtin_ctzll(which | (std::uint64_t{1} << 63)));
        which &= which - 1;
      }
      next += 8;
    }
    next = end;
  }
  for (; i < n; ++i) {
    *next = static_cast<std::uint32_t>(i);
    next += x[i] != 0;
  }
  return static_cast<std::size_t>(next - index);
}

// Enough sums in registers to hide the latency of an addition.
inline constexpr std::size_t items_at_once = 9;

template <class R, std::size_t N>
SPIKELET_INLINE void gather_some(const Events<R>& events, const std::ptrdiff_t* from_at,
                                 const std::ptrdiff_t* to_at, const R* from, const R* start,
                                 R* to) {
  Vec<R> sum[N];
#pragma GCC unroll 9
  for (std::size_t k = 0; k < N; ++k) {
    sum[k] = load(start + to_at[k]);
  }
  for (std::size_t e = 0; e < events.number; ++e) {
    const R* base = from + events.at[e];
    const Vec<R> value = broadcast(events.value[e]);
#pragma GCC unroll 9
    for (std::size_t k = 0; k < N; ++k) {
      sum[k] += value * load(base + from_at[k]);
    }
  }
#pragma GCC unroll 9
  for (std::size_t k = 0; k < N; ++k) {
    store(to + to_at[k], sum[k]);
  }
}

// Calls some(N, first) for groups of at most items_at_once items.
template <class Some>
SPIKELET_INLINE void in_groups(std::size_t number, Some&& some) {
  std::size_t k = 0;
  for (; k + items_at_once <= number; k += items_at_once) {
    some(std::integral_constant<std::size_t, items_at_once>{}, k);
  }
  switch (number - k) {
    case 8:
      return some(std::integral_constant<std::size_t, 8>{}, k);
    case 7:
      return some(std::integral_constant<std::size_t, 7>{}, k);
    case 6:
      return some(std::integral_constant<std::size_t, 6>{}, k);
    case 5:
      return some(std::integral_constant<std::size_t, 5>{}, k);
    case 4:
      return some(std::integral_constant<std::size_t, 4>{}, k);
    case 3:
      return some(std::integral_constant<std::size_t, 3>{}, k);
    case 2:
      return some(std::integral_constant<std::size_t, 2>{}, k);
    case 1:
      return some(std::integral_constant<std::size_t, 1>{}, k);
    default:
      return;
  }
}

template <class R>
void gather(const Events<R>& events, const Items& items, const R* from, const R* start, R* to) {
  in_groups(items.number, [&](auto n, std::size_t k) {
    gather_some<R, n()>(events, items.from + k, items.to + k, from, start, to);
  });
}

inline constexpr std::size_t most_lines = vector_bytes == 16 ? 2 : 4;

// Calls some(lines, whether all values are 1), as constants.
template <class R, class Some>
SPIKELET_INLINE void with_lines(const Slices<R>& windows, std::size_t lines, Some&& some) {
  const auto of = [&](auto n) {
    if (windows.value == nullptr) {
      some(n, std::true_type{});
    } else {
      some(n, std::false_type{});
    }
  };
  switch (lines) {
    case 1:
      return of(std::integral_constant<std::size_t, 1>{});
    case 2:
      return of(std::integral_constant<std::size_t, 2>{});
    case 3:
      return of(std::integral_constant<std::size_t, 3>{});
    default:
      return of(std::integral_constant<std::size_t, 4>{});
  }
}

template <class R, std::size_t Lines, bool Ones>
SPIKELET_INLINE void gather_lines(const Slices<R>& windows, const R* rows, R* to,
                                  std::size_t step) {
  constexpr std::size_t width = 64 / sizeof(R) * Lines;
  constexpr std::size_t N = width / lanes<R>;
  for (std::size_t k = 0; k < windows.number; ++k, to += step) {
    const Slice w = windows.window[k];
    const std::uint32_t end = windows.ends[w.last];
    std::uint32_t e = windows.ends[w.first];
    if (e == end) {
      continue;
    }
    const R* base = rows + w.base * static_cast<std::ptrdiff_t>(width);
    Vec<R> sum[N];
#pragma GCC unroll 16
    for (std::size_t v = 0; v < N; ++v) {
      sum[v] = load(to + v * lanes<R>);
    }
    for (; e < end; ++e) {
      const R* row = base + std::size_t{windows.at[e]} * width;
      [[maybe_unused]] Vec<R> value;
      if constexpr (!Ones) {
        value = broadcast(windows.value[e]);
      }
#pragma GCC unroll 16
      for (std::size_t v = 0; v < N; ++v) {
        if constexpr (Ones) {
          sum[v] += load(row + v * lanes<R>);
        } else {
          sum[v] += value * load(row + v * lanes<R>);
        }
      }
    }
#pragma GCC unroll 16
    for (std::size_t v = 0; v < N; ++v) {
      store(to + v * lanes<R>, sum[v]);
    }
  }
}

template <class R>
void gather_windows(const Slices<R>& windows, const R* rows, std::size_t lines, R* to,
                    std::size_t step) {
  with_lines(windows, lines,
             [&](auto n, auto ones) { gather_lines<R, n(), ones()>(windows, rows, to, step); });
}

template <class R>
void sum_rows(const R* x, std::size_t rows, std::size_t pitch, std::size_t n, R* sums) {
  std::size_t i = 0;
  for (; i + lanes<R> <= n; i += lanes<R>) {
    Vec<R> sum{};
    for (std::size_t r = 0; r < rows; ++r) {
      sum += load(x + r * pitch + i);
    }
    store(sums + i, sum);
  }
  for (; i < n; ++i) {
    R sum = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      sum += x[r * pitch + i];
    }
    sums[i] = sum;
  }
}

}  // namespace spikelet::train::SPIKELET_LEVEL
