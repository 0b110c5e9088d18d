// A row of windows of a pool, and its gradient. Included only by train/kernels.cpp.

namespace spikelet::train::SPIKELET_LEVEL {

// Numbers of places, one byte per lane.
template <class R>
SPIKELET_INLINE Mask<R> load_places(const std::uint8_t* p, std::size_t count) {
  std::uint8_t bytes[lanes<R>] = {};
  __builtin_memcpy(bytes, p, count);
  typedef std::uint8_t Narrow __attribute__((vector_size(lanes<R>)));
  Narrow narrow;
  __builtin_memcpy(&narrow, bytes, sizeof narrow);
  return __builtin_convertvector(narrow, Mask<R>);
}
template <class R>
SPIKELET_INLINE void store_places(std::uint8_t* p, Mask<R> places, std::size_t count) {
  typedef std::uint8_t Narrow __attribute__((vector_size(lanes<R>)));
  const Narrow narrow = __builtin_convertvector(places, Narrow);
  __builtin_memcpy(p, &narrow, count);
}

// Calls part(window, channel, whole) for vectors of channels of all windows of a row; `whole` says
// whether all lanes are channels.
template <class R, class Part>
SPIKELET_INLINE void over_windows(const PoolRow& row, Part&& part) {
  for (std::size_t window = 0; window < row.windows; ++window) {
    std::size_t c = 0;
    for (; c + lanes<R> <= row.channels; c += lanes<R>) {
      part(window, c, std::true_type{});
    }
    if (c < row.channels) {
      part(window, c, std::false_type{});
    }
  }
}

template <class R, bool Whole>
SPIKELET_INLINE Vec<R> get(const R* p, std::size_t count) {
  if constexpr (Whole) {
    return load(p);
  } else {
    return load_part(p, count);
  }
}
template <bool Whole, class R>
SPIKELET_INLINE void put(R* p, Vec<R> v, std::size_t count) {
  if constexpr (Whole) {
    store(p, v);
  } else {
    store_part(p, v, count);
  }
}

// Calls place(number, distance from the window's first) for the places of a window.
template <class Place>
SPIKELET_INLINE void over_places(const PoolRow& row, Place&& place) {
  std::int32_t number = 0;
  for (std::size_t y = 0; y < row.height; ++y) {
    for (std::size_t x = 0; x < row.width; ++x) {
      place(number++, y * row.pitch + x * row.channels);
    }
  }
}

template <class R>
void max_row(const PoolRow& row, const R* x, R* y, std::uint8_t* place) {
  over_windows<R>(row, [&](std::size_t window, std::size_t c, auto whole) {
    const std::size_t count = whole ? lanes<R> : row.channels - c;
    const R* const from = x + window * row.width * row.channels + c;
    Vec<R> best = get<R, whole()>(from, count);
    Mask<R> at{};
    over_places(row, [&](std::int32_t number, std::size_t distance) {
      const Vec<R> value = get<R, whole()>(from + distance, count);
      const Mask<R> better = (value > best) | (value != value);
      best = better ? value : best;
      at = better ? Mask<R>{} + number : at;
    });
    const std::size_t out = window * row.channels + c;
    put<whole()>(y + out, best, count);
    store_places<R>(place + out, at, count);
  });
}

template <class R>
void spread_row(const PoolRow& row, const R* by_y, const std::uint8_t* place, R* by_x) {
  over_windows<R>(row, [&](std::size_t window, std::size_t c, auto whole) {
    const std::size_t count = whole ? lanes<R> : row.channels - c;
    const std::size_t out = window * row.channels + c;
    const Vec<R> value = get<R, whole()>(by_y + out, count);
    const Mask<R> at = load_places<R>(place + out, count);
    R* const to = by_x + window * row.width * row.channels + c;
    over_places(row, [&](std::int32_t number, std::size_t distance) {
      put<whole()>(to + distance, at == number ? value : Vec<R>{}, count);
    });
  });
}

}  // namespace spikelet::train::SPIKELET_LEVEL
