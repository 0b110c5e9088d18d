// The spikes of targets that rows replay, in rounds by age: a round has the newest spike of each
// target, or the one before it, and so on. It has each synapse once at most, so its spikes are
// applied in vectors, and the oldest round comes first. Most targets have few spikes since the
// source's last one: the newest two are looked up together, older ones for fewer and fewer targets.

namespace spikelet::SPIKELET_LEVEL {

// Whether lanes are packed and unpacked by instructions, which takes less than looking them up and
// writing them one by one.
inline constexpr bool packs_lanes = vector_bytes == 64;

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
  std::array<Round<R>, TargetSpikes<R>::kept> round;  // by age
  std::array<std::uint32_t, TargetSpikes<R>::kept> size;
  // The first so many rounds, which have most spikes, know their synapses by the lanes of each
  // vector of places (`which`, by age) instead of by their places.
  std::size_t by_vector;
  std::uint32_t which[2][room / lanes<R>];
  // By place: the target's trace that depresses, and the steps since then; and results of a round.
  alignas(64) R down_trace[room];
  alignas(64) std::int32_t down_steps[room];
  alignas(64) R changed[room];
  // Places whose spikes have been looked up from the newest on, up to one that is not in yet; and
  // where the next one is.
  alignas(64) std::uint32_t place[room], at[room];
  alignas(64) std::uint32_t number[room];     // of its piece
  alignas(64) std::uint32_t dendritic[room];  // if rows have some
  // By piece: what all of its synapses have.
  alignas(64) std::int32_t from[pieces_together], to[pieces_together], last[pieces_together];
  alignas(64) R pre[pieces_together];
};

template <class R>
SPIKELET_INLINE Words<R> lane_indices() {
  Words<R> v{};
  for (int k = 0; k < lanes<R>; ++k) {
    v[k] = k;
  }
  return v;
}

// Fills the lanes of a round beyond its end.
template <class R>
SPIKELET_INLINE void no_spikes_from(std::size_t size, Round<R>& round) {
  const Words<R> none{};
  for (std::uint32_t* words : {round.place, round.steps, round.at}) {
    __builtin_memcpy(words + size, &none, sizeof none);
  }
}

template <class R>
SPIKELET_INLINE std::uint32_t first_lanes(std::size_t count) {
  return count >= lanes<R> ? ~0u : (1u << count) - 1u;
}

template <class R>
SPIKELET_INLINE Vec<R> decayed(const DecayTable<R>& table, Words<R> wanted) {
  const Words<R> last = Words<R>{} + (table.count - 1);
  const std::uint32_t far = word_bits<R>(wanted > last);
  if (far == 0) {
    return look_up<R>(table.factor, wanted);
  }
  Vec<R> factor = look_up<R>(table.factor, wanted < last ? wanted : last);
  for (std::uint32_t left = table.beyond != nullptr ? far : 0; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    factor[lane] = (*table.beyond)(Step{wanted[lane]});
  }
  return factor;
}
template <class R>
SPIKELET_INLINE Vec<R> decayed(const DecayTable<R>& table, const std::int32_t* steps) {
  return decayed(table, load_words<R>(steps));
}
template <class R>
SPIKELET_INLINE R decayed(const DecayTable<R>& table, std::int32_t steps) {
  return steps < table.count       ? table.factor[steps]
         : table.beyond != nullptr ? (*table.beyond)(Step{steps})
                                   : table.factor[table.count - 1];
}

// When a spike leaves that is at the synapse at `time`, as far as stamps go.
template <class R>
SPIKELET_INLINE std::int32_t left_at(std::int32_t time, std::int32_t dendritic) {
  return std::max(time - dendritic, TargetSpikes<R>::never);
}
// When a vector of spikes, or spikes that never were, are at the synapses.
template <class R>
SPIKELET_INLINE Words<R> at_synapses(Words<R> stamp, Words<R> dendritic) {
  return stamp + (dendritic & (stamp > TargetSpikes<R>::never));
}
template <class R>
SPIKELET_INLINE void to_synapses(Newest<R>& newest, Words<R> dendritic) {
  newest.stamp = at_synapses<R>(newest.stamp, dendritic);
  newest.stamp_before = at_synapses<R>(newest.stamp_before, dendritic);
}

// The trace that depresses if both of the target's newest spikes are not before `time`, or if pairs
// are restricted and the newest one is not.
template <class R>
[[gnu::noinline]] void find_down(const Replaying<R>& how, const ReplayedRow<R>& row, std::size_t j,
                                 std::int32_t dendritic, R& trace, std::int32_t& steps) {
  const TargetSpikes<R>& posts = how.posts;
  const std::int32_t time = left_at<R>(row.time, dendritic);
  std::uint32_t p = posts.end[j];
  while (posts.stamp[p - 1] >= time) {
    --p;
  }
  const bool tied = p < posts.end[j] && posts.stamp[p] <= time - how.tie;
  const std::int32_t stamp = posts.stamp[p - 1];
  const bool counts = stamp > TargetSpikes<R>::never &&
                      (!how.first_only ||
                       posts.stamp[tied ? p : p - 1] > left_at<R>(row.last, dendritic) - how.tie);
  trace = counts ? posts.trace[p - 1] : R(0);
  steps = counts ? time - stamp : 0;
}

// A vector of targets: their traces that depress, not decayed yet, and the steps since then. Lanes
// that are `searched` have earlier spikes than their newest ones.
template <class R>
struct Down {
  Vec<R> trace;
  Words<R> steps;
  std::uint32_t searched;
};
template <class R>
SPIKELET_INLINE Down<R> down_of(const Replaying<R>& how, const ReplayedRow<R>& row,
                                const Newest<R>& newest) {
  const Words<R> late = newest.stamp >= row.time;
  Words<R> stamp = newest.stamp;
  Vec<R> trace = newest.trace;
  std::uint32_t searched;
  if (how.first_only) {
    searched = word_bits<R>(late);
    trace = widened_mask<R>(stamp > row.last - how.tie) ? trace : Vec<R>{};
  } else {
    stamp = late ? newest.stamp_before : stamp;
    trace = widened_mask<R>(late) ? newest.trace_before : trace;
    searched = word_bits<R>(stamp >= row.time);
  }
  // Lanes beyond the end may have any stamp; spikes that never were, no trace.
  const Words<R> some = __builtin_convertvector(trace > R(0), Words<R>) & (stamp < row.time);
  return {trace, (row.time - stamp) & some, searched};
}

template <class R>
SPIKELET_INLINE std::int32_t dendritic_of(const ReplayedRow<R>& row, const Pieces<R>& part,
                                          std::size_t place) {
  return row.dendritic != nullptr ? part.dendritic[place] : 0;
}

// A vector of synapses: what depresses them, of which `count` are some.
template <class R>
SPIKELET_INLINE void list_down(const Replaying<R>& how, const ReplayedRow<R>& row,
                               const Newest<R>& newest, std::size_t k, std::size_t count,
                               Rounds<R>& rounds) {
  Down<R> down = down_of(how, row, newest);
  store(rounds.down_trace + k, down.trace);
  __builtin_memcpy(rounds.down_steps + k, &down.steps, sizeof down.steps);
  for (std::uint32_t left = down.searched & first_lanes<R>(count); left != 0; left &= left - 1) {
    const std::size_t lane = k + static_cast<std::size_t>(std::countr_zero(left));
    find_down(how, row, rounds.part.target[lane], dendritic_of(row, rounds.part, lane),
              rounds.down_trace[lane], rounds.down_steps[lane]);
  }
}

// The changes of a vector of synapses that depress, before the factors of the rule.
template <class R>
SPIKELET_INLINE Vec<R> down_at(const Replaying<R>& how, const Piece<R>& piece, std::size_t k,
                               const Rounds<R>& rounds) {
  const ReplayedRow<R>& row = *piece.row;
  const Vec<R> trace =
      row.post != nullptr
          ? of_targets(row.post, rounds.part.target + k, piece.close)
          : load(rounds.down_trace + k) * decayed(how.post_decay, rounds.down_steps + k);
  return trace * row.down;
}

// What depresses a vector of synapses, at once. `which` of the lanes are some.
template <class R>
[[gnu::noinline]] void find_all_down(const Replaying<R>& how, const ReplayedRow<R>& row,
                                     const std::uint16_t* target, std::uint32_t which,
                                     Down<R>& down) {
  for (; which != 0; which &= which - 1) {
    const int lane = std::countr_zero(which);
    R trace;
    std::int32_t steps;
    find_down(how, row, target[lane], 0, trace, steps);
    down.trace[lane] = trace;
    down.steps[lane] = steps;
  }
}
template <class R>
SPIKELET_INLINE Vec<R> depressing(const Replaying<R>& how, const ReplayedRow<R>& row,
                                  const Newest<R>& newest, const std::uint16_t* target,
                                  std::uint32_t which, bool close) {
  if (row.post != nullptr) {
    return of_targets(row.post, target, close) * row.down;
  }
  Down<R> down = down_of(how, row, newest);
  if ((down.searched & which) != 0) {
    Down<R> found = down;  // in memory, so that the others stay in registers
    find_all_down(how, row, target, down.searched & which, found);
    down = found;
  }
  return down.trace * decayed(how.post_decay, down.steps) * row.down;
}

// The same traces of all targets, once for many rows.
template <class R>
void traces_at(const Replaying<R>& how, std::int32_t time, std::span<R> traces) {
  constexpr std::size_t width = lanes<R>;
  ReplayedRow<R> row{};
  row.time = time;
  alignas(64) R trace[width];
  alignas(64) std::int32_t steps[width];
  for (std::size_t j = 0; j < traces.size(); j += width) {
    const std::size_t count = std::min(width, traces.size() - j);
    const Down<R> down = down_of(how, row, newest_from(how.posts.column, j));
    store(trace, down.trace);
    __builtin_memcpy(steps, &down.steps, sizeof down.steps);
    for (std::uint32_t left = down.searched & first_lanes<R>(count); left != 0; left &= left - 1) {
      const auto lane = static_cast<std::size_t>(std::countr_zero(left));
      find_down(how, row, j + lane, 0, trace[lane], steps[lane]);
    }
    const Vec<R> now = load(trace) * decayed(how.post_decay, steps);
    store_part(traces.data() + j, now, count);
  }
}

// What synapses have of their rows.
template <class R>
struct OfRows {
  Words<R> from, to, last;
  Vec<R> pre;
};
template <class R>
SPIKELET_INLINE OfRows<R> of_row(const Rounds<R>& rounds, std::size_t number) {
  const auto all = [&](const std::int32_t* values) { return Words<R>{} + values[number]; };
  return {all(rounds.from), all(rounds.to), all(rounds.last), broadcast(rounds.pre[number])};
}
// Of the rows of several pieces.
template <class R>
SPIKELET_INLINE OfRows<R> of_rows(const Rounds<R>& rounds, Words<R> number) {
  return {of_few<R>(rounds.from, number), of_few<R>(rounds.to, number),
          of_few<R>(rounds.last, number), of_few<R>(rounds.pre, number)};
}

// Adds lanes to a round.
template <class R>
SPIKELET_INLINE void add(const Replaying<R>& how, const OfRows<R>& rows, std::uint32_t which,
                         Words<R> place, Words<R> stamp, Words<R> at, std::size_t age,
                         Rounds<R>& rounds) {
  if (vector_bytes < 64 && which == 0) {
    return;  // lanes are packed one by one
  }
  Round<R>& round = rounds.round[age];
  const std::uint32_t size = rounds.size[age];
  const Words<R> since = stamp - rows.last, steps = since > 0 ? since : Words<R>{};
  if (!packs_lanes || age >= std::size(rounds.which)) {
    pack(which, place, round.place + size);
  }
  pack(which, steps, round.steps + size);
  if (rounds.part.count > 1) {  // else all have the row's
    pack(which, rows.pre, round.trace + size);
  }
  if (how.posts.latest_factor != nullptr) {
    pack(which, at, round.at + size);
  }
  rounds.size[age] = size + static_cast<std::uint32_t>(std::popcount(which));
}

// Lists the spikes of pieces. older(piece, place): a target has more that are not in than are kept
// together.
template <class R, class Older>
SPIKELET_INLINE void list_spikes(const Replaying<R>& how, std::span<const Piece<R>> pieces,
                                 Rounds<R>& rounds, Older&& older) {
  constexpr std::size_t width = lanes<R>;
  constexpr auto kept = static_cast<std::int32_t>(TargetSpikes<R>::kept);
  const std::uint16_t* target = rounds.part.target;
  const bool several = pieces.size() > 1, delayed = pieces.front().row->dendritic != nullptr;
  std::size_t left = 0;
  const auto leave = [&](std::uint32_t which, Words<R> place, Words<R> at, Words<R> number,
                         Words<R> dendritic) {
    if (vector_bytes < 64 && which == 0) {
      return;
    }
    pack(which, place, rounds.place + left);
    pack(which, at, rounds.at + left);
    if (several) {
      pack(which, number, rounds.number + left);
    }
    if (delayed) {
      pack(which, dendritic, rounds.dendritic + left);
    }
    left += static_cast<std::size_t>(std::popcount(which));
  };
  rounds.size = {};
  rounds.by_vector = packs_lanes ? std::size(rounds.which) : 0;
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    const Piece<R>& piece = pieces[p];
    const ReplayedRow<R>& row = *piece.row;
    rounds.from[p] = row.from;
    rounds.to[p] = row.to;
    rounds.last[p] = row.last;
    rounds.pre[p] = row.pre;
    const OfRows<R> rows = of_row(rounds, p);
    const Words<R> number = Words<R>{} + static_cast<std::int32_t>(p);
    const std::uint32_t wanted = row.pre > 0 ? ~0u : 0u;
    const bool looks_up = how.depresses && row.post == nullptr;
    const std::size_t end = piece.first + piece.n;
    for (std::size_t k = piece.first; k < end; k += width) {
      fetch_ahead(how.ahead, piece.n, k - piece.first);
      Newest<R> newest = newest_of(how.posts, target + k, piece.close);
      Words<R> dendritic{};
      if (delayed) {
        dendritic = load_index<R>(rounds.part.dendritic + k);
        to_synapses(newest, dendritic);
      }
      if (looks_up) {
        list_down(how, row, newest, k, end - k, rounds);
      }
      const std::uint32_t all = wanted & first_lanes<R>(end - k);
      const Words<R> new_0 = newest.stamp > row.from, new_1 = newest.stamp_before > row.from;
      const Words<R> place = lane_indices<R>() + static_cast<std::int32_t>(k),
                     at = kept * load_index<R>(target + k) + (kept - 1);
      const std::uint32_t which_0 = all & word_bits<R>(new_0 & (newest.stamp <= row.to)),
                          which_1 = all & word_bits<R>(new_1 & (newest.stamp_before <= row.to));
      if constexpr (packs_lanes) {
        rounds.which[0][k / width] = which_0;
        rounds.which[1][k / width] = which_1;
      }
      add(how, rows, which_0, place, newest.stamp, at, 0, rounds);
      add(how, rows, which_1, place, newest.stamp_before, at - 1, 1, rounds);
      leave(all & word_bits<R>(new_1), place, at - 2, number, dendritic);
    }
  }
  for (std::size_t age = 2; age < rounds.round.size() && left > 0; ++age) {
    const std::size_t listed = left;
    left = 0;
    const Words<R> none{};
    for (std::uint32_t* words : {rounds.at, rounds.number, rounds.dendritic}) {
      __builtin_memcpy(words + listed, &none, sizeof none);  // lanes beyond the end
    }
    for (std::size_t c = 0; c < listed; c += width) {
      const Words<R> place = load_words<R>(rounds.place + c), at = load_words<R>(rounds.at + c);
      const Words<R> number = load_words<R>(rounds.number + c);
      const OfRows<R> rows = several ? of_rows(rounds, number) : of_row(rounds, 0);
      Words<R> stamp =
          look_up_words<R>(how.posts.latest, reinterpret_cast<const std::int32_t*>(rounds.at) + c);
      Words<R> dendritic{};
      if (delayed) {
        dendritic = load_words<R>(rounds.dendritic + c);
        stamp = at_synapses<R>(stamp, dendritic);
      }
      const std::uint32_t all = first_lanes<R>(listed - c);
      const Words<R> is_new = stamp > rows.from;
      add(how, rows, all & word_bits<R>(is_new & (stamp <= rows.to)), place, stamp, at, age,
          rounds);
      leave(all & word_bits<R>(is_new), place, at - 1, number, dendritic);
    }
  }
  for (std::size_t c = 0; c < left; ++c) {
    older(pieces[several ? rounds.number[c] : 0], rounds.place[c]);
  }
  for (std::size_t age = 0; !several && age < rounds.round.size(); ++age) {
    Round<R>& round = rounds.round[age];
    for (std::size_t k = 0; k < rounds.size[age]; k += width) {
      store(round.trace + k, broadcast(rounds.pre[0]));
    }
  }
}

// How a rule replays the spikes of a target at a synapse that are older than those kept together.
template <class R>
struct Older {
  const void* rule;
  void (*replay)(const void* rule, const Replaying<R>& how, const ReplayedRow<R>& row,
                 Pieces<R>& part, std::uint32_t synapse);
};

// Where at most one spike of a target is replayed: targets with one that is not in are taken in
// vectors, the others one by one. delayed: the row's synapses have delays of their own. Compiled
// once for all rules, which takes a good part of their code off.
template <bool delayed, class R>
[[gnu::noinline]] void list_one_each(const Replaying<R>& how, const Piece<R>& piece,
                                     Rounds<R>& rounds, const Older<R>& older) {
  constexpr auto kept = static_cast<std::int32_t>(TargetSpikes<R>::kept);
  const ReplayedRow<R>& row = *piece.row;
  const std::uint16_t* target = rounds.part.target;
  const std::int32_t* latest = how.posts.latest;
  const bool centered = row.own != nullptr;
  const std::uint32_t wanted = row.pre > 0 ? ~0u : 0u;
  const bool looks_up = how.depresses && row.post == nullptr;
  rounds.by_vector = 0;
  Round<R>& round = rounds.round[0];
  std::uint32_t size = rounds.size[0];
  std::size_t listed = 0;
  const std::size_t end = piece.first + piece.n;
  for (std::size_t k = piece.first; k < end; k += lanes<R>) {
    fetch_ahead(how.ahead, piece.n, k - piece.first);
    Newest<R> newest = newest_of(how.posts, target + k, piece.close);
    if constexpr (delayed) {
      to_synapses(newest, load_index<R>(rounds.part.dendritic + k));
    }
    if (looks_up) {
      list_down(how, row, newest, k, end - k, rounds);
    }
    const Words<R> place = lane_indices<R>() + static_cast<std::int32_t>(k),
                   several = newest.stamp_before > row.from;
    const std::uint32_t which = word_bits<R>(several) & wanted & first_lanes<R>(end - k);
    if (vector_bytes == 64 || which != 0) {
      pack(which, place, rounds.place + listed);
      listed += static_cast<std::size_t>(std::popcount(which));
    }
    Words<R> one = ~several & (newest.stamp > row.from) & (newest.stamp <= row.to);
    if (how.first_only) {
      one &= newest.stamp_before <= row.last - how.tie;
    }
    std::uint32_t ones = word_bits<R>(one) & wanted & first_lanes<R>(end - k);
    if (ones == 0) {
      continue;
    }
    Vec<R> trace = broadcast(row.pre);
    if (centered) {
      trace = load(rounds.part.own + k);
      store(rounds.part.own + k, widened_mask<R>(one) ? Vec<R>{} : trace);
      ones &= static_cast<std::uint32_t>(bits<R>(trace > R(0)));
    }
    const Words<R> since = newest.stamp - row.last, steps = since > 0 ? since : Words<R>{};
    pack(ones, place, round.place + size);
    pack(ones, steps, round.steps + size);
    pack(ones, trace, round.trace + size);
    if (how.posts.latest_factor != nullptr) {
      pack(ones, kept * load_index<R>(target + k) + (kept - 1), round.at + size);
    }
    size += static_cast<std::uint32_t>(std::popcount(ones));
  }
  for (std::size_t c = 0; c < listed; ++c) {
    const std::uint32_t k = rounds.place[c], begin = target[k] * TargetSpikes<R>::kept;
    const std::int32_t dendritic = delayed ? rounds.part.dendritic[k] : 0;
    const auto left_then = [&](std::int32_t time) {
      return delayed ? left_at<R>(time, dendritic) : time;
    };
    const std::uint32_t since = count_above(latest + begin, left_then(row.from)),
                        at = begin + TargetSpikes<R>::kept - since;
    const std::uint32_t left = since - count_above(latest + begin, left_then(row.to));
    if (since == TargetSpikes<R>::kept) {
      older.replay(older.rule, how, row, rounds.part, k);
    }
    bool one = left > 0 && since < TargetSpikes<R>::kept;
    if (how.first_only) {  // not if another of the target's spikes came first
      one = one && latest[at - 1] <= left_then(row.last) - how.tie;
    }
    R trace = row.pre;
    if (centered) {
      trace = rounds.part.own[k];
      rounds.part.own[k] = one ? R(0) : trace;
      one = one && trace > 0;
    }
    round.place[size] = k;
    round.steps[size] = static_cast<std::uint32_t>(std::max(latest[at] + dendritic - row.last, 0));
    round.trace[size] = trace;
    round.at[size] = at;
    size += one ? 1 : 0;
  }
  rounds.size[0] = size;
}

}  // namespace spikelet::SPIKELET_LEVEL
