// A row of synapses of a modulated rule at a spike of its source: as in replay.hpp, but spikes
// change the eligibility, and between them it decays and the reward turns it into weight. Synapses
// without a spike to replay all pass the same time, and so share what it does.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct ModulatedReplay {
  static constexpr std::size_t room = replayed_together + lanes<R>;
  Replay<R> part;
  // The list goes on: eligibilities, and when they had these values.
  alignas(64) R own[room];
  alignas(64) std::int32_t since[room];
  // Those that left the list.
  alignas(64) std::uint32_t done_synapse[room];
  alignas(64) R done_weight[room], done_own[room];
  alignas(64) std::int32_t done_since[room];
  std::size_t done;
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

// Replays more spikes of a target than are kept together, the first of which is number `p`.
template <class Rule, class R>
[[gnu::noinline]] void replay_many(const Rule& rule, const ModulatedRow<R>& modulated,
                                   ModulatedReplay<R>& all, std::uint32_t k, std::uint32_t p,
                                   std::uint32_t left) {
  const Replaying<R>& how = modulated.how;
  const ReplayedRow<R>& row = modulated.row;
  R weight = all.part.weight[k], own = all.part.own[k];
  std::int32_t since = modulated.last;
  for (; left > 0; --left, ++p) {
    const std::int32_t steps = std::max(how.posts.stamp[p] - row.last, 0);
    const R factor = how.posts.factor != nullptr ? how.posts.factor[p] : how.up;
    pass(modulated, since, steps + modulated.last, weight, own);
    since = steps + modulated.last;
    own = rule.up(own, row.pre * decayed(how.pre_decay, steps) * factor);
  }
  all.done_synapse[all.done] = k;
  all.done_weight[all.done] = weight;
  all.done_own[all.done] = own;
  all.done_since[all.done++] = since;
}

template <class Rule, class R>
SPIKELET_INLINE void list_synapses(const Rule& rule, const ModulatedRow<R>& modulated,
                                   ModulatedReplay<R>& all) {
  constexpr std::uint32_t kept = TargetSpikes<R>::kept;
  const ReplayedRow<R>& row = modulated.row;
  const TargetSpikes<R>& posts = modulated.how.posts;
  Replay<R>& part = all.part;
  const std::size_t n = find_newest(modulated.how, part.piece[0], part, part.synapse);
  std::size_t size = 0;
  all.done = 0;
  for (std::size_t c = 0; c < n; ++c) {
    const std::uint32_t k = part.synapse[c], j = part.target[k], first = j * kept;
    std::uint32_t since = count_above(posts.latest + first, row.from);
    std::uint32_t left = since - count_above(posts.latest + first, row.to);
    if (since == kept) {
      const auto count = [&](std::int32_t time) {
        std::uint32_t later = 0;
        while (posts.stamp[posts.end[j] - later - 1] > time) {
          ++later;
        }
        return later;
      };
      since = count(row.from);
      left = since - count(row.to);
      if (left > 0) {
        replay_many(rule, modulated, all, k, posts.end[j] - since, left);
        left = 0;
      }
    }
    part.at[size] = first + kept - since;
    part.weights[size] = part.weight[k];
    all.own[size] = part.own[k];
    all.since[size] = modulated.last;
    part.synapse[size] = k | left << left_from;
    size += left > 0 ? 1 : 0;
  }
  part.size = size;
}

template <class Rule, class R>
SPIKELET_INLINE void replay_list(const Rule& rule, const ModulatedRow<R>& modulated,
                                 ModulatedReplay<R>& all) {
  constexpr std::size_t width = lanes<R>;
  const ReplayedRow<R>& row = modulated.row;
  const Replaying<R>& how = modulated.how;
  Replay<R>& part = all.part;
  while (part.size > 0) {
    for (std::size_t k = part.size; k % width != 0; ++k) {  // lanes beyond the end
      part.at[k] = part.synapse[k] = 0;
      all.since[k] = modulated.last;
    }
    std::size_t kept = 0;
    for (std::size_t k = 0; k < part.size; k += width) {
      const Words<R> at = load_words<R>(part.at + k), synapse = load_words<R>(part.synapse + k);
      const Words<R> stamp = look_up_words<R>(how.posts.latest, at) - row.last;
      const Words<R> steps = stamp > 0 ? stamp : Words<R>{};
      const Words<R> time = steps + modulated.last;
      const Vec<R> factor = how.posts.latest_factor != nullptr
                                ? look_up<R>(how.posts.latest_factor, at)
                                : broadcast(how.up);
      Vec<R> weight = load(part.weights + k), own = load(all.own + k);
      pass(modulated, load_words<R>(all.since + k), time, weight, own);
      own = rule.up(own, row.pre * decayed(how.pre_decay, steps) * factor);
      const std::uint32_t used = part.size - k >= width ? ~0u : (1u << (part.size - k)) - 1u;
      const std::uint32_t more = word_bits<R>(synapse >= 2 << left_from);
      const std::uint32_t last = word_bits<R>(synapse < 2 << left_from) & used;
      pack(last, weight, all.done_weight + all.done);
      pack(last, own, all.done_own + all.done);
      pack(last, time, reinterpret_cast<std::uint32_t*>(all.done_since + all.done));
      pack(last, synapse & ((1 << synapse_bits) - 1), all.done_synapse + all.done);
      all.done += static_cast<std::size_t>(std::popcount(last));
      pack(more, weight, part.weights + kept);
      pack(more, own, all.own + kept);
      pack(more, time, reinterpret_cast<std::uint32_t*>(all.since + kept));
      pack(more, at + 1, part.at + kept);
      pack(more, synapse - (1 << left_from), part.synapse + kept);
      kept += static_cast<std::size_t>(std::popcount(more));
    }
    part.size = kept;
  }
}

// To the source's spike: first as if no synapse had been touched since the last one, then those
// that were.
template <class R>
SPIKELET_INLINE void pass_all(const ModulatedRow<R>& modulated, Replay<R>& part) {
  const std::int32_t begin = begin_of(modulated, modulated.last);
  const RewardAt &a = modulated.reward[begin + modulated.last],
                 &b = modulated.reward[begin + modulated.time];
  const double integral = (b.sum - a.sum) * a.rise, decay = a.rise * b.fall;
  for (std::size_t k = 0; k < part.piece[0].n; k += lanes<R>) {
    Vec<R> weight = load(part.weight + k), own = load(part.own + k);
    pass(modulated, weight, own, [&](int) { return integral; }, [&](int) { return decay; });
    store(part.weight + k, weight);
    store(part.own + k, own);
  }
}
template <class R>
SPIKELET_INLINE void pass_done(const ModulatedRow<R>& modulated, ModulatedReplay<R>& all) {
  constexpr std::size_t width = lanes<R>;
  for (std::size_t k = all.done; k % width != 0; ++k) {  // lanes beyond the end
    all.done_since[k] = modulated.last;
  }
  for (std::size_t k = 0; k < all.done; k += width) {
    Vec<R> weight = load(all.done_weight + k), own = load(all.done_own + k);
    pass(modulated, load_words<R>(all.done_since + k), Words<R>{} + modulated.time, weight, own);
    store(all.done_weight + k, weight);
    store(all.done_own + k, own);
  }
  for (std::size_t k = 0; k < all.done; ++k) {
    all.part.weight[all.done_synapse[k]] = all.done_weight[k];
    all.part.own[all.done_synapse[k]] = all.done_own[k];
  }
}

template <template <class> class Rule, class R>
void modulated_row(const double* p, const ModulatedRow<R>& modulated) {
  const Rule<R> rule(p);
  const std::span<const ReplayedRow<R>> rows(&modulated.row, 1);
  ModulatedReplay<R> all;
  Replay<R>& part = all.part;
  std::size_t row = 0, begin = 0;
  while (row < rows.size()) {
    take(rows, row, begin, part);
    list_synapses(rule, modulated, all);
    pass_all(modulated, part);
    replay_list(rule, modulated, all);
    pass_done(modulated, all);
    for (std::size_t k = 0; k < part.piece[0].n; k += lanes<R>) {
      const Vec<R> change = depressions(modulated.how, modulated.row, part, k, part.piece[0].n - k);
      store(part.own + k, rule.down(load(part.own + k), change));
    }
    put_back(part);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
