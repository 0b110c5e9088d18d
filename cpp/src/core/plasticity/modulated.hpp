// Rows of synapses of a modulated rule at spikes of their sources: as in replay.hpp, but spikes
// change the eligibility, and between them it decays and the reward turns it into weight. Older
// spikes come in rounds. A last pass over the rows does the rest at once: the time up to the newest
// spike of the target, that spike, and the time up to the source's spike. Where no target of a
// vector has fired, its synapses pass one span, which the row knows.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct ModulatedRounds {
  static constexpr std::size_t room = Pieces<R>::room;
  Rounds<R, true> rounds;
  alignas(64) std::int32_t since[room];  // by place: when the eligibility had its value
  // Of a round: what its synapses have, and then get.
  alignas(64) R weight[room], own[room];
  alignas(64) std::int32_t touched_at[room];
};

// rise and sum, or sum and fall, at offsets in bytes.
SPIKELET_INLINE void look_up_two(const void* from, Words<double> offset, Vec<double>& first,
                                 Vec<double>& second) {
  static_assert(sizeof(RewardFrom) == 2 * sizeof(double));
  static_assert(sizeof(RewardUntil) == 2 * sizeof(double));
  const auto* begin = static_cast<const std::byte*>(from);
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  const auto at = [&](std::uint64_t bytes) {
    return _mm_load_pd(reinterpret_cast<const double*>(begin + bytes));
  };
  // Of lanes 2 k and 2 k + 2, or of those that follow.
  const auto low = [&](int k) {
    return _mm256_insertf128_pd(
        _mm256_castpd128_pd256(at(static_cast<std::uint32_t>(two_lanes<double>(offset, k)))),
        at(static_cast<std::uint32_t>(two_lanes<double>(offset, k + 1))), 1);
  };
  const auto high = [&](int k) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(at(two_lanes<double>(offset, k) >> 32)),
                                at(two_lanes<double>(offset, k + 1) >> 32), 1);
  };
#if SPIKELET_VECTOR_BYTES == 64
  const __m512d even = _mm512_insertf64x4(_mm512_castpd256_pd512(low(0)), low(2), 1),
                odd = _mm512_insertf64x4(_mm512_castpd256_pd512(high(0)), high(2), 1);
  first = reinterpret_cast<Vec<double>>(_mm512_unpacklo_pd(even, odd));
  second = reinterpret_cast<Vec<double>>(_mm512_unpackhi_pd(even, odd));
#else
  const __m256d even = low(0), odd = high(0);
  first = reinterpret_cast<Vec<double>>(_mm256_unpacklo_pd(even, odd));
  second = reinterpret_cast<Vec<double>>(_mm256_unpackhi_pd(even, odd));
#endif
#else
  for (int k = 0; k < lanes<double>; ++k) {
    const auto* at = reinterpret_cast<const double*>(begin + static_cast<std::uint32_t>(offset[k]));
    first[k] = at[0];
    second[k] = at[1];
  }
#endif
}

// An index, in parts that have as many lanes as a vector of doubles.
template <class R>
struct Parts {
  Words<double> part[Doubles<R>::parts];

  explicit Parts(Words<R> index) {
    static_assert(sizeof part == sizeof index);
    __builtin_memcpy(part, &index, sizeof part);
  }
};

// Where the tables have a span that begins at a step; the entry of a later step follows as many
// entries behind.
template <class R, class W>
SPIKELET_INLINE W place_of(const Modulating<R>& how, W step) {
  return ((step & how.slot) << reward_reach_bits) + (step & how.within);
}
// Whether the stretch of a step does not have a later one.
template <class R, class W>
SPIKELET_INLINE auto is_far(const Modulating<R>& how, W from, W to) {
  return to - (from & ~how.within) >= how.size;
}

// From one step to a later one, in double precision, one synapse.
template <class R>
SPIKELET_INLINE void pass(const Modulating<R>& how, std::int32_t from, std::int32_t to, R& weight,
                          R& own) {
  if (to <= from) {
    return;
  }
  double integral, decay;
  if (is_far(how, from, to)) {
    how.passed(how.signal, how.base + from, how.base + to, integral, decay);
  } else {
    const std::int32_t place = place_of(how, from);
    const RewardFrom& a = how.reward_from[place];
    const RewardUntil& b = how.reward_until[place + (to - from)];
    integral = (b.sum - a.sum) * a.rise;
    decay = a.rise * b.fall;
  }
  const double wide = static_cast<double>(own);
  const double moved = static_cast<double>(weight) + wide * integral;
  weight = at_least(at_most(static_cast<R>(moved), how.high), how.low);
  own = static_cast<R>(wide * decay);
}
// A vector of them, with the integral and the decay of each part.
template <class R, class Integral, class Decay>
SPIKELET_INLINE void pass(const Modulating<R>& how, Vec<R>& weight, Vec<R>& own,
                          Integral&& integral, Decay&& decay) {
  Doubles<R> moved = in_double<R>(weight), wide = in_double<R>(own);
  for (int k = 0; k < Doubles<R>::parts; ++k) {
    moved.part[k] += wide.part[k] * integral(k);
    wide.part[k] *= decay(k);
  }
  weight = at_least(at_most(rounded<R>(moved), how.high), how.low);
  own = rounded<R>(wide);
}
// What a vector of spans does to eligibilities of 1.
template <class R>
struct Spans {
  Vec<double> integral[Doubles<R>::parts], decay[Doubles<R>::parts];
};
// Those that are far, where some are; of the first `count` lanes.
template <class R>
SPIKELET_INLINE void integrate_far(const Modulating<R>& how, Words<R> from, Words<R> to,
                                   std::size_t count, Spans<R>& spans) {
  constexpr int width = lanes<double>;
  const Words<R> far = is_far(how, from, to) & (to > from);
  std::uint32_t left = word_bits<R>(far) & first_lanes<R>(count);
  if (left == 0) {
    return;
  }
  Spans<R> changed = spans;  // in memory, so that the others stay in registers
  for (; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    double sum = 0, fall = 0;
    how.passed(how.signal, how.base + from[lane], how.base + to[lane], sum, fall);
    changed.integral[lane / width][lane % width] = sum;
    changed.decay[lane / width][lane % width] = fall;
  }
  spans = changed;
}
// until(part, sum, fall): at the end of each span.
template <class R, class Until>
SPIKELET_INLINE Spans<R> spans_from(const Modulating<R>& how, Words<R> place, Until&& until) {
  const Parts<R> at(place << 4);
  Spans<R> spans;
  for (int k = 0; k < Doubles<R>::parts; ++k) {
    Vec<double> rise{}, sum_from{}, sum_until{}, fall{};
    look_up_two(how.reward_from, at.part[k], rise, sum_from);
    until(k, sum_until, fall);
    spans.integral[k] = (sum_until - sum_from) * rise;
    spans.decay[k] = rise * fall;
  }
  return spans;
}
// To any steps. Those that are backwards are not used. far: whether some may be far.
template <bool far, class R>
SPIKELET_INLINE Spans<R> spans_of(const Modulating<R>& how, Words<R> from, Words<R> to,
                                  std::size_t count) {
  Words<R> end = to > from ? to : from;
  if constexpr (far) {
    end = is_far(how, from, to) ? from : end;
  }
  const Words<R> place = place_of(how, from);
  const Parts<R> until((place + (end - from)) << 4);
  Spans<R> spans = spans_from(how, place, [&](int k, Vec<double>& sum, Vec<double>& fall) {
    look_up_two(how.reward_until, until.part[k], sum, fall);
  });
  if constexpr (far) {
    integrate_far(how, from, to, count, spans);
  }
  return spans;
}
template <class R>
SPIKELET_INLINE void pass(const Modulating<R>& how, Words<R> from, Words<R> to,
                          const Spans<R>& spans, Vec<R>& weight, Vec<R>& own) {
  Vec<R> moved = weight, decayed = own;
  pass(
      how, moved, decayed, [&](int k) { return spans.integral[k]; },
      [&](int k) { return spans.decay[k]; });
  const auto passes = __builtin_convertvector(to > from, Mask<R>);  // the others pass no time
  weight = passes ? moved : weight;
  own = passes ? decayed : own;
}

// The end of spans up to one step, by the number of stretches that lie between their start and it.
struct alignas(64) Ends {
  static constexpr std::int32_t count = 4;  // longer spans are far
  RewardUntil of[count];
};
template <class R>
SPIKELET_INLINE Ends ends_at(const Modulating<R>& how, std::int32_t to) {
  Ends ends;
  const auto of = [&](std::int32_t k) {
    const std::int32_t before = k << how.shift;
    return how.reward_until + (place_of(how, to - before) + before);
  };
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  // In one store: a load of all would wait for several.
  const auto pair = [&](std::int32_t k) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(&of(k)->sum)),
                                _mm_load_pd(&of(k + 1)->sum), 1);
  };
  _mm512_store_pd(&ends.of[0].sum, _mm512_insertf64x4(_mm512_castpd256_pd512(pair(0)), pair(2), 1));
#else
  for (std::int32_t k = 0; k < Ends::count; ++k) {
    ends.of[k] = *of(k);
  }
#endif
  return ends;
}
SPIKELET_INLINE void look_up(const Ends& ends, Words<double> between, Vec<double>& sum,
                             Vec<double>& fall) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  static_assert(sizeof(Ends) == sizeof(__m512d));
  const __m512d all = _mm512_load_pd(&ends.of[0].sum);
  const __m512i at = _mm512_cvtepi32_epi64(reinterpret_cast<__m256i>(between << 1));
  sum = reinterpret_cast<Vec<double>>(_mm512_permutexvar_pd(at, all));
  fall = reinterpret_cast<Vec<double>>(
      _mm512_permutexvar_pd(_mm512_or_si512(at, _mm512_set1_epi64(1)), all));
#else
  look_up_two(ends.of, between << 4, sum, fall);
#endif
}
// To one step, whose ends are at hand.
template <bool far, class R>
SPIKELET_INLINE Spans<R> spans_of(const Modulating<R>& how, Words<R> from, std::int32_t to,
                                  const Ends& ends, std::size_t count) {
  const Parts<R> between(((to >> how.shift) - (from >> how.shift)) & (Ends::count - 1));
  Spans<R> spans =
      spans_from(how, place_of(how, from), [&](int k, Vec<double>& sum, Vec<double>& fall) {
        look_up(ends, between.part[k], sum, fall);
      });
  if constexpr (far) {
    integrate_far(how, from, Words<R>{} + to, count, spans);
  }
  return spans;
}

// Replays the spikes of a target that are older than its latest few.
template <class Rule, class R>
[[gnu::noinline]] void replay_older(const Rule& rule, const Modulating<R>& modulating,
                                    const ModulatedRow<R>& modulated, ModulatedRounds<R>& all,
                                    std::uint32_t place) {
  const Replaying<R>& how = modulating.how;
  const ReplayedRow<R>& row = modulated.row;
  Pieces<R>& part = all.rounds.part;
  const std::uint32_t latest = how.posts.end[part.target[place]] - TargetSpikes<R>::kept;
  std::uint32_t p = latest;
  while (how.posts.stamp[p - 1] > row.from) {
    --p;
  }
  R &weight = part.weight[place], &own = part.own[place];
  std::int32_t& since = all.since[place];
  for (; p < latest && how.posts.stamp[p] <= row.to; ++p) {
    const std::int32_t steps = std::max(how.posts.stamp[p] - row.last, 0);
    const R factor = how.posts.factor != nullptr ? how.posts.factor[p] : how.up;
    pass(modulating, since, steps + modulated.last, weight, own);
    since = steps + modulated.last;
    own = rule.up(own, row.pre * decayed(how.pre_decay, steps) * factor);
  }
}

// A round of spikes that are not the newest of their targets.
template <bool far, class Rule, class R>
SPIKELET_INLINE void replay(const Rule& rule, const Modulating<R>& modulating, std::size_t age,
                            ModulatedRounds<R>& all) {
  const Replaying<R>& how = modulating.how;
  Rounds<R, true>& rounds = all.rounds;
  Round<R>& round = rounds.round[age];
  const std::size_t size = rounds.size[age];
  if (size == 0) {
    return;
  }
  no_spikes_from(size, round);
  read_lanes(rounds, age, rounds.part.weight, all.weight);
  read_lanes(rounds, age, rounds.part.own, all.own);
  read_lanes(rounds, age, all.since, all.touched_at);
  const auto* steps = reinterpret_cast<const std::int32_t*>(round.steps);
  for (std::size_t k = 0; k < size; k += lanes<R>) {
    const Vec<R> factor = how.posts.latest_factor != nullptr
                              ? look_up<R>(how.posts.latest_factor,
                                           reinterpret_cast<const std::int32_t*>(round.at) + k)
                              : broadcast(how.up);
    Vec<R> weight = load(all.weight + k), own = load(all.own + k);
    const Words<R> time = load_words<R>(round.time + k);
    const Words<R> since = load_words<R>(all.touched_at + k);
    pass(modulating, since, time, spans_of<far>(modulating, since, time, size - k), weight, own);
    own = rule.up(own, load(round.trace + k) * decayed(how.pre_decay, steps + k) * factor);
    store(all.weight + k, weight);
    store(all.own + k, own);
    __builtin_memcpy(all.touched_at + k, &time, sizeof time);
  }
  write_lanes(rounds, age, all.weight, rounds.part.weight);
  write_lanes(rounds, age, all.own, rounds.part.own);
  write_lanes(rounds, age, all.touched_at, all.since);
}

// A few vectors of synapses: what is looked up for them.
template <class R>
struct Looked {
  static constexpr std::size_t vectors = 4;
  bool fired[vectors];  // whether a target has; else the rest is not looked up
  Words<R> is_in[vectors], since[vectors], time[vectors];
  Vec<R> change[vectors];
  Spans<R> before[vectors], after[vectors];  // the newest spike
};

// The newest spikes of targets, the rest of the time, and depression. All that is looked up comes
// first: the chain of operations on weights is long, and the processor does not see far beyond it.
template <bool far, class Rule, class R>
SPIKELET_INLINE void finish(const Rule& rule, const Modulating<R>& modulating,
                            const ModulatedRow<R>& modulated, const Piece<R>& piece,
                            ModulatedRounds<R>& all) {
  constexpr std::size_t width = lanes<R>;
  const Replaying<R>& how = modulating.how;
  const ReplayedRow<R>& row = modulated.row;
  const Rounds<R, true>& rounds = all.rounds;
  Pieces<R>& part = all.rounds.part;
  const Ends ends = ends_at(modulating, modulated.time);
  const std::int32_t wanted = row.pre > 0 ? -1 : 0;
  const std::size_t end = piece.first + piece.n;
  Looked<R> looked;
  for (std::size_t first = piece.first; first < end; first += looked.vectors * width) {
    const std::size_t vectors = std::min(looked.vectors, (end - first + width - 1) / width);
    for (std::size_t v = 0; v < vectors; ++v) {
      const std::size_t k = first + v * width;
      const Words<R> stamp = load_words<R>(rounds.newest + k), since = load_words<R>(all.since + k);
      const Words<R> is_in = (stamp > row.from) & (stamp <= row.to) & wanted;
      looked.fired[v] = word_bits<R>(is_in | (since != modulated.touched)) != 0;
      if (!looked.fired[v]) {
        continue;
      }
      const Words<R> later = stamp - row.last, steps = is_in & (later > 0 ? later : Words<R>{});
      const Words<R> time = is_in ? steps + modulated.last : since;
      const Vec<R> factor = how.posts.latest_factor != nullptr
                                ? newest_factor(how.posts, part.target + k)
                                : broadcast(how.up);
      looked.is_in[v] = is_in;
      looked.since[v] = since;
      looked.time[v] = time;
      looked.change[v] = row.pre * decayed(how.pre_decay, steps) * factor;
      looked.before[v] = spans_of<far>(modulating, since, time, end - k);
      looked.after[v] = spans_of<far>(modulating, time, modulated.time, ends, end - k);
    }
    for (std::size_t v = 0; v < vectors; ++v) {
      const std::size_t k = first + v * width;
      Vec<R> weight = load(part.weight + k), own = load(part.own + k);
      if (looked.fired[v]) {
        pass(modulating, looked.since[v], looked.time[v], looked.before[v], weight, own);
        const Vec<R> grown = rule.up(own, looked.change[v]);
        own = __builtin_convertvector(looked.is_in[v], Mask<R>) ? grown : own;
        pass(modulating, looked.time[v], Words<R>{} + modulated.time, looked.after[v], weight, own);
      } else {
        pass(
            modulating, weight, own, [&](int) { return modulated.integral; },
            [&](int) { return modulated.decay; });
      }
      store(part.weight + k, weight);
      store(part.own + k, rule.down(own, down_at(how, piece, k, rounds)));
    }
  }
}

// All spikes and spans of the pieces that are listed. far: whether some spans may be.
template <bool far, class Rule, class R>
[[gnu::noinline]] void apply(const Rule& rule, const Modulating<R>& modulating,
                             std::span<const ModulatedRow<R>> rows,
                             std::span<const Piece<R>> pieces, ModulatedRounds<R>& all) {
  for (std::size_t age = all.rounds.round.size(); --age > 0;) {
    replay<far>(rule, modulating, age, all);
  }
  for (const Piece<R>& piece : pieces) {
    finish<far>(rule, modulating, rows[piece.number], piece, all);
  }
}

template <template <class> class Rule, class R>
void modulated_rows(const double* p, const Modulating<R>& modulating,
                    std::span<const ModulatedRow<R>> rows) {
  const Rule<R> rule(p);
  const Replaying<R>& how = modulating.how;
  ModulatedRounds<R> all;
  Rounds<R, true>& rounds = all.rounds;
  Pieces<R>& part = rounds.part;
  std::size_t row = 0, begin = 0;
  while (row < rows.size()) {
    take(
        rows.size(), [&](std::size_t k) -> const ReplayedRow<R>& { return rows[k].row; }, row,
        begin, part);
    const std::span<const Piece<R>> pieces(part.piece.data(), part.count);
    bool far = false;  // if the longest span of a row is not, no other one is
    for (const Piece<R>& piece : pieces) {
      const ModulatedRow<R>& modulated = rows[piece.number];
      const std::int32_t first =
          modulated.row.pre > 0 ? std::min(modulated.touched, modulated.last) : modulated.touched;
      far = far || is_far(modulating, first, modulated.time);
      const Words<R> since = Words<R>{} + modulated.touched;
      for (std::size_t k = piece.first; k < piece.first + piece.n; k += lanes<R>) {
        __builtin_memcpy(all.since + k, &since, sizeof since);
      }
      rounds.clock[&piece - pieces.data()] = modulated.last;
    }
    list_spikes(how, pieces, rounds, [&](const Piece<R>& piece, std::uint32_t k) {
      replay_older(rule, modulating, rows[piece.number], all, k);
    });
    if (far) {
      apply<true>(rule, modulating, rows, pieces, all);
    } else {
      apply<false>(rule, modulating, rows, pieces, all);
    }
    put_back(part);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
