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
  std::size_t n;
  alignas(64) std::int32_t newest[room];
  // The list.
  alignas(64) std::uint32_t synapse[room];
  alignas(64) std::uint32_t at[room];  // the next spike
  alignas(64) R listed[room];          // weight
  alignas(64) R trace[room];           // of nearest_pre_centered
  std::uint32_t left[room];
  std::size_t size;
};

// Vectors of a row's part, whose last one may be short.
template <class R, class F>
SPIKELET_INLINE void for_vectors(std::size_t n, F&& f) {
  constexpr std::size_t width = lanes<R>;
  std::size_t k = 0;
  for (; k + width <= n; k += width) {
    f(k, std::integral_constant<std::size_t, width>());
  }
  if (k < n) {
    f(k, n - k);
  }
}
template <class R>
SPIKELET_INLINE Words<R> some_indices(const std::uint16_t* p, std::size_t count) {
  if (count == lanes<R>) {
    return load_index<R>(p);
  }
  std::uint16_t part[lanes<R>] = {};
  for (std::size_t k = 0; k < count; ++k) {
    part[k] = p[k];
  }
  return load_index<R>(part);
}
template <class R>
SPIKELET_INLINE Vec<R> some(const R* p, std::size_t count) {
  return count == lanes<R> ? load(p) : load_part(p, count);
}
template <class R>
SPIKELET_INLINE void store_some(R* p, Vec<R> v, std::size_t count) {
  count == lanes<R> ? store(p, v) : store_part(p, v, count);
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

// Looks up the newest spike of each target, and lists the synapses that have spikes to replay.
template <class R>
SPIKELET_INLINE void list_synapses(const ReplayedRow<R>& row, Replay<R>& part) {
  const TargetSpikes<R>& posts = row.posts;
  std::uint32_t* end_of_list = part.synapse;
  const std::uint32_t wanted = row.pre > 0 ? ~0u : 0u;
  for_vectors<R>(part.n, [&](std::size_t k, std::size_t count) {
    const Words<R> stamp =
        gather_words<R>(posts.newest, some_indices<R>(part.target + k, count));
    __builtin_memcpy(part.newest + k, &stamp, sizeof stamp);
    const std::uint32_t all = count == lanes<R> ? ~0u : (1u << count) - 1u;
    end_of_list = append_lanes<R>(word_bits<R>(stamp > row.from) & wanted & all,
                                  static_cast<std::uint32_t>(k), end_of_list);
  });
  const auto listed = static_cast<std::size_t>(end_of_list - part.synapse);
  part.size = 0;
  for (std::size_t c = 0; c < listed; ++c) {
    constexpr std::uint32_t ahead = TargetSpikes<R>::ahead;
    const std::uint32_t k = part.synapse[c];
    std::uint32_t end = posts.end[part.target[k]];
    while (posts.stamp[end - 1] > row.to) {
      --end;
    }
    std::uint32_t n = count_above(posts.stamp + (end - ahead), row.from);
    if (n == ahead) {
      while (posts.stamp[end - n - 1] > row.from) {
        ++n;
      }
    }
    part.at[part.size] = end - n;
    if (row.first_only) {  // not if another of the target's spikes came first
      n = n > 0 && posts.stamp[end - n - 1] <= row.last - row.tie ? 1 : 0;
    }
    if (part.own != nullptr) {
      const R own = part.own[k];
      part.trace[part.size] = own;
      n = n > 0 && own > 0 ? 1 : 0;
      part.own[k] = n > 0 ? R(0) : own;
    }
    part.listed[part.size] = part.weight[k];
    part.left[part.size] = n;
    part.synapse[part.size] = k;
    part.size += n > 0 ? 1 : 0;
  }
}

template <class Rule, class R>
SPIKELET_INLINE void replay_list(const Rule& rule, const ReplayedRow<R>& row, Replay<R>& part) {
  constexpr std::size_t width = lanes<R>;
  const TargetSpikes<R>& posts = row.posts;
  while (part.size > 0) {
    for (std::size_t k = part.size; k % width != 0; ++k) {  // lanes beyond the end
      part.at[k] = 0;
    }
    for (std::size_t k = 0; k < part.size; k += width) {
      const Words<R> at = load_words<R>(part.at + k);
      const Words<R> since = gather_words<R>(posts.stamp, at) - row.last;
      const Vec<R> trace = part.own != nullptr ? load(part.trace + k) : broadcast(row.pre);
      const Vec<R> factor =
          posts.factor != nullptr ? gather<R>(posts.factor, at) : broadcast(row.up);
      const Vec<R> decay = decayed(row.pre_decay, since > 0 ? since : Words<R>{});
      store(part.listed + k, rule.up(load(part.listed + k), trace * decay * factor));
    }
    std::size_t kept = 0;
    for (std::size_t k = 0; k < part.size; ++k) {
      const std::uint32_t left = part.left[k], synapse = part.synapse[k];
      part.weight[synapse] = part.listed[k];
      part.listed[kept] = part.listed[k];
      part.at[kept] = part.at[k] + 1;
      part.synapse[kept] = synapse;
      part.left[kept] = left - 1;
      kept += left > 1 ? 1 : 0;
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

template <class Rule, class R>
SPIKELET_INLINE void depress(const Rule& rule, const ReplayedRow<R>& row, Replay<R>& part) {
  for_vectors<R>(part.n, [&](std::size_t k, std::size_t count) {
    const Words<R> stamp = load_words<R>(part.newest + k), since = row.time - stamp;
    Vec<R> change =
        gather<R>(row.posts.newest_trace, some_indices<R>(part.target + k, count)) *
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
    store_some(part.weight + k, rule.down(some(part.weight + k, count), change), count);
    if (part.own != nullptr) {
      store_some(part.own + k, some(part.own + k, count) * row.own_decay + R(1), count);
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
    list_synapses(row, part);
    replay_list(rule, row, part);
    if (row.depresses) {
      depress(rule, row, part);
    }
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
