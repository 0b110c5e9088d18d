// The spikes of targets that rows replay, in rounds: the first of each synapse, then the second, and
// so on. A round has each synapse once at most, so its spikes are applied in vectors. Most targets
// have no spike or one since the source's last one, and the look-up of the newest two tells so.

namespace spikelet::SPIKELET_LEVEL {

// What is replayed at which synapse (a place in Pieces).
template <class R>
struct Round {
  static constexpr std::size_t room = Pieces<R>::room;
  alignas(64) std::uint32_t place[room];
  alignas(64) std::uint32_t steps[room];  // from the source's last spike to the target's
  alignas(64) R trace[room];              // of the source, at its last spike
  alignas(64) std::uint32_t at[room];     // the spike, among the latest; if it has a factor
};

template <class R>
struct Rounds {
  static constexpr std::size_t room = Pieces<R>::room;
  Pieces<R> part;
  std::array<Round<R>, TargetSpikes<R>::kept> round;
  std::array<std::uint32_t, TargetSpikes<R>::kept> size;
  // By place: the target's trace that depresses, and the steps since then; and results of a round.
  alignas(64) R down_trace[room];
  alignas(64) std::int32_t down_steps[room];
  alignas(64) R changed[room];
  alignas(64) std::uint32_t several[room];  // places with more than one spike
};

template <class R>
SPIKELET_INLINE Words<R> lane_indices() {
  Words<R> v{};
  for (int k = 0; k < lanes<R>; ++k) {
    v[k] = k;
  }
  return v;
}

template <class R>
SPIKELET_INLINE Vec<R> decayed(const DecayTable<R>& table, const std::int32_t* steps) {
  const Words<R> last = Words<R>{} + (table.count - 1), wanted = load_words<R>(steps);
  const std::uint32_t far = word_bits<R>(wanted > last);
  if (far == 0) {
    return look_up<R>(table.factor, steps);
  }
  Vec<R> factor = look_up<R>(table.factor, wanted < last ? wanted : last);
  for (std::uint32_t left = table.beyond != nullptr ? far : 0; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    factor[lane] = (*table.beyond)(Step{wanted[lane]});
  }
  return factor;
}
template <class R>
SPIKELET_INLINE R decayed(const DecayTable<R>& table, std::int32_t steps) {
  return steps < table.count       ? table.factor[steps]
         : table.beyond != nullptr ? (*table.beyond)(Step{steps})
                                   : table.factor[table.count - 1];
}

// The trace that depresses if both of the target's newest spikes are not before `time`, or if pairs
// are restricted and the newest one is not.
template <class R>
[[gnu::noinline]] void find_down(const Replaying<R>& how, const ReplayedRow<R>& row, std::size_t j,
                                 R& trace, std::int32_t& steps) {
  const TargetSpikes<R>& posts = how.posts;
  std::uint32_t p = posts.end[j];
  while (posts.stamp[p - 1] >= row.time) {
    --p;
  }
  const bool tied = p < posts.end[j] && posts.stamp[p] <= row.time - how.tie;
  const std::int32_t stamp = posts.stamp[p - 1];
  const bool counts = stamp > TargetSpikes<R>::never &&
                      (!how.first_only || posts.stamp[tied ? p : p - 1] > row.last - how.tie);
  trace = counts ? posts.trace[p - 1] : R(0);
  steps = counts ? row.time - stamp : 0;
}

// A vector of synapses: what depresses them, of which `count` are some.
template <class R>
SPIKELET_INLINE void list_down(const Replaying<R>& how, const ReplayedRow<R>& row,
                               const Newest<R>& newest, std::size_t k, std::size_t count,
                               Rounds<R>& rounds) {
  const Words<R> late = newest.stamp >= row.time;
  Words<R> stamp = newest.stamp;
  Vec<R> trace = newest.trace;
  std::uint32_t searched;
  if (how.first_only) {
    searched = word_bits<R>(late);
    trace = __builtin_convertvector(stamp > row.last - how.tie, Mask<R>) ? trace : Vec<R>{};
  } else {
    stamp = late ? newest.stamp_before : stamp;
    trace = __builtin_convertvector(late, Mask<R>) ? newest.trace_before : trace;
    searched = word_bits<R>(stamp >= row.time);
  }
  // Lanes beyond the end may have any stamp; spikes that never were, no trace.
  const Words<R> some = __builtin_convertvector(trace > R(0), Words<R>) & (stamp < row.time);
  const Words<R> steps = (row.time - stamp) & some;
  store(rounds.down_trace + k, trace);
  __builtin_memcpy(rounds.down_steps + k, &steps, sizeof steps);
  if (searched != 0) {
    searched &= count >= lanes<R> ? ~0u : (1u << count) - 1u;
    for (; searched != 0; searched &= searched - 1) {
      const std::size_t lane = k + static_cast<std::size_t>(std::countr_zero(searched));
      find_down(how, row, rounds.part.target[lane], rounds.down_trace[lane],
                rounds.down_steps[lane]);
    }
  }
}

// Lists the spikes of a piece. adjust(place, since, at, left, trace): at a synapse, `since` of the
// latest spikes are not in, and `left` of these from `at` on would be replayed. one_at_most: it
// decides for all of them; else not for those that have one.
template <class R, class Adjust>
SPIKELET_INLINE void list_spikes(const Replaying<R>& how, const Piece<R>& piece, bool one_at_most,
                                 Rounds<R>& rounds, Adjust&& adjust) {
  constexpr std::size_t width = lanes<R>;
  constexpr std::uint32_t kept = TargetSpikes<R>::kept, unrolled = 4;
  const ReplayedRow<R>& row = *piece.row;
  const std::uint16_t* target = rounds.part.target;
  const bool factors = how.posts.latest_factor != nullptr;
  Round<R>& first = rounds.round[0];
  const std::uint32_t wanted = row.pre > 0 ? ~0u : 0u, singles = one_at_most ? 0u : ~0u;
  std::uint32_t size = rounds.size[0], several = 0;
  const std::size_t end = piece.first + piece.n;
  for (std::size_t k = piece.first; k < end; k += width) {
    const Newest<R> newest = look_up_newest<R>(how.posts.newest, target + k);
    if (how.depresses) {
      list_down(how, row, newest, k, end - k, rounds);
    }
    const std::uint32_t all = end - k >= width ? wanted : wanted & ((1u << (end - k)) - 1u);
    const std::uint32_t some = word_bits<R>(newest.stamp > row.from) & all;
    const std::uint32_t one =
        some & singles &
        word_bits<R>((newest.stamp_before <= row.from) & (newest.stamp <= row.to));
    const Words<R> place = lane_indices<R>() + static_cast<std::int32_t>(k);
    const Words<R> steps = newest.stamp - row.last;
    pack(one, place, first.place + size);
    pack(one, steps > 0 ? steps : Words<R>{}, first.steps + size);
    store(first.trace + size, broadcast(row.pre));
    if (factors) {
      const auto newest_at = static_cast<std::int32_t>(kept) * load_index<R>(target + k);
      pack(one, newest_at + static_cast<std::int32_t>(kept - 1), first.at + size);
    }
    size += static_cast<std::uint32_t>(std::popcount(one));
    pack(some & ~one, place, rounds.several + several);
    several += static_cast<std::uint32_t>(std::popcount(some & ~one));
  }
  std::array<std::uint32_t, unrolled> sizes{size, rounds.size[1], rounds.size[2], rounds.size[3]};
  const std::int32_t* latest = how.posts.latest;
  for (std::uint32_t c = 0; c < several; ++c) {
    const std::uint32_t k = rounds.several[c], begin = target[k] * kept;
    const std::uint32_t since = count_above(latest + begin, row.from), at = begin + kept - since;
    std::uint32_t left = since - count_above(latest + begin, row.to);
    R trace = row.pre;
    if (since == kept || one_at_most) {
      adjust(k, since, at, left, trace);
    }
    const auto list = [&](std::uint32_t r, std::uint32_t to) {
      Round<R>& round = rounds.round[r];
      round.place[to] = k;
      round.steps[to] = static_cast<std::uint32_t>(std::max(latest[at + r] - row.last, 0));
      round.trace[to] = trace;
      round.at[to] = at + r;
    };
    for (std::uint32_t r = 0; r < unrolled; ++r) {  // cheaper than a branch that is guessed wrong
      list(r, sizes[r]);
      sizes[r] += left > r ? 1 : 0;
    }
    for (std::uint32_t r = unrolled; r < left; ++r) {
      list(r, rounds.size[r]++);
    }
  }
  std::copy(sizes.begin(), sizes.end(), rounds.size.begin());
}

}  // namespace spikelet::SPIKELET_LEVEL
