// Sums of rows of weights for sparse inputs. Included only by train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

// Enough sums in registers to hide the latency of an addition.
inline constexpr std::size_t items_at_once = 9;

template <class R, std::size_t N, bool Ones>
SPIKELET_INLINE void gather_some(const ActiveInputs<R>& events, const R* from, std::size_t pitch,
                                 const R* start, R* to, bool streams) {
  Vec<R> sum[N];
#pragma GCC unroll 9
  for (std::size_t k = 0; k < N; ++k) {
    sum[k] = load(start + k * lanes<R>);
  }
  for (std::size_t e = 0; e < events.number; ++e) {
    const R* row = from + std::size_t{events.at[e]} * pitch;
    [[maybe_unused]] Vec<R> value;
    if constexpr (!Ones) {
      value = broadcast(events.value[e]);
    }
#pragma GCC unroll 9
    for (std::size_t k = 0; k < N; ++k) {
      if constexpr (Ones) {
        sum[k] += load(row + k * lanes<R>);
      } else {
        sum[k] += value * load(row + k * lanes<R>);
      }
    }
  }
  if (streams) {
#pragma GCC unroll 9
    for (std::size_t k = 0; k < N; ++k) {
      stream(to + k * lanes<R>, sum[k]);
    }
  } else {
#pragma GCC unroll 9
    for (std::size_t k = 0; k < N; ++k) {
      store(to + k * lanes<R>, sum[k]);
    }
  }
}

// Calls some(N, first) for groups of at most items_at_once vectors.
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
void gather(const ActiveInputs<R>& events, const R* from, std::size_t pitch, std::size_t width,
            const R* start, R* to, bool streams) {
  in_groups(width / lanes<R>, [&](auto n, std::size_t k) {
    k *= lanes<R>;
    if (events.value == nullptr) {
      gather_some<R, n(), true>(events, from + k, pitch, start + k, to + k, streams);
    } else {
      gather_some<R, n(), false>(events, from + k, pitch, start + k, to + k, streams);
    }
  });
}

template <class R, std::size_t N, bool Ones>
SPIKELET_INLINE void scatter_some(const ActiveInputs<R>& events, const R* from, R* to,
                                  std::size_t pitch) {
  Vec<R> add[N];
#pragma GCC unroll 9
  for (std::size_t k = 0; k < N; ++k) {
    add[k] = load(from + k * lanes<R>);
  }
  for (std::size_t e = 0; e < events.number; ++e) {
    R* row = to + std::size_t{events.at[e]} * pitch;
#pragma GCC unroll 9
    for (std::size_t k = 0; k < N; ++k) {
      if constexpr (Ones) {
        store(row + k * lanes<R>, load(row + k * lanes<R>) + add[k]);
      } else {
        store(row + k * lanes<R>, load(row + k * lanes<R>) + broadcast(events.value[e]) * add[k]);
      }
    }
  }
}

template <class R>
void scatter(const ActiveInputs<R>& events, const R* from, std::size_t width, R* to,
             std::size_t pitch) {
  in_groups(width / lanes<R>, [&](auto n, std::size_t k) {
    k *= lanes<R>;
    if (events.value == nullptr) {
      scatter_some<R, n(), true>(events, from + k, to + k, pitch);
    } else {
      scatter_some<R, n(), false>(events, from + k, to + k, pitch);
    }
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
