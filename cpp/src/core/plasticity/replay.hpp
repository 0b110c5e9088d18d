// Rows of synapses that replay their targets' spikes, for any rule that is not modulated. Most
// targets have no spike or one since the source's last one. Synapses with some go to a list; each
// round over the list applies one spike to each of them, in vectors, and keeps those with more.
// Short rows are taken together, so that the list is long enough.

namespace spikelet::SPIKELET_LEVEL {

inline constexpr std::size_t replayed_together = 512, pieces_together = 16;

// Synapses of one row, beginning at a whole vector.
template <class R>
struct Piece {
  const ReplayedRow<R>* row;
  std::size_t begin;  // of the row
  std::size_t first, n;
};

// Pieces of rows, copied to one place, and those of their synapses with spikes to replay.
template <class R>
struct Replay {
  static constexpr std::size_t room = replayed_together + lanes<R>;
  std::array<Piece<R>, pieces_together> piece;
  std::size_t pieces;
  alignas(64) R weight[room];
  alignas(64) R own[room];  // if rows have some
  alignas(64) R newest_trace[room];
  alignas(64) std::int32_t newest[room];
  alignas(64) std::uint16_t target[room];
  // By piece.
  alignas(64) std::int32_t last[pieces_together];
  alignas(64) R pre[pieces_together];
  // The list. Of each: bits 0 to 9 the synapse, 10 to 15 its piece, from 16 on the spikes left.
  alignas(64) std::uint32_t synapse[room];
  alignas(64) std::uint32_t at[room];  // the next spike, among the latest
  alignas(64) R weights[room];
  alignas(64) R trace[room];  // of nearest_pre_centered
  std::size_t size;
};

inline constexpr std::uint32_t synapse_bits = 10, left_from = 16;
static_assert(replayed_together <= 1u << synapse_bits &&
              pieces_together <= 1u << (left_from - synapse_bits));

template <class R>
SPIKELET_INLINE Words<R> lane_indices() {
  Words<R> v{};
  for (int k = 0; k < lanes<R>; ++k) {
    v[k] = k;
  }
  return v;
}

// For a few dozen values, where a call or a string instruction costs as much as the copy.
template <class T>
SPIKELET_INLINE void copy_values(const T* from, std::size_t n, T* to) {
  constexpr std::size_t width = vector_bytes / sizeof(T);
  std::size_t k = 0;
  for (; k + width <= n; k += width) {
    __builtin_memcpy(to + k, from + k, vector_bytes);
  }
  for (; k < n; ++k) {
    to[k] = from[k];
    __asm__("" : : : "memory");
  }
}

// Takes pieces of rows from `row` and its synapse `begin` on.
template <class R>
SPIKELET_INLINE void take(std::span<const ReplayedRow<R>> rows, std::size_t& row,
                          std::size_t& begin, Replay<R>& part) {
  constexpr std::size_t width = lanes<R>;
  std::size_t used = 0;
  part.pieces = 0;
  while (row < rows.size() && part.pieces < pieces_together && used < replayed_together) {
    const ReplayedRow<R>& from = rows[row];
    const std::size_t left = from.n - begin, n = std::min(left, replayed_together - used);
    if (n < left && part.pieces > 0) {
      break;  // a row that fits into one part is not cut
    }
    copy_values(from.weight + begin, n, part.weight + used);
    copy_values(from.target + begin, n, part.target + used);
    if (from.own != nullptr) {
      copy_values(from.own + begin, n, part.own + used);
    }
    const std::size_t padded = (n + width - 1) / width * width;
    for (std::size_t k = used + n; k < used + padded; ++k) {
      part.target[k] = 0;
      part.weight[k] = part.own[k] = 0;
    }
    part.last[part.pieces] = from.last;
    part.pre[part.pieces] = from.pre;
    part.piece[part.pieces++] = {&from, begin, used, n};
    used += padded;
    begin += n;
    if (begin == from.n) {
      begin = 0;
      ++row;
    }
  }
}
template <class R>
SPIKELET_INLINE void put_back(const Replay<R>& part) {
  for (std::size_t p = 0; p < part.pieces; ++p) {
    const Piece<R>& piece = part.piece[p];
    copy_values(part.weight + piece.first, piece.n, piece.row->weight + piece.begin);
    if (piece.row->own != nullptr) {
      copy_values(part.own + piece.first, piece.n, piece.row->own + piece.begin);
    }
  }
}

template <class R>
SPIKELET_INLINE Vec<R> decayed(const DecayTable<R>& table, Words<R> steps) {
  const Words<R> last = Words<R>{} + (table.count - 1);
  Vec<R> factor = look_up<R>(table.factor, steps < last ? steps : last);
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
SPIKELET_INLINE R replay_one(const Rule& rule, const Replaying<R>& how, const ReplayedRow<R>& row,
                             std::uint32_t k, R trace, R weight) {
  const R decay = decayed(how.pre_decay, how.posts.stamp[k] - row.last);
  return rule.up(weight,
                 trace * decay * (how.posts.factor != nullptr ? how.posts.factor[k] : how.up));
}

// Replays the spikes of a target that are older than its latest few. If only the first one counts,
// it is one of these, or the first of the latest.
template <class Rule, class R>
[[gnu::noinline]] void replay_older(const Rule& rule, const Replaying<R>& how,
                                    const ReplayedRow<R>& row, Replay<R>& part,
                                    std::uint32_t synapse) {
  const std::size_t j = part.target[synapse];
  const TargetSpikes<R>& posts = how.posts;
  const std::uint32_t latest = posts.end[j] - TargetSpikes<R>::kept;
  std::uint32_t k = latest;
  while (posts.stamp[k - 1] > row.from) {
    --k;
  }
  R& weight = part.weight[synapse];
  if (row.own != nullptr || how.first_only) {
    const R trace = row.own != nullptr ? part.own[synapse] : row.pre;
    const bool first = !how.first_only || posts.stamp[k - 1] <= row.last - how.tie;
    if (posts.stamp[k] <= row.to && first) {
      weight = trace > 0 ? replay_one(rule, how, row, k, trace, weight) : weight;
      if (row.own != nullptr) {
        part.own[synapse] = 0;
      }
    }
    return;
  }
  for (; k < latest && posts.stamp[k] <= row.to; ++k) {
    weight = replay_one(rule, how, row, k, row.pre, weight);
  }
}

// Looks up the newest spike of each target; lists from `to` on the synapses with spikes that are
// not in, and returns how many there are.
template <class R>
SPIKELET_INLINE std::size_t find_newest(const Replaying<R>& how, const Piece<R>& piece,
                                        Replay<R>& part, std::uint32_t* to) {
  constexpr std::size_t width = lanes<R>;
  std::uint32_t* listed = to;
  const std::uint32_t wanted = piece.row->pre > 0 ? ~0u : 0u;
  const std::size_t end = piece.first + piece.n;
  for (std::size_t k = piece.first; k < end; k += width) {
    Words<R> stamp{};
    Vec<R> trace{};
    look_up_newest<R>(how.posts.newest, part.target + k, stamp, trace);
    __builtin_memcpy(part.newest + k, &stamp, sizeof stamp);
    store(part.newest_trace + k, trace);
    const std::uint32_t all = end - k >= width ? ~0u : (1u << (end - k)) - 1u;
    const std::uint32_t which = word_bits<R>(stamp > piece.row->from) & wanted & all;
    pack(which, lane_indices<R>() + static_cast<std::int32_t>(k), listed);
    listed += std::popcount(which);
  }
  return static_cast<std::size_t>(listed - to);
}

// Lists the synapses of a piece that have spikes to replay.
template <class Rule, class R>
SPIKELET_INLINE void list_synapses(const Rule& rule, const Replaying<R>& how, std::uint32_t number,
                                   Replay<R>& part) {
  constexpr std::uint32_t kept = TargetSpikes<R>::kept;
  const Piece<R>& piece = part.piece[number];
  const ReplayedRow<R>& row = *piece.row;
  const std::int32_t* latest = how.posts.latest;
  const bool centered = row.own != nullptr;
  std::size_t size = part.size;
  const std::size_t end = size + find_newest(how, piece, part, part.synapse + size);
  for (std::size_t c = size; c < end; ++c) {
    const std::uint32_t k = part.synapse[c], first = part.target[k] * kept;
    const std::uint32_t since = count_above(latest + first, row.from);
    const std::uint32_t at = first + kept - since;
    std::uint32_t left = since - count_above(latest + first, row.to);
    if (since == kept) {
      replay_older(rule, how, row, part, k);
    }
    if (how.first_only || centered) {
      left = left > 0 && since < kept ? 1 : 0;
      if (how.first_only) {  // not if another of the target's spikes came first
        left = left > 0 && latest[at - 1] <= row.last - how.tie ? 1 : 0;
      }
      if (centered) {
        const R own = part.own[k];
        part.trace[size] = own;
        part.own[k] = left > 0 ? R(0) : own;
        left = own > 0 ? left : 0;
      }
    }
    part.weights[size] = part.weight[k];
    part.at[size] = at;
    part.synapse[size] = k | number << synapse_bits | left << left_from;
    size += left > 0 ? 1 : 0;
  }
  part.size = size;
}

// many: several pieces.
template <bool many, class Rule, class R>
SPIKELET_INLINE void replay_list(const Rule& rule, const Replaying<R>& how, bool centered,
                                 Replay<R>& part) {
  constexpr std::size_t width = lanes<R>;
  const TargetSpikes<R>& posts = how.posts;
  while (part.size > 0) {
    for (std::size_t k = part.size; k % width != 0; ++k) {  // lanes beyond the end
      part.at[k] = part.synapse[k] = 0;
    }
    std::size_t kept = 0;
    for (std::size_t k = 0; k < part.size; k += width) {
      const Words<R> at = load_words<R>(part.at + k), synapse = load_words<R>(part.synapse + k);
      Words<R> last = Words<R>{} + part.last[0];
      Vec<R> trace = broadcast(part.pre[0]);
      if constexpr (many) {
        const Words<R> number = (synapse >> synapse_bits) & (pieces_together - 1);
        last = word_of_16<R>(part.last, number);
        trace = value_of_16<R>(part.pre, number);
      }
      if (centered) {
        trace = load(part.trace + k);
      }
      const Words<R> since = look_up_words<R>(posts.latest, at) - last;
      const Vec<R> factor =
          posts.latest_factor != nullptr ? look_up<R>(posts.latest_factor, at) : broadcast(how.up);
      const Vec<R> decay = decayed(how.pre_decay, since > 0 ? since : Words<R>{});
      const Vec<R> weight = rule.up(load(part.weights + k), trace * decay * factor);
      store(part.weights + k, weight);
      const std::size_t count = std::min(width, part.size - k);
      for (std::size_t lane = 0; lane < count; ++lane) {
        part.weight[part.synapse[k + lane] & ((1u << synapse_bits) - 1)] = part.weights[k + lane];
      }
      const std::uint32_t more = word_bits<R>(synapse >= 2 << left_from);
      pack(more, weight, part.weights + kept);
      pack(more, at + 1, part.at + kept);
      pack(more, synapse - (1 << left_from), part.synapse + kept);
      kept += static_cast<std::size_t>(std::popcount(more));
    }
    part.size = kept;
  }
}

// How much the target's spikes before `time` depress, if the newest of them is not before it.
template <class R>
R depression(const Replaying<R>& how, const ReplayedRow<R>& row, std::size_t j) {
  const TargetSpikes<R>& posts = how.posts;
  std::uint32_t p = posts.end[j];
  while (posts.stamp[p - 1] >= row.time) {
    --p;
  }
  const bool tied = p < posts.end[j] && posts.stamp[p] <= row.time - how.tie;
  const std::int32_t stamp = posts.stamp[p - 1];
  const bool counts = stamp > TargetSpikes<R>::never &&
                      (!how.first_only || posts.stamp[tied ? p : p - 1] > row.last - how.tie);
  return counts ? posts.trace[p - 1] * decayed(how.post_decay, row.time - stamp) * row.down : R(0);
}

// The same for a vector of synapses, of which `count` are some.
template <class R>
SPIKELET_INLINE Vec<R> depressions(const Replaying<R>& how, const ReplayedRow<R>& row,
                                   const Replay<R>& part, std::size_t k, std::size_t count) {
  const Words<R> stamp = load_words<R>(part.newest + k), since = row.time - stamp;
  Vec<R> change = load(part.newest_trace + k) *
                  decayed(how.post_decay, since > 0 ? since : Words<R>{}) * row.down;
  if (how.first_only) {
    change = __builtin_convertvector(stamp > row.last - how.tie, Mask<R>) ? change : Vec<R>{};
  }
  std::uint32_t recent = word_bits<R>(stamp >= row.time);
  if (recent != 0) {
    recent &= count >= lanes<R> ? ~0u : (1u << count) - 1u;
    for (; recent != 0; recent &= recent - 1) {
      const int lane = std::countr_zero(recent);
      change[lane] = depression(how, row, part.target[k + static_cast<std::size_t>(lane)]);
    }
  }
  return change;
}

template <class Rule, class R>
SPIKELET_INLINE void depress(const Rule& rule, const Replaying<R>& how, const Piece<R>& piece,
                             Replay<R>& part) {
  const ReplayedRow<R>& row = *piece.row;
  const std::size_t end = piece.first + piece.n;
  for (std::size_t k = piece.first; k < end; k += lanes<R>) {
    const Vec<R> change = depressions(how, row, part, k, end - k);
    store(part.weight + k, rule.down(load(part.weight + k), change));
    if (row.own != nullptr) {
      store(part.own + k, load(part.own + k) * row.own_decay + R(1));
    }
  }
}

template <template <class> class Rule, class R>
void replayed_rows(const double* p, const Replaying<R>& how, std::span<const ReplayedRow<R>> rows) {
  const Rule<R> rule(p);
  Replay<R> part;
  std::size_t row = 0, begin = 0;
  while (row < rows.size()) {
    take(rows, row, begin, part);
    part.size = 0;
    for (std::uint32_t k = 0; k < part.pieces; ++k) {
      list_synapses(rule, how, k, part);
    }
    const bool centered = rows[0].own != nullptr;
    if (part.pieces > 1) {
      replay_list<true>(rule, how, centered, part);
    } else {
      replay_list<false>(rule, how, centered, part);
    }
    if (how.depresses) {
      for (std::size_t k = 0; k < part.pieces; ++k) {
        depress(rule, how, part.piece[k], part);
      }
    }
    put_back(part);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
