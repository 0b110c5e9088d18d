// A row of synapses of a modulated rule at a spike of its source: as in replay.hpp, but spikes
// change the eligibility, and between them it decays and the reward turns it into weight. Synapses
// without a spike to replay all pass the same time, and so share what it does.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct ModulatedRounds {
  static constexpr std::size_t room = Pieces<R>::room;
  Rounds<R> rounds;
  // By place: when the eligibility had its value.
  alignas(64) std::int32_t since[room];
  // Results of a round.
  alignas(64) R weight[room], own[room];
  alignas(64) std::int32_t time[room];
  alignas(64) std::uint32_t touched[room];  // places of synapses with spikes replayed
};

// rise and sum, or sum and fall, for as many steps as a vector has doubles.
SPIKELET_INLINE void look_up_two(const double* from, const std::int32_t* step, Vec<double>& first,
                                 Vec<double>& second) {
  static_assert(sizeof(RewardAt) == 4 * sizeof(double));
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  const auto two = [&](int lane) { return _mm_loadu_pd(from + 4 * std::ptrdiff_t{step[lane]}); };
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
    first[k] = from[4 * std::ptrdiff_t{step[k]}];
    second[k] = from[4 * std::ptrdiff_t{step[k]} + 1];
  }
#endif
}

// Where the stretch of a step begins, as far as steps from there are counted from the row's.
template <class R, class W>
SPIKELET_INLINE W begin_of(const ModulatedRow<R>& row, W step) {
  const W stretch = step >> row.shift;
  return ((stretch + row.number) & (row.stretches - 1)) * row.size - (stretch << row.shift);
}

// From one step to a later one, in double precision, one synapse.
template <class R>
SPIKELET_INLINE void pass(const ModulatedRow<R>& row, std::int32_t from, std::int32_t to, R& weight,
                          R& own) {
  if (to > from) {
    const std::int32_t begin = begin_of(row, from);
    const RewardAt &a = row.reward[begin + from], &b = row.reward[begin + to];
    const double wide = static_cast<double>(own);
    const double moved = static_cast<double>(weight) + wide * ((b.sum - a.sum) * a.rise);
    weight = at_least(at_most(static_cast<R>(moved), row.high), row.low);
    own = static_cast<R>(wide * (a.rise * b.fall));
  }
}
// A vector of them, with the integral and the decay of each part.
template <class R, class Integral, class Decay>
SPIKELET_INLINE void pass(const ModulatedRow<R>& row, Vec<R>& weight, Vec<R>& own,
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
  weight = at_least(at_most(moved, row.high), row.low);
}
template <class R>
SPIKELET_INLINE void pass(const ModulatedRow<R>& row, Words<R> from, Words<R> to, Vec<R>& weight,
                          Vec<R>& own) {
  constexpr int parts = sizeof(R) == 4 ? 2 : 1;
  const Words<R> begin = begin_of(row, from);
  const Words<R> first = begin + from, last = begin + to;
  alignas(64) std::int32_t a[lanes<R>], b[lanes<R>];
  put_in_memory(first, a);
  put_in_memory(last, b);
  Vec<double> integral[parts], decay[parts];
  for (int k = 0; k < parts; ++k) {
    Vec<double> rise{}, sum_a{}, sum_b{}, fall{};
    look_up_two(&row.reward->rise, a + k * lanes<double>, rise, sum_a);
    look_up_two(&row.reward->sum, b + k * lanes<double>, sum_b, fall);
    integral[k] = (sum_b - sum_a) * rise;
    decay[k] = rise * fall;
  }
  Vec<R> moved = weight, decayed = own;
  pass(row, moved, decayed, [&](int k) { return integral[k]; }, [&](int k) { return decay[k]; });
  const auto passes = __builtin_convertvector(to > from, Mask<R>);
  weight = passes ? moved : weight;
  own = passes ? decayed : own;
}

// Replays the spikes of a target that are older than its latest few.
template <class Rule, class R>
[[gnu::noinline]] void replay_older(const Rule& rule, const ModulatedRow<R>& modulated,
                                    ModulatedRounds<R>& all, std::uint32_t place) {
  const Replaying<R>& how = modulated.how;
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
    pass(modulated, since, steps + modulated.last, weight, own);
    since = steps + modulated.last;
    own = rule.up(own, row.pre * decayed(how.pre_decay, steps) * factor);
  }
}

template <class Rule, class R>
SPIKELET_INLINE void replay(const Rule& rule, const ModulatedRow<R>& modulated, Round<R>& round,
                            std::size_t size, ModulatedRounds<R>& all) {
  const Replaying<R>& how = modulated.how;
  Pieces<R>& part = all.rounds.part;
  no_spikes_from(size, round);
  const auto* place = reinterpret_cast<const std::int32_t*>(round.place);
  const auto* steps = reinterpret_cast<const std::int32_t*>(round.steps);
  for (std::size_t k = 0; k < size; k += lanes<R>) {
    const Words<R> time = load_words<R>(steps + k) + modulated.last,
                   since = look_up_words<R>(all.since, place + k);
    const Vec<R> factor =
        how.posts.latest_factor != nullptr
            ? look_up<R>(how.posts.latest_factor, reinterpret_cast<const std::int32_t*>(round.at) + k)
            : broadcast(how.up);
    Vec<R> weight = look_up<R>(part.weight, place + k), own = look_up<R>(part.own, place + k);
    pass(modulated, since, time, weight, own);
    own = rule.up(own, load(round.trace + k) * decayed(how.pre_decay, steps + k) * factor);
    store(all.weight + k, weight);
    store(all.own + k, own);
    __builtin_memcpy(all.time + k, &time, sizeof time);
  }
  for (std::size_t k = 0; k < size; ++k) {
    part.weight[place[k]] = all.weight[k];
    part.own[place[k]] = all.own[k];
    all.since[place[k]] = all.time[k];
  }
}

// To the source's spike: first as if no synapse had been touched since the last one; those that
// were, from then on.
template <class R>
SPIKELET_INLINE void pass_all(const ModulatedRow<R>& modulated, ModulatedRounds<R>& all) {
  constexpr std::size_t width = lanes<R>;
  Pieces<R>& part = all.rounds.part;
  const std::size_t n = part.piece[0].n;
  std::size_t touched = 0;
  for (std::size_t k = 0; k < n; k += width) {
    const std::uint32_t which =
        word_bits<R>(load_words<R>(all.since + k) != modulated.last) & first_lanes<R>(n - k);
    pack(which, lane_indices<R>() + static_cast<std::int32_t>(k), all.touched + touched);
    touched += static_cast<std::size_t>(std::popcount(which));
  }
  const Words<R> none{};
  __builtin_memcpy(all.touched + touched, &none, sizeof none);  // lanes beyond the end
  const auto* place = reinterpret_cast<const std::int32_t*>(all.touched);
  for (std::size_t k = 0; k < touched; k += width) {
    Vec<R> weight = look_up<R>(part.weight, place + k), own = look_up<R>(part.own, place + k);
    pass(modulated, look_up_words<R>(all.since, place + k), Words<R>{} + modulated.time, weight,
         own);
    store(all.weight + k, weight);
    store(all.own + k, own);
  }
  const std::int32_t begin = begin_of(modulated, modulated.last);
  const RewardAt &a = modulated.reward[begin + modulated.last],
                 &b = modulated.reward[begin + modulated.time];
  const double integral = (b.sum - a.sum) * a.rise, decay = a.rise * b.fall;
  for (std::size_t k = 0; k < n; k += width) {
    Vec<R> weight = load(part.weight + k), own = load(part.own + k);
    pass(modulated, weight, own, [&](int) { return integral; }, [&](int) { return decay; });
    store(part.weight + k, weight);
    store(part.own + k, own);
  }
  for (std::size_t k = 0; k < touched; ++k) {
    part.weight[place[k]] = all.weight[k];
    part.own[place[k]] = all.own[k];
  }
}

template <template <class> class Rule, class R>
void modulated_row(const double* p, const ModulatedRow<R>& modulated) {
  const Rule<R> rule(p);
  const Replaying<R>& how = modulated.how;
  ModulatedRounds<R> all;
  Rounds<R>& rounds = all.rounds;
  Pieces<R>& part = rounds.part;
  std::size_t row = 0, begin = 0;
  while (row < 1) {
    take(1, [&](std::size_t) -> const ReplayedRow<R>& { return modulated.row; }, row, begin, part);
    rounds.size = {};
    const Words<R> since = Words<R>{} + modulated.last;
    for (std::size_t k = 0; k < part.piece[0].n; k += lanes<R>) {
      __builtin_memcpy(all.since + k, &since, sizeof since);
    }
    list_spikes(how, part.piece[0], rounds,
                [&](std::uint32_t k) { replay_older(rule, modulated, all, k); });
    for (std::size_t age = rounds.round.size(); age-- > 0;) {
      replay(rule, modulated, rounds.round[age], rounds.size[age], all);
    }
    pass_all(modulated, all);
    for (std::size_t k = 0; k < part.piece[0].n; k += lanes<R>) {
      const Vec<R> change = load(rounds.down_trace + k) *
                            decayed(how.post_decay, rounds.down_steps + k) * modulated.row.down;
      store(part.own + k, rule.down(load(part.own + k), change));
    }
    put_back(part);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
