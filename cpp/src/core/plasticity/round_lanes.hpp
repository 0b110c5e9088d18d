// What the synapses of a round have, one after the other, and back to their places.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
SPIKELET_INLINE Vec<R> load_as(const R* p) {
  return load(p);
}
template <class R>
SPIKELET_INLINE Words<R> load_as(const std::int32_t* p) {
  return load_words<R>(p);
}
template <class R>
SPIKELET_INLINE void pack_as(std::uint32_t which, Vec<R> v, R* to) {
  pack(which, v, to);
}
template <class R>
SPIKELET_INLINE void pack_as(std::uint32_t which, Words<R> v, std::int32_t* to) {
  pack(which, v, reinterpret_cast<std::uint32_t*>(to));
}

template <class R>
SPIKELET_INLINE Vec<R> look_up_as(const R* values, const std::int32_t* place) {
  return look_up<R>(values, place);
}
template <class R>
SPIKELET_INLINE Words<R> look_up_as(const std::int32_t* values, const std::int32_t* place) {
  return look_up_words<R>(values, place);
}

// A loop of its own: joined with what uses the lanes, power-law rules are 5 % slower.
// T: R, or 32-bit integers. Beyond its end, `lanes_of` gets zeros or what some place has.
template <class R, class T>
SPIKELET_INLINE void read_lanes(const Rounds<R>& rounds, std::size_t age, const T* values,
                                T* lanes_of) {
  constexpr std::size_t width = lanes<R>;
  std::size_t size = rounds.size[age];
  if (packs_lanes && age < rounds.by_vector) {
    size = 0;
    const std::size_t end = rounds.part.end();
    for (std::size_t k = 0; k < end; k += width) {
      const std::uint32_t which = rounds.which[age][k / width];
      pack_as<R>(which, load_as<R>(values + k), lanes_of + size);
      size += static_cast<std::size_t>(std::popcount(which));
    }
    const decltype(load_as<R>(values)) none{};
    __builtin_memcpy(lanes_of + size, &none, sizeof none);
    return;
  }
  const auto* place = reinterpret_cast<const std::int32_t*>(rounds.round[age].place);
  for (std::size_t k = 0; k < size; k += width) {
    const auto v = look_up_as<R>(values, place + k);
    __builtin_memcpy(lanes_of + k, &v, sizeof v);
  }
}
template <class R, class T>
SPIKELET_INLINE void write_lanes(const Rounds<R>& rounds, std::size_t age, const T* lanes_of,
                                 T* values) {
#if SPIKELET_VECTOR_BYTES == 64
  if (age < rounds.by_vector) {
    std::size_t size = 0;
    const std::size_t end = rounds.part.end();
    for (std::size_t k = 0; k < end; k += lanes<R>) {
      const std::uint32_t which = rounds.which[age][k / lanes<R>];
      const auto v = unpack(which, lanes_of + size, load_as<R>(values + k));
      __builtin_memcpy(values + k, &v, sizeof v);
      size += static_cast<std::size_t>(std::popcount(which));
    }
    return;
  }
#endif
  for (std::size_t k = 0; k < rounds.size[age]; ++k) {
    values[rounds.round[age].place[k]] = lanes_of[k];
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
