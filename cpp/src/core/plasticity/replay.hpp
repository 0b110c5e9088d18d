// A row of synapses that replay their targets' spikes, for any rule that is not modulated. Most
// targets have no spike or one since the source's last one. Synapses with some go to a list; each
// round over the list applies one spike to each of them, in vectors, and keeps those with more.

namespace spikelet::SPIKELET_LEVEL {

inline constexpr std::size_t replayed_together = 512;

template <class R>
using Words = typename IndexOf<R>::type;

// Part of a row, and its synapses with spikes to replay.
template <class R>
struct Replay {
  static constexpr std::size_t room = replayed_together + lanes<R>;
  // The part.
  R* weight;
  R* own;  // or none
  const std::uint16_t* target;
  std::size_t n, more;
  alignas(64) std::int32_t newest[room];
  // The list.
  alignas(64) std::uint32_t synapse[room];  // and, from bit 16 on, the number of spikes left
  alignas(64) std::uint32_t at[room];       // the next spike, among the latest
  alignas(64) R weights[room];
  alignas(64) R trace[room];  // of nearest_pre_centered
  std::size_t size;
};

template <class R>
SPIKELET_INLINE Words<R> lane_indices() {
  Words<R> v{};
  for (int k = 0; k < lanes<R>; ++k) {
    v[k] = k;
  }
  return v;
}
// Calls f(k, count) for each vector of a part. Whole ones also where synapses follow the part:
// `count` of their lanes belong to it.
template <class R, class F>
SPIKELET_INLINE void for_vectors(const Replay<R>& part, F&& f) {
  constexpr std::size_t width = lanes<R>;
  std::size_t k = 0;
  for (; k + width <= part.n; k += width) {
    f(k, width, std::true_type());
  }
  if (k < part.n) {
    if (k + width <= part.n + part.more) {
      f(k, part.n - k, std::true_type());
    } else {
      f(k, part.n - k, std::false_type());
    }
  }
}
template <class R, bool whole>
SPIKELET_INLINE Words<R> some_indices(const std::uint16_t* p, std::size_t count) {
  if constexpr (whole) {
    return load_index<R>(p);
  }
  std::uint16_t part[lanes<R>] = {};
  for (std::size_t k = 0; k < count; ++k) {
    part[k] = p[k];
  }
  return load_index<R>(part);
}
template <bool whole, class R>
SPIKELET_INLINE Vec<R> some(const R* p, std::size_t count) {
  return whole ? load(p) : load_part(p, count);
}
// Replaces `count` lanes of what was loaded.
template <bool whole, class R>
SPIKELET_INLINE void store_some(R* p, Vec<R> v, Vec<R> loaded, std::size_t count) {
  if constexpr (whole) {
    const Words<R> n = Words<R>{} + static_cast<std::int32_t>(count);
    store(p, count == lanes<R>
                 ? v
                 : (__builtin_convertvector(lane_indices<R>() < n, Mask<R>) ? v : loaded));
  } else {
    store_part(p, v, count);
  }
}

template <class R>
SPIKELET_INLINE Vec<R> decayed(const DecayTable<R>& table, Words<R> steps) {
  const Words<R> last = Words<R>{} + (table.count - 1);
  Vec<R> factor = gather<R>(table.factor, steps < last ? steps : last);
  if (table.beyond != nullptr) {
    for (std::uint32_t far = word_bits<R>(steps > last); far != 0; far &= far - 1) {
      const int lane = std::countr_zero(far);
      factor[lane] = (*table.beyond)(Step{steps[lane]});
    }
  }
  return factor;
}
template <class R>
SPIKELET_INLINE R decayed(const DecayTable<R>& table, std::int32_t steps) {
  return steps < table.count       ? table.factor[steps]
         : table.beyond != nullptr ? (*table.beyond)(Step{steps})
                                   : table.factor[table.count - 1];
}

// Replays one spike of the lists.
template <class Rule, class R>
SPIKELET_INLINE R replay_one(const Rule& rule, const ReplayedRow<R>& row, std::uint32_t k, R trace,
                             R weight) {
  const R decay = decayed(row.pre_decay, row.posts.stamp[k] - row.last);
  return rule.up(weight,
                 trace * decay * (row.posts.factor != nullptr ? row.posts.factor[k] : row.up));
}

// Replays the spikes of a target that are older than its latest few. If only the first one counts,
// it is one of these, or the first of the latest.
template <class Rule, class R>
[[gnu::noinline]] void replay_older(const Rule& rule, const ReplayedRow<R>& row, Replay<R>& part,
                                    std::uint32_t synapse) {
  const std::size_t j = part.target[synapse];
  const TargetSpikes<R>& posts = row.posts;
  const std::uint32_t latest = posts.end[j] - TargetSpikes<R>::kept;
  std::uint32_t k = latest;
  while (posts.stamp[k - 1] > row.from) {
    --k;
  }
  R& weight = part.weight[synapse];
  if (part.own != nullptr || row.first_only) {
    const R trace = part.own != nullptr ? part.own[synapse] : row.pre;
    const bool first = !row.first_only || posts.stamp[k - 1] <= row.last - row.tie;
    if (posts.stamp[k] <= row.to && first) {
      weight = trace > 0 ? replay_one(rule, row, k, trace, weight) : weight;
      if (part.own != nullptr) {
        part.own[synapse] = 0;
      }
    }
    return;
  }
  for (; k < latest && posts.stamp[k] <= row.to; ++k) {
    weight = replay_one(rule, row, k, row.pre, weight);
  }
}

// Looks up the newest spike of each target; lists the synapses with spikes that are not in, and
// returns how many there are.
template <class R>
SPIKELET_INLINE std::size_t find_newest(const ReplayedRow<R>& row, Replay<R>& part) {
  std::uint32_t* listed = part.synapse;
  const std::uint32_t wanted = row.pre > 0 ? ~0u : 0u;
  for_vectors(part, [&](std::size_t k, std::size_t count, auto whole) {
    const Words<R> stamp =
        gather_words<R>(row.posts.newest, some_indices<R, whole>(part.target + k, count));
    __builtin_memcpy(part.newest + k, &stamp, sizeof stamp);
    const std::uint32_t all = count == lanes<R> ? ~0u : (1u << count) - 1u;
    const std::uint32_t which = word_bits<R>(stamp > row.from) & wanted & all;
    pack(which, lane_indices<R>() + static_cast<std::int32_t>(k), listed);
    listed += std::popcount(which);
  });
  return static_cast<std::size_t>(listed - part.synapse);
}

// Lists the synapses that have spikes to replay.
template <class Rule, class R>
SPIKELET_INLINE void list_synapses(const Rule& rule, const ReplayedRow<R>& row, Replay<R>& part) {
  constexpr std::uint32_t kept = TargetSpikes<R>::kept;
  const std::int32_t* latest = row.posts.latest;
  const std::size_t n = find_newest(row, part);
  std::size_t size = 0;
  for (std::size_t c = 0; c < n; ++c) {
    const std::uint32_t k = part.synapse[c], first = part.target[k] * kept;
    const std::uint32_t since = count_above(latest + first, row.from);
    const std::uint32_t at = first + kept - since;
    std::uint32_t left = since - count_above(latest + first, row.to);
    if (since == kept) {
      replay_older(rule, row, part, k);
    }
    if (row.first_only || part.own != nullptr) {
      left = left > 0 && since < kept ? 1 : 0;
      if (row.first_only) {  // not if another of the target's spikes came first
        left = left > 0 && latest[at - 1] <= row.last - row.tie ? 1 : 0;
      }
      if (part.own != nullptr) {
        const R own = part.own[k];
        part.trace[size] = own;
        part.own[k] = left > 0 ? R(0) : own;
        left = own > 0 ? left : 0;
      }
    }
    part.weights[size] = part.weight[k];
    part.at[size] = at;
    part.synapse[size] = k | left << 16;
    size += left > 0 ? 1 : 0;
  }
  part.size = size;
}

template <class Rule, class R>
SPIKELET_INLINE void replay_list(const Rule& rule, const ReplayedRow<R>& row, Replay<R>& part) {
  constexpr std::size_t width = lanes<R>;
  const TargetSpikes<R>& posts = row.posts;
  while (part.size > 0) {
    for (std::size_t k = part.size; k % width != 0; ++k) {  // lanes beyond the end
      part.at[k] = part.synapse[k] = 0;
    }
    std::size_t kept = 0;
    for (std::size_t k = 0; k < part.size; k += width) {
      const Words<R> at = load_words<R>(part.at + k), synapse = load_words<R>(part.synapse + k);
      const Words<R> since = gather_words<R>(posts.latest, at) - row.last;
      const Vec<R> trace = part.own != nullptr ? load(part.trace + k) : broadcast(row.pre);
      const Vec<R> factor =
          posts.latest_factor != nullptr ? gather<R>(posts.latest_factor, at) : broadcast(row.up);
      const Vec<R> decay = decayed(row.pre_decay, since > 0 ? since : Words<R>{});
      const Vec<R> weight = rule.up(load(part.weights + k), trace * decay * factor);
      store(part.weights + k, weight);
      const std::size_t count = std::min(width, part.size - k);
      for (std::size_t lane = 0; lane < count; ++lane) {
        part.weight[part.synapse[k + lane] & 0xffffu] = part.weights[k + lane];
      }
      const std::uint32_t more = word_bits<R>(synapse >= 2 << 16);
      pack(more, weight, part.weights + kept);
      pack(more, at + 1, part.at + kept);
      pack(more, synapse - (1 << 16), part.synapse + kept);
      kept += static_cast<std::size_t>(std::popcount(more));
    }
    part.size = kept;
  }
}

// How much the target's spikes before `time` depress, if the newest of them is not before it.
template <class R>
R depression(const ReplayedRow<R>& row, std::size_t j) {
  const TargetSpikes<R>& posts = row.posts;
  std::uint32_t p = posts.end[j];
  while (posts.stamp[p - 1] >= row.time) {
    --p;
  }
  const bool tied = p < posts.end[j] && posts.stamp[p] <= row.time - row.tie;
  const std::int32_t stamp = posts.stamp[p - 1];
  const bool counts = stamp > TargetSpikes<R>::never &&
                      (!row.first_only || posts.stamp[tied ? p : p - 1] > row.last - row.tie);
  return counts ? posts.trace[p - 1] * decayed(row.post_decay, row.time - stamp) * row.down : R(0);
}

// The same for a vector of synapses.
template <bool whole, class R>
SPIKELET_INLINE Vec<R> depressions(const ReplayedRow<R>& row, const Replay<R>& part, std::size_t k,
                                   std::size_t count) {
  const Words<R> stamp = load_words<R>(part.newest + k), since = row.time - stamp;
  Vec<R> change =
      gather<R>(row.posts.newest_trace, some_indices<R, whole>(part.target + k, count)) *
      decayed(row.post_decay, since > 0 ? since : Words<R>{}) * row.down;
  if (row.first_only) {
    change = __builtin_convertvector(stamp > row.last - row.tie, Mask<R>) ? change : Vec<R>{};
  }
  std::uint32_t recent = word_bits<R>(stamp >= row.time);
  if (recent != 0) {
    recent &= count == lanes<R> ? ~0u : (1u << count) - 1u;
    for (; recent != 0; recent &= recent - 1) {
      const int lane = std::countr_zero(recent);
      change[lane] = depression(row, part.target[k + static_cast<std::size_t>(lane)]);
    }
  }
  return change;
}

template <class Rule, class R>
SPIKELET_INLINE void depress(const Rule& rule, const ReplayedRow<R>& row, Replay<R>& part) {
  for_vectors(part, [&](std::size_t k, std::size_t count, auto whole) {
    const Vec<R> change = depressions<whole>(row, part, k, count);
    const Vec<R> weight = some<whole>(part.weight + k, count);
    store_some<whole>(part.weight + k, rule.down(weight, change), weight, count);
    if (part.own != nullptr) {
      const Vec<R> own = some<whole>(part.own + k, count);
      store_some<whole>(part.own + k, own * row.own_decay + R(1), own, count);
    }
  });
}

template <template <class> class Rule, class R>
void replayed_row(const double* p, const ReplayedRow<R>& row) {
  const Rule<R> rule(p);
  Replay<R> part;
  for (std::size_t first = 0; first < row.n; first += replayed_together) {
    part.weight = row.weight + first;
    part.own = row.own == nullptr ? nullptr : row.own + first;
    part.target = row.target + first;
    part.n = std::min(row.n - first, replayed_together);
    part.more = row.n - first - part.n + row.more;
    list_synapses(rule, row, part);
    replay_list(rule, row, part);
    if (row.depresses) {
      depress(rule, row, part);
    }
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
