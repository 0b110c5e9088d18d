// What the synapses of a round have, one after the other, and back to their places.

namespace spikelet::SPIKELET_LEVEL {

// A loop of its own: joined with what uses the lanes, power-law rules are 5 % slower.
// Beyond its end, `lanes_of` gets zeros or what some place has.
template <class R>
SPIKELET_INLINE void read_lanes(const Rounds<R>& rounds, std::size_t age, const R* values,
                                R* lanes_of) {
  constexpr std::size_t width = lanes<R>;
  std::size_t size = rounds.size[age];
  if (packs_lanes && age < rounds.by_vector) {
    size = 0;
    const std::size_t end = rounds.part.end();
    for (std::size_t k = 0; k < end; k += width) {
      const std::uint32_t which = rounds.which[age][k / width];
      pack(which, load(values + k), lanes_of + size);
      size += static_cast<std::size_t>(std::popcount(which));
    }
    store(lanes_of + size, Vec<R>{});
    return;
  }
  const auto* place = reinterpret_cast<const std::int32_t*>(rounds.round[age].place);
  for (std::size_t k = 0; k < size; k += width) {
    store(lanes_of + k, look_up<R>(values, place + k));
  }
}
template <class R>
SPIKELET_INLINE void write_lanes(const Rounds<R>& rounds, std::size_t age, const R* lanes_of,
                                 R* values) {
#if SPIKELET_VECTOR_BYTES == 64
  if (age < rounds.by_vector) {
    std::size_t size = 0;
    const std::size_t end = rounds.part.end();
    for (std::size_t k = 0; k < end; k += lanes<R>) {
      const std::uint32_t which = rounds.which[age][k / lanes<R>];
      store(values + k, unpack(which, lanes_of + size, load(values + k)));
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
