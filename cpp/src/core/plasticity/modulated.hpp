// Rows of synapses of a modulated rule at spikes of their sources: as in replay.hpp, but spikes
// change the eligibility, and between them it decays and the reward turns it into weight. Synapses
// without a spike to replay all pass the same time, and so share what it does. The newest spike of
// a target is the last one of its synapse, which passes the rest of the time with it.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct ModulatedRounds {
  static constexpr std::size_t room = Pieces<R>::room;
  Rounds<R, true> rounds;
  // By place: when the eligibility had its value, and the time of the source's spike. Pieces that
  // share rounds have several of the latter.
  alignas(64) std::int32_t since[room], until[room];
  // Of a round: what its synapses have, and then get.
  alignas(64) R weight[room], own[room];
  alignas(64) std::int32_t touched_at[room], spike_at[room];
  alignas(64) std::uint32_t touched[room];  // places of synapses that have not passed all of it
};

// rise and sum, or sum and fall, for as many steps as a vector has doubles.
SPIKELET_INLINE void look_up_two(const double* from, const std::int32_t* step, Vec<double>& first,
                                 Vec<double>& second) {
  static_assert(sizeof(RewardFrom) == 2 * sizeof(double));
  static_assert(sizeof(RewardUntil) == 2 * sizeof(double));
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  const auto two = [&](int lane) { return _mm_loadu_pd(from + 2 * std::ptrdiff_t{step[lane]}); };
  const auto pair = [&](int a, int b) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(two(a)), two(b), 1);
  };
#if SPIKELET_VECTOR_BYTES == 64
  const __m512d even = _mm512_insertf64x4(_mm512_castpd256_pd512(pair(0, 2)), pair(4, 6), 1),
                odd = _mm512_insertf64x4(_mm512_castpd256_pd512(pair(1, 3)), pair(5, 7), 1);
  first = reinterpret_cast<Vec<double>>(_mm512_unpacklo_pd(even, odd));
  second = reinterpret_cast<Vec<double>>(_mm512_unpackhi_pd(even, odd));
#else
  const __m256d even = pair(0, 2), odd = pair(1, 3);
  first = reinterpret_cast<Vec<double>>(_mm256_unpacklo_pd(even, odd));
  second = reinterpret_cast<Vec<double>>(_mm256_unpackhi_pd(even, odd));
#endif
#else
  for (int k = 0; k < lanes<double>; ++k) {
    first[k] = from[2 * std::ptrdiff_t{step[k]}];
    second[k] = from[2 * std::ptrdiff_t{step[k]} + 1];
  }
#endif
}

// Where the stretch of a step begins, as far as steps from there are counted from the base.
template <class R, class W>
SPIKELET_INLINE W begin_of(const Modulating<R>& how, W step) {
  const W stretch = step >> how.shift;
  return ((stretch + how.number) & (how.stretches - 1)) * how.size - (stretch << how.shift);
}
// Whether the stretch of a step does not have a later one.
template <class R, class W>
SPIKELET_INLINE auto is_far(const Modulating<R>& how, W from, W to) {
  return to - ((from >> how.shift) << how.shift) >= how.size;
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
    const std::int32_t begin = begin_of(how, from);
    const RewardFrom& a = how.reward_from[begin + from];
    const RewardUntil& b = how.reward_until[begin + to];
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
  constexpr int parts = sizeof(R) == 4 ? 2 : 1;
  typedef R Part __attribute__((vector_size(sizeof(Vec<R>) / parts)));
  Part w[parts], c[parts];
  __builtin_memcpy(w, &weight, sizeof w);
  __builtin_memcpy(c, &own, sizeof c);
  for (int k = 0; k < parts; ++k) {
    const Vec<double> wide = __builtin_convertvector(c[k], Vec<double>);
    const Vec<double> moved = __builtin_convertvector(w[k], Vec<double>) + wide * integral(k);
    w[k] = __builtin_convertvector(moved, Part);
    c[k] = __builtin_convertvector(wide * decay(k), Part);
  }
  Vec<R> moved;
  __builtin_memcpy(&moved, w, sizeof w);
  __builtin_memcpy(&own, c, sizeof c);
  weight = at_least(at_most(moved, how.high), how.low);
}
// The first `count` lanes.
template <class R>
SPIKELET_INLINE void pass(const Modulating<R>& how, Words<R> from, Words<R> to, std::size_t count,
                          Vec<R>& weight, Vec<R>& own) {
  constexpr int parts = sizeof(R) == 4 ? 2 : 1, width = lanes<double>;
  const Words<R> begin = begin_of(how, from), far = is_far(how, from, to) & (to > from);
  // Some pass no time; those beyond the end, any.
  const Words<R> first = begin + from, last = begin + ((far | (to < from)) ? from : to);
  alignas(64) std::int32_t a[lanes<R>], b[lanes<R>];
  put_in_memory(first, a);
  put_in_memory(last, b);
  Vec<double> integral[parts], decay[parts];
  for (int k = 0; k < parts; ++k) {
    Vec<double> rise{}, sum_a{}, sum_b{}, fall{};
    look_up_two(&how.reward_from->rise, a + k * width, rise, sum_a);
    look_up_two(&how.reward_until->sum, b + k * width, sum_b, fall);
    integral[k] = (sum_b - sum_a) * rise;
    decay[k] = rise * fall;
  }
  for (std::uint32_t left = word_bits<R>(far) & first_lanes<R>(count); left != 0;
       left &= left - 1) {
    const int lane = std::countr_zero(left);
    double sum = 0, fall = 0;
    how.passed(how.signal, how.base + from[lane], how.base + to[lane], sum, fall);
    integral[lane / width][lane % width] = sum;
    decay[lane / width][lane % width] = fall;
  }
  Vec<R> moved = weight, decayed = own;
  pass(how, moved, decayed, [&](int k) { return integral[k]; }, [&](int k) { return decay[k]; });
  const auto passes = __builtin_convertvector(to > from, Mask<R>);
  weight = passes ? moved : weight;
  own = passes ? decayed : own;
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

// newest: then, the synapses pass the time to their sources' spikes, too.
template <bool newest, class Rule, class R>
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
  const bool several = rounds.part.count > 1;
  if (newest && several) {
    read_lanes(rounds, age, all.until, all.spike_at);
  }
  const auto* steps = reinterpret_cast<const std::int32_t*>(round.steps);
  for (std::size_t k = 0; k < size; k += lanes<R>) {
    const Vec<R> factor = how.posts.latest_factor != nullptr
                              ? look_up<R>(how.posts.latest_factor,
                                           reinterpret_cast<const std::int32_t*>(round.at) + k)
                              : broadcast(how.up);
    Vec<R> weight = load(all.weight + k), own = load(all.own + k);
    Words<R> time = load_words<R>(round.time + k);
    pass(modulating, load_words<R>(all.touched_at + k), time, size - k, weight, own);
    own = rule.up(own, load(round.trace + k) * decayed(how.pre_decay, steps + k) * factor);
    if constexpr (newest) {
      const Words<R> until = load_words<R>(several ? all.spike_at + k : all.until);
      pass(modulating, time, until, size - k, weight, own);
      time = until;
    }
    store(all.weight + k, weight);
    store(all.own + k, own);
    __builtin_memcpy(all.touched_at + k, &time, sizeof time);
  }
  write_lanes(rounds, age, all.weight, rounds.part.weight);
  write_lanes(rounds, age, all.own, rounds.part.own);
  write_lanes(rounds, age, all.touched_at, all.since);
}

// To the sources' spikes: synapses without a spike replayed all do the same. Few have one replayed
// that is not the target's newest, which is not at the synapse yet; they have not passed the rest.
template <class R>
SPIKELET_INLINE void pass_all(const Modulating<R>& modulating,
                              std::span<const ModulatedRow<R>> rows, ModulatedRounds<R>& all) {
  constexpr std::size_t width = lanes<R>;
  Pieces<R>& part = all.rounds.part;
  std::size_t touched = 0;
  for (std::size_t p = 0; p < part.count; ++p) {
    const std::size_t first = part.piece[p].first, end = first + part.piece[p].n;
    const ModulatedRow<R>& row = rows[part.piece[p].number];
    for (std::size_t k = first; k < end; k += width) {
      const Words<R> since = load_words<R>(all.since + k);
      const Vec<R> weight = load(part.weight + k), own = load(part.own + k);
      Vec<R> moved = weight, decayed = own;
      pass(
          modulating, moved, decayed, [&](int) { return row.integral; },
          [&](int) { return row.decay; });
      const auto passes = __builtin_convertvector(since == row.touched, Mask<R>);
      store(part.weight + k, passes ? moved : weight);
      store(part.own + k, passes ? decayed : own);
      const std::uint32_t which =
          word_bits<R>((since != row.touched) & (since != row.time)) & first_lanes<R>(end - k);
      if (which != 0) {
        pack(which, lane_indices<R>() + static_cast<std::int32_t>(k), all.touched + touched);
        touched += static_cast<std::size_t>(std::popcount(which));
      }
    }
  }
  const Words<R> none{};
  __builtin_memcpy(all.touched + touched, &none, sizeof none);  // lanes beyond the end
  const auto* place = reinterpret_cast<const std::int32_t*>(all.touched);
  for (std::size_t k = 0; k < touched; k += width) {
    Vec<R> weight = look_up<R>(part.weight, place + k), own = look_up<R>(part.own, place + k);
    pass(modulating, look_up_words<R>(all.since, place + k), look_up_words<R>(all.until, place + k),
         touched - k, weight, own);
    store(all.weight + k, weight);
    store(all.own + k, own);
  }
  for (std::size_t k = 0; k < touched; ++k) {
    part.weight[place[k]] = all.weight[k];
    part.own[place[k]] = all.own[k];
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
    for (const Piece<R>& piece : pieces) {
      const ModulatedRow<R>& modulated = rows[piece.number];
      const Words<R> since = Words<R>{} + modulated.touched, until = Words<R>{} + modulated.time;
      for (std::size_t k = piece.first; k < piece.first + piece.n; k += lanes<R>) {
        __builtin_memcpy(all.since + k, &since, sizeof since);
        __builtin_memcpy(all.until + k, &until, sizeof until);
      }
      rounds.clock[&piece - pieces.data()] = modulated.last;
    }
    list_spikes(how, pieces, rounds, [&](const Piece<R>& piece, std::uint32_t k) {
      replay_older(rule, modulating, rows[piece.number], all, k);
    });
    for (std::size_t age = rounds.round.size(); --age > 0;) {
      replay<false>(rule, modulating, age, all);
    }
    replay<true>(rule, modulating, 0, all);
    pass_all(modulating, rows, all);
    for (const Piece<R>& piece : pieces) {
      for (std::size_t k = piece.first; k < piece.first + piece.n; k += lanes<R>) {
        const Vec<R> change = down_at(how, piece, k, rounds);
        store(part.own + k, rule.down(load(part.own + k), change));
      }
    }
    put_back(part);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
