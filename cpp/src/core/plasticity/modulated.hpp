// Rows of synapses of a modulated rule at spikes of their sources: spikes change the eligibility,
// and between them it decays and the reward turns it into weight.
//
// The spikes of targets come in levels: level 0 has the synapses whose target has fired since the
// source's last spike, each next one those of them whose target has fired once more. A level has
// its own copy of what its synapses have, one after the other, and passes it on to the level before
// once its spikes are in. So whatever is looked up is looked up for whole vectors of spikes. A last
// pass over the rows takes what level 0 has, and passes the time up to the source's spike.

namespace spikelet::SPIKELET_LEVEL {

// In vectors of places. Rows of more synapses have fewer vectors that a level does not fill.
inline constexpr std::size_t modulated_places = 1024;
// Whether levels keep where spans begin. In short vectors, looking it up again takes less.
inline constexpr bool keeps_starts = vector_bytes >= 32;
// Whether a vector without spikes takes the span of its row. Looking it up by lane costs as little
// with AVX-512.
inline constexpr bool takes_row_spans = vector_bytes < 64;
template <class R>
inline constexpr std::size_t modulated_room = modulated_places + lanes<R>;

// Synapses with a spike of one age, in vectors that lanes of the level before are packed into.
template <class R>
struct SpikeLevel {
  static constexpr std::size_t room = modulated_room<R>;
  std::size_t size;
  std::uint32_t which[room / lanes<R>];  // by vector of the level before, or of places
  alignas(64) R weight[room], own[room];
  alignas(64) std::int32_t stamp[room];   // of the spike
  alignas(64) std::int32_t newest[room];  // where the target's newest one is
  alignas(64) std::int32_t number[room];  // of the piece
};
// By lane of a level whose spikes are in: when the eligibility had its value, and the start of the
// span from then on.
template <class R>
struct LevelStarts {
  alignas(64) std::int32_t since[modulated_room<R>];
  alignas(64) double rise[modulated_room<R>], sum[modulated_room<R>];
};

// A few rows, or parts of them.
template <class R>
struct ModulatedGroup {
  static constexpr std::size_t levels = TargetSpikes<R>::kept;
  std::array<Piece<R>, pieces_together> piece;
  std::size_t count;    // of pieces
  std::size_t vectors;  // of places
  // By piece: what its row has, and where spans begin whose synapses have no spike.
  alignas(64) std::int32_t from[pieces_together], to[pieces_together], last[pieces_together],
      clock[pieces_together], touched[pieces_together];
  alignas(64) R pre[pieces_together];
  alignas(64) double rise[pieces_together], sum[pieces_together];
  std::array<Ends, pieces_together> ends;
  // Whether its whole span is far, and what the span does to an eligibility of 1: if it is far, or
  // vectors without spikes take it.
  std::array<bool, pieces_together> is_far;
  double integral[pieces_together], decay[pieces_together];
  // By vector of places: its piece.
  std::uint8_t piece_of[modulated_room<R> / lanes<R> + 16];
  // By place: the target; what depresses the synapse.
  alignas(64) std::uint16_t target[modulated_room<R>];
  alignas(64) R down[modulated_room<R>];
  alignas(64) std::int32_t before[modulated_room<R>];  // of level 0: the spike before the newest
  std::array<SpikeLevel<R>, levels> level;
  std::array<LevelStarts<R>, 2> of_level;  // in turn: only the level before reads them

  LevelStarts<R>& starts(std::size_t age) { return of_level[age % 2]; }
};

// Takes pieces of rows from `row` and its synapse `begin` on.
template <class R>
SPIKELET_INLINE void take(std::span<const ModulatedRow<R>> rows, std::size_t& row,
                          std::size_t& begin, ModulatedGroup<R>& group) {
  constexpr std::size_t width = lanes<R>, many = 16;
  std::size_t used = 0;
  group.count = 0;
  while (row < rows.size() && group.count < pieces_together && used < modulated_places) {
    const ReplayedRow<R>& from = rows[row].row;
    const std::size_t left = from.n - begin, n = std::min(left, modulated_places - used);
    if (n < left && group.count > 0) {
      break;  // a row that fits into one group is not cut
    }
    const std::size_t first = used / width, vectors = (n + width - 1) / width;
    for (std::size_t v = 0; v < vectors; v += many) {  // a branch for each would be mispredicted
      __builtin_memset(group.piece_of + first + v, static_cast<int>(group.count), many);
    }
    const bool dense =
        n > 0 && static_cast<std::size_t>(from.target[begin + n - 1] - from.target[begin]) < 2 * n;
    group.piece[group.count++] = {&from, row, begin, used, n, dense};
    used += vectors * width;
    begin += n;
    if (begin == from.n) {
      begin = 0;
      ++row;
    }
  }
  group.vectors = used / width;
}

// What the pieces of a group have of their rows. Returns whether spans may be far.
template <class R>
SPIKELET_INLINE bool note_rows(const Modulating<R>& how, std::span<const ModulatedRow<R>> rows,
                               ModulatedGroup<R>& group) {
  bool far = false;  // if the longest span of a row is not, no other one is
  for (std::size_t p = 0; p < group.count; ++p) {
    const ModulatedRow<R>& modulated = rows[group.piece[p].number];
    const ReplayedRow<R>& row = modulated.row;
    group.from[p] = row.from;
    group.to[p] = row.to;
    group.last[p] = row.last;
    group.clock[p] = modulated.last;
    group.touched[p] = modulated.touched;
    group.pre[p] = row.pre;
    const RewardFrom& start = how.reward_from[place_of(how, modulated.touched)];
    group.rise[p] = start.rise;
    group.sum[p] = start.sum;
    group.ends[p] = ends_at(how, modulated.time);
    const std::int32_t first =
        row.pre > 0 ? std::min(modulated.touched, modulated.last) : modulated.touched;
    far = far || is_far(how, first, modulated.time);
    group.is_far[p] = is_far(how, modulated.touched, modulated.time);
    if (group.is_far[p]) {
      how.passed(how.signal, how.base + modulated.touched, how.base + modulated.time,
                 group.integral[p], group.decay[p]);
    } else if constexpr (takes_row_spans) {
      const std::int32_t place = place_of(how, modulated.touched);
      const RewardUntil& end = how.reward_until[place + (modulated.time - modulated.touched)];
      group.integral[p] = (end.sum - start.sum) * start.rise;
      group.decay[p] = start.rise * end.fall;
    }
  }
  return far;
}

// A vector of places: where its synapses are in the row, and which lanes are some.
template <class R>
struct Place {
  const Piece<R>& piece;
  std::size_t at, count;
};
template <class R>
SPIKELET_INLINE Place<R> place_at(const ModulatedGroup<R>& group, std::size_t v) {
  const Piece<R>& piece = group.piece[group.piece_of[v]];
  const std::size_t k = v * lanes<R> - piece.first;
  return {piece, piece.begin + k, std::min<std::size_t>(piece.n - k, lanes<R>)};
}

// Targets of all places; those beyond the end of a row are close to the others of their vector.
// Weights are needed soon, among many other operations: their lines come from L2 meanwhile.
template <class R>
SPIKELET_INLINE void copy_targets(ModulatedGroup<R>& group) {
  for (std::size_t v = 0; v < group.vectors; ++v) {
    const Place<R> place = place_at(group, v);
    __builtin_prefetch(place.piece.row->weight + place.at);
    __builtin_prefetch(place.piece.row->own + place.at);
    load_targets<R>(place.piece.row->target + place.at, place.count, group.target + v * lanes<R>);
  }
}

// Level 0, and what depresses.
template <class R>
SPIKELET_INLINE void list_newest(const Replaying<R>& how, ModulatedGroup<R>& group) {
  constexpr std::size_t width = lanes<R>;
  constexpr auto kept = static_cast<std::int32_t>(TargetSpikes<R>::kept);
  SpikeLevel<R>& level = group.level[0];
  std::size_t size = 0, visited = 0;
  for (std::size_t v = 0; v < group.vectors; ++v) {
    const Place<R> place = place_at(group, v);
    const ReplayedRow<R>& row = *place.piece.row;
    visited += place.count;
    if (visited >= RowsAhead<R>::block && how.ahead != nullptr) {
      how.ahead->advance(visited);
      visited = 0;
    }
    const std::uint16_t* target = group.target + v * width;
    const Newest<R> newest = newest_of(how.posts, target, place.piece.close);
    const std::uint32_t all = first_lanes<R>(place.count),
                        which = (row.pre > 0 ? all : 0u) &
                                bits_above<R>(newest.stamp, Words<R>{} + row.from);
    const auto number = Words<R>{} + static_cast<std::int32_t>(group.piece_of[v]);
    store(group.down + v * width, depressing(how, row, newest, target, all, place.piece.close));
    level.which[v] = which;
    pack(which, load_some(row.weight + place.at, place.count), level.weight + size);
    pack(which, load_some(row.own + place.at, place.count), level.own + size);
    pack_words<R>(which, newest.stamp, level.stamp + size);
    pack_words<R>(which, newest.stamp_before, group.before + size);
    pack_words<R>(which, kept * load_index<R>(target) + (kept - 1), level.newest + size);
    __builtin_memcpy(level.number + size, &number, sizeof number);
    size += count_lanes(which);
  }
  if (visited > 0 && how.ahead != nullptr) {
    how.ahead->advance(visited);
  }
  level.size = size;
}

// What a vector of synapses has of its rows. Most vectors are of one row, and levels without mask
// registers look up lane by lane.
template <class R>
SPIKELET_INLINE Words<R> of_rows(const std::int32_t* values, Words<R> number) {
  if (vector_bytes < 64 && number[0] == number[lanes<R> - 1]) {
    return Words<R>{} + values[number[0]];
  }
  return of_few<R>(values, number);
}
template <class R>
SPIKELET_INLINE Vec<R> of_rows(const R* values, Words<R> number) {
  if (vector_bytes < 64 && number[0] == number[lanes<R> - 1]) {
    return broadcast(values[number[0]]);
  }
  return of_few<R>(values, number);
}

// The next level after one, `age` spikes behind the newest.
template <class R>
SPIKELET_INLINE void list_older(const Replaying<R>& how, std::size_t age,
                                ModulatedGroup<R>& group) {
  constexpr std::size_t width = lanes<R>;
  const SpikeLevel<R>& newer = group.level[age - 1];
  SpikeLevel<R>& level = group.level[age];
  std::size_t size = 0;
  for (std::size_t c = 0; c < newer.size; c += width) {
    const Words<R> number = load_words<R>(newer.number + c),
                   newest = load_words<R>(newer.newest + c);
    const Words<R> stamp =
        age == 1 ? load_words<R>(group.before + c)
                 : look_up_words<R>(how.posts.latest, newest - static_cast<std::int32_t>(age));
    const std::uint32_t which =
        first_lanes<R>(newer.size - c) & bits_above<R>(stamp, of_rows<R>(group.from, number));
    level.which[c / width] = which;
    pack(which, load(newer.weight + c), level.weight + size);
    pack(which, load(newer.own + c), level.own + size);
    pack_words<R>(which, stamp, level.stamp + size);
    pack_words<R>(which, newest, level.newest + size);
    pack_words<R>(which, number, level.number + size);
    size += count_lanes(which);
  }
  level.size = size;
}

// Lanes of a level beyond its end get some place, and a spike that is never in.
template <class R>
SPIKELET_INLINE void no_spikes_from(std::size_t size, std::size_t pieces, SpikeLevel<R>& level) {
  const auto fill = [&](std::int32_t* words, std::int32_t value) {
    const Words<R> all = Words<R>{} + value;
    __builtin_memcpy(words + size, &all, sizeof all);
  };
  fill(level.stamp, -TargetSpikes<R>::never);
  fill(level.newest, TargetSpikes<R>::kept - 1);
  fill(level.number, static_cast<std::int32_t>(pieces - 1));  // numbers do not fall
  store(level.weight + size, Vec<R>{});
  store(level.own + size, Vec<R>{});
}

// Replays the spikes of a target that are older than its latest few, at a lane of the last level.
template <class Rule, class R>
[[gnu::noinline]] void replay_older(const Rule& rule, const Modulating<R>& modulating,
                                    ModulatedGroup<R>& group, std::size_t lane) {
  const Replaying<R>& how = modulating.how;
  SpikeLevel<R>& level = group.level.back();
  const auto number = static_cast<std::size_t>(level.number[lane]);
  const ReplayedRow<R>& row = *group.piece[number].row;
  const auto target = static_cast<std::uint32_t>(level.newest[lane]) / TargetSpikes<R>::kept;
  const std::uint32_t latest = how.posts.end[target] - TargetSpikes<R>::kept;
  std::uint32_t p = latest;
  while (how.posts.stamp[p - 1] > row.from) {
    --p;
  }
  std::int32_t& since = group.starts(group.levels - 1).since[lane];
  since = group.touched[number];
  for (; p < latest && how.posts.stamp[p] <= row.to; ++p) {
    const std::int32_t steps = std::max(how.posts.stamp[p] - row.last, 0);
    const R factor = how.posts.factor != nullptr ? how.posts.factor[p] : how.up;
    pass(modulating, since, steps + group.clock[number], level.weight[lane], level.own[lane]);
    since = steps + group.clock[number];
    level.own[lane] = rule.up(level.own[lane], row.pre * decayed(how.pre_decay, steps) * factor);
  }
}

// What a vector of synapses has, and the start of the next span.
template <class R>
struct Synapses {
  Vec<R> weight, own;
  Words<R> since;
  Starts<R> starts;
};
// Lanes that a level has, from its lane `at` on.
template <class R>
SPIKELET_INLINE void take_over(const SpikeLevel<R>& level, const LevelStarts<R>& starts,
                               std::size_t at, std::uint32_t which, Synapses<R>& synapses) {
  synapses.weight = unpack(which, level.weight + at, synapses.weight);
  synapses.own = unpack(which, level.own + at, synapses.own);
  synapses.since = unpack(which, starts.since + at, synapses.since);
  for (int k = 0; keeps_starts && k < Doubles<R>::parts; ++k) {
    const std::uint32_t part = which >> (k * lanes<double>)&((1u << lanes<double>)-1u);
    synapses.starts.rise[k] = unpack(part, starts.rise + at, synapses.starts.rise[k]);
    synapses.starts.sum[k] = unpack(part, starts.sum + at, synapses.starts.sum[k]);
    at += count_lanes(part);
  }
}

// The spikes of a level, which begins with what the next one has.
template <bool far, class Rule, class R>
SPIKELET_INLINE void replay(const Rule& rule, const Modulating<R>& modulating, std::size_t age,
                            ModulatedGroup<R>& group) {
  constexpr std::size_t width = lanes<R>;
  const Replaying<R>& how = modulating.how;
  SpikeLevel<R>& level = group.level[age];
  LevelStarts<R>& passed = group.starts(age);
  const bool last = age + 1 == group.level.size();
  const SpikeLevel<R>& older = group.level[last ? age : age + 1];
  std::size_t at = 0;
  for (std::size_t c = 0; c < level.size; c += width) {
    const std::uint32_t all = first_lanes<R>(level.size - c);
    const Words<R> number = load_words<R>(level.number + c), stamp = load_words<R>(level.stamp + c);
    Synapses<R> synapses{
        load(level.weight + c), load(level.own + c), of_rows<R>(group.touched, number), {}};
    if (last) {
      synapses.since = load_words<R>(passed.since + c);
    } else {
      const Parts<R> of(number);
      for (int k = 0; keeps_starts && k < Doubles<R>::parts; ++k) {
        synapses.starts.rise[k] = of_few<double>(group.rise, of.part[k]);
        synapses.starts.sum[k] = of_few<double>(group.sum, of.part[k]);
      }
      const std::uint32_t which = older.which[c / width];
      take_over(older, group.starts(age + 1), at, which, synapses);
      at += count_lanes(which);
    }
    if (last || !keeps_starts) {
      synapses.starts = starts_at(modulating, synapses.since);
    }
    const Words<R> later = stamp - of_rows<R>(group.last, number),
                   is_in = stamp <= of_rows<R>(group.to, number);
    const Words<R> steps = is_in & (later > 0 ? later : Words<R>{}), since = synapses.since;
    const Words<R> time = is_in ? steps + of_rows<R>(group.clock, number) : since;
    const Words<R> end = time > since ? time : since;
    const Spans<R> spans = spans_to<far>(modulating, synapses.starts, since, end, all);
    const Vec<R> factor =
        how.posts.latest_factor != nullptr
            ? look_up<R>(how.posts.latest_factor,
                         load_words<R>(level.newest + c) - static_cast<std::int32_t>(age))
            : broadcast(how.up);
    const Vec<R> change = of_rows<R>(group.pre, number) * decayed(how.pre_decay, steps) * factor;
    pass(modulating, since, time, spans, synapses.weight, synapses.own);
    const Vec<R> grown = rule.up(synapses.own, change);
    store(level.weight + c, synapses.weight);
    store(level.own + c, widened_mask<R>(is_in) ? grown : synapses.own);
    __builtin_memcpy(passed.since + c, &time, sizeof time);
    if constexpr (!keeps_starts) {
      continue;
    }
    const Starts<R> starts = starts_at(modulating, time);
    for (int k = 0; k < Doubles<R>::parts; ++k) {
      store(passed.rise + c + k * lanes<double>, starts.rise[k]);
      store(passed.sum + c + k * lanes<double>, starts.sum[k]);
    }
  }
}

// The rest of the time, and depression.
template <bool far, class Rule, class R>
SPIKELET_INLINE void finish(const Rule& rule, const Modulating<R>& modulating,
                            std::span<const ModulatedRow<R>> rows, ModulatedGroup<R>& group) {
  const SpikeLevel<R>& level = group.level[0];
  std::size_t at = 0;
  for (std::size_t v = 0; v < group.vectors; ++v) {
    const Place<R> place = place_at(group, v);
    const std::size_t p = group.piece_of[v];
    const ModulatedRow<R>& modulated = rows[place.piece.number];
    R *weight = modulated.row.weight + place.at, *own = modulated.row.own + place.at;
    Synapses<R> synapses{load_some(weight, place.count),
                         load_some(own, place.count),
                         Words<R>{} + modulated.touched,
                         {}};
    const std::uint32_t which = level.which[v];
    Spans<R> spans;
    if (takes_row_spans && which == 0) {
      for (int k = 0; k < Doubles<R>::parts; ++k) {
        spans.integral[k] = broadcast(group.integral[p]);
        spans.decay[k] = broadcast(group.decay[p]);
      }
    } else {
      for (int k = 0; keeps_starts && k < Doubles<R>::parts; ++k) {
        synapses.starts.rise[k] = broadcast(group.rise[p]);
        synapses.starts.sum[k] = broadcast(group.sum[p]);
      }
      take_over(level, group.starts(0), at, which, synapses);
      at += count_lanes(which);
      if constexpr (!keeps_starts) {
        synapses.starts = starts_at(modulating, synapses.since);
      }
      spans = spans_to<far>(modulating, synapses.starts, synapses.since, modulated.time,
                            group.ends[p], which);
      if (far && group.is_far[p]) {  // which is that of the other lanes
        spans = select_spans<R>(which, spans, group.integral[p], group.decay[p]);
      }
    }
    pass(modulating, synapses.since, Words<R>{} + modulated.time, spans, synapses.weight,
         synapses.own);
    store_some(weight, synapses.weight, place.count);
    store_some(own, rule.down(synapses.own, load(group.down + v * lanes<R>)), place.count);
  }
}

// All spikes and spans of a group. far: whether some spans may be.
template <bool far, class Rule, class R>
[[gnu::noinline]] void apply(const Rule& rule, const Modulating<R>& modulating,
                             std::span<const ModulatedRow<R>> rows, std::size_t levels,
                             ModulatedGroup<R>& group) {
  for (std::size_t age = levels; age-- > 0;) {
    replay<far>(rule, modulating, age, group);
  }
  finish<far>(rule, modulating, rows, group);
}

template <template <class> class Rule, class R>
void modulated_rows(const double* p, const Modulating<R>& modulating,
                    std::span<const ModulatedRow<R>> rows) {
  const Rule<R> rule(p);
  const Replaying<R>& how = modulating.how;
  ModulatedGroup<R> group;
  std::size_t row = 0, begin = 0;
  while (row < rows.size()) {
    take(rows, row, begin, group);
    const bool far = note_rows(modulating, rows, group);
    copy_targets(group);
    list_newest(how, group);
    std::size_t levels = 0;
    while (group.level[levels].size > 0) {
      no_spikes_from(group.level[levels].size, group.count, group.level[levels]);
      if (++levels == group.level.size()) {
        for (std::size_t lane = 0; lane < group.level.back().size; ++lane) {
          replay_older(rule, modulating, group, lane);
        }
        const Words<R> none{};
        __builtin_memcpy(group.starts(group.levels - 1).since + group.level.back().size, &none,
                         sizeof none);  // lanes beyond the end
        break;
      }
      list_older(how, levels, group);
    }
    // The level after the last one that has spikes is empty, but known by vector.
    if (far) {
      apply<true>(rule, modulating, rows, levels, group);
    } else {
      apply<false>(rule, modulating, rows, levels, group);
    }
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
