// A row of synapses of a modulated rule at a spike of its source: as in replay.hpp, but spikes
// change the eligibility, and between them it decays and the reward turns it into weight.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
struct ModulatedReplay {
  static constexpr std::size_t room = replayed_together + lanes<R>;
  Replay<R> part;
  R* eligibility;
  alignas(64) std::int32_t touched[room];  // by synapse
  // The list goes on.
  alignas(64) R own[room];
  alignas(64) std::int32_t since[room];
};

// From one step to another, in double precision.
template <class R>
SPIKELET_INLINE void pass(const ModulatedRow<R>& row, Words<R> from, Words<R> to, Vec<R>& weight,
                          Vec<R>& own) {
  constexpr int parts = sizeof(R) == 4 ? 2 : 1;
  typedef R Part __attribute__((vector_size(sizeof(Vec<R>) / parts)));
  using Index = typename IndexOf<double>::type;
  const Words<R> stretch = from >> row.shift;
  const Words<R> begin =
      ((stretch + row.number) & (row.stretches - 1)) * row.size - (stretch << row.shift);
  const Words<R> first = begin + from, last = begin + to;
  Index a[parts], b[parts];
  Part w[parts], c[parts];
  __builtin_memcpy(a, &first, sizeof a);
  __builtin_memcpy(b, &last, sizeof b);
  __builtin_memcpy(w, &weight, sizeof w);
  __builtin_memcpy(c, &own, sizeof c);
  for (int k = 0; k < parts; ++k) {
    const Vec<double> rise = gather<double>(row.rise, a[k]);
    const Vec<double> integral =
        (gather<double>(row.sum, b[k]) - gather<double>(row.sum, a[k])) * rise;
    const Vec<double> wide = __builtin_convertvector(c[k], Vec<double>);
    const Vec<double> moved = __builtin_convertvector(w[k], Vec<double>) + wide * integral;
    w[k] = __builtin_convertvector(moved, Part);
    c[k] = __builtin_convertvector(wide * (rise * gather<double>(row.fall, b[k])), Part);
  }
  Vec<R> moved, decayed;
  __builtin_memcpy(&moved, w, sizeof w);
  __builtin_memcpy(&decayed, c, sizeof c);
  const auto passes = __builtin_convertvector(to > from, Mask<R>);
  moved = at_least(at_most(moved, row.high), row.low);
  weight = passes ? moved : weight;
  own = passes ? decayed : own;
}

template <class R>
SPIKELET_INLINE void list_synapses(const ModulatedRow<R>& modulated, ModulatedReplay<R>& all) {
  constexpr std::uint32_t kept = TargetSpikes<R>::kept;
  const ReplayedRow<R>& row = modulated.row;
  Replay<R>& part = all.part;
  const std::size_t n = find_newest(row, part);
  std::size_t size = 0;
  for (std::size_t c = 0; c < n; ++c) {
    const std::uint32_t k = part.synapse[c], j = part.target[k], end = row.posts.end[j];
    const auto later_than = [&](std::int32_t time) {
      std::uint32_t count = count_above(row.posts.latest + j * kept, time);
      while (count >= kept && row.posts.stamp[end - count - 1] > time) {
        ++count;
      }
      return count;
    };
    const std::uint32_t since = later_than(row.from), left = since - later_than(row.to);
    part.at[size] = end - since;
    part.weights[size] = part.weight[k];
    all.own[size] = all.eligibility[k];
    all.since[size] = modulated.last;
    part.synapse[size] = k | left << 16;
    size += left > 0 ? 1 : 0;
  }
  part.size = size;
}

template <class Rule, class R>
SPIKELET_INLINE void replay_list(const Rule& rule, const ModulatedRow<R>& modulated,
                                 ModulatedReplay<R>& all) {
  constexpr std::size_t width = lanes<R>;
  const ReplayedRow<R>& row = modulated.row;
  Replay<R>& part = all.part;
  while (part.size > 0) {
    for (std::size_t k = part.size; k % width != 0; ++k) {  // lanes beyond the end
      part.at[k] = part.synapse[k] = 0;
      all.since[k] = modulated.last;
    }
    std::size_t kept = 0;
    for (std::size_t k = 0; k < part.size; k += width) {
      const Words<R> at = load_words<R>(part.at + k), synapse = load_words<R>(part.synapse + k);
      const Words<R> stamp = gather_words<R>(row.posts.stamp, at) - row.last;
      const Words<R> steps = stamp > 0 ? stamp : Words<R>{};
      const Words<R> time = steps + modulated.last;
      const Vec<R> factor =
          row.posts.factor != nullptr ? gather<R>(row.posts.factor, at) : broadcast(row.up);
      Vec<R> weight = load(part.weights + k), own = load(all.own + k);
      pass(modulated, load_words<R>(all.since + k), time, weight, own);
      own = rule.up(own, row.pre * decayed(row.pre_decay, steps) * factor);
      store(part.weights + k, weight);
      store(all.own + k, own);
      __builtin_memcpy(all.since + k, &time, sizeof time);
      const std::size_t count = std::min(width, part.size - k);
      for (std::size_t lane = 0; lane < count; ++lane) {
        const std::uint32_t s = part.synapse[k + lane] & 0xffffu;
        part.weight[s] = part.weights[k + lane];
        all.eligibility[s] = all.own[k + lane];
        all.touched[s] = all.since[k + lane];
      }
      const std::uint32_t more = word_bits<R>(synapse >= 2 << 16);
      pack(more, weight, part.weights + kept);
      pack(more, own, all.own + kept);
      pack(more, time, reinterpret_cast<std::uint32_t*>(all.since + kept));
      pack(more, at + 1, part.at + kept);
      pack(more, synapse - (1 << 16), part.synapse + kept);
      kept += static_cast<std::size_t>(std::popcount(more));
    }
    part.size = kept;
  }
}

template <template <class> class Rule, class R>
void modulated_row(const double* p, const ModulatedRow<R>& modulated) {
  const Rule<R> rule(p);
  const ReplayedRow<R>& row = modulated.row;
  ModulatedReplay<R> all;
  Replay<R>& part = all.part;
  part.own = nullptr;
  for (std::size_t first = 0; first < row.n; first += replayed_together) {
    part.weight = row.weight + first;
    part.target = row.target + first;
    part.n = std::min(row.n - first, replayed_together);
    part.more = row.n - first - part.n + row.more;
    all.eligibility = modulated.eligibility + first;
    std::fill(all.touched, all.touched + part.n + lanes<R>, modulated.last);
    list_synapses(modulated, all);
    replay_list(rule, modulated, all);
    for_vectors(part, [&](std::size_t k, std::size_t count, auto whole) {
      Vec<R> weight = some<whole>(part.weight + k, count);
      Vec<R> own = some<whole>(all.eligibility + k, count);
      const Vec<R> before = weight, own_before = own;
      pass(modulated, load_words<R>(all.touched + k), Words<R>{} + modulated.time, weight, own);
      own = rule.down(own, depressions<whole>(row, part, k, count));
      store_some<whole>(part.weight + k, weight, before, count);
      store_some<whole>(all.eligibility + k, own, own_before, count);
    });
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
