// Rows of synapses that replay their targets' spikes, for any rule that is not modulated.

namespace spikelet::SPIKELET_LEVEL {

// Replays one spike of the lists.
template <class Rule, class R>
SPIKELET_INLINE R replay_one(const Rule& rule, const Replaying<R>& how, std::int32_t last,
                             std::uint32_t k, R trace, R weight) {
  const R decay = decayed(how.pre_decay, how.posts.stamp[k] - last);
  return rule.up(weight,
                 trace * decay * (how.posts.factor != nullptr ? how.posts.factor[k] : how.up));
}

// Replays the spikes of a target that are older than its latest few. If only the first one counts,
// it is one of these, or the first of the latest.
template <class Rule, class R>
[[gnu::noinline]] void replay_older(const void* of, const Replaying<R>& how,
                                    const ReplayedRow<R>& row, Pieces<R>& part,
                                    std::uint32_t synapse) {
  const Rule& rule = *static_cast<const Rule*>(of);
  const std::size_t j = part.target[synapse];
  const TargetSpikes<R>& posts = how.posts;
  const std::int32_t dendritic = dendritic_of(row, part, synapse);
  const std::int32_t from = left_at<R>(row.from, dendritic), to = left_at<R>(row.to, dendritic),
                     last = left_at<R>(row.last, dendritic);
  const std::uint32_t latest = posts.end[j] - TargetSpikes<R>::kept;
  std::uint32_t k = latest;
  while (posts.stamp[k - 1] > from) {
    --k;
  }
  R& weight = part.weight[synapse];
  if (row.own != nullptr || how.first_only) {
    const R trace = row.own != nullptr ? part.own[synapse] : row.pre;
    const bool first = !how.first_only || posts.stamp[k - 1] <= last - how.tie;
    if (posts.stamp[k] <= to && first) {
      weight = trace > 0 ? replay_one(rule, how, last, k, trace, weight) : weight;
      if (row.own != nullptr) {
        part.own[synapse] = 0;
      }
    }
    return;
  }
  for (; k < latest && posts.stamp[k] <= to; ++k) {
    weight = replay_one(rule, how, last, k, row.pre, weight);
  }
}

template <class Rule, class R>
SPIKELET_INLINE void replay(const Rule& rule, const Replaying<R>& how, std::size_t age,
                            Rounds<R>& rounds) {
  Round<R>& round = rounds.round[age];
  const std::size_t size = rounds.size[age];
  if (size == 0) {
    return;
  }
  no_spikes_from(size, round);
  read_lanes(rounds, age, rounds.part.weight, rounds.changed);
  for (std::size_t k = 0; k < size; k += lanes<R>) {
    const Vec<R> decay =
        decayed(how.pre_decay, reinterpret_cast<const std::int32_t*>(round.steps) + k);
    const Vec<R> factor = how.posts.latest_factor != nullptr
                              ? look_up<R>(how.posts.latest_factor,
                                           reinterpret_cast<const std::int32_t*>(round.at) + k)
                              : broadcast(how.up);
    store(rounds.changed + k,
          rule.up(load(rounds.changed + k), load(round.trace + k) * decay * factor));
  }
  write_lanes(rounds, age, rounds.changed, rounds.part.weight);
}

template <class Rule, class R>
SPIKELET_INLINE void depress(const Rule& rule, const Replaying<R>& how, const Piece<R>& piece,
                             Rounds<R>& rounds) {
  const ReplayedRow<R>& row = *piece.row;
  Pieces<R>& part = rounds.part;
  const std::size_t end = piece.first + piece.n;
  for (std::size_t k = piece.first; k < end; k += lanes<R>) {
    store(part.weight + k, rule.down(load(part.weight + k), down_at(how, piece, k, rounds)));
    if (row.own != nullptr) {
      store(part.own + k, load(part.own + k) * row.own_decay + R(1));
    }
  }
}

template <template <class> class Rule, class R>
void replayed_rows(const double* p, const Replaying<R>& how, std::span<const ReplayedRow<R>> rows) {
  const Rule<R> rule(p);
  Rounds<R> rounds;
  std::size_t row = 0, begin = 0;
  while (row < rows.size()) {
    take(
        rows.size(), [&](std::size_t k) -> const ReplayedRow<R>& { return rows[k]; }, row, begin,
        rounds.part);
    const std::span<const Piece<R>> pieces(rounds.part.piece.data(), rounds.part.count);
    if (how.first_only || pieces.front().row->own != nullptr) {
      rounds.size = {};
      const Older<R> older{&rule, &replay_older<Rule<R>, R>};
      for (const Piece<R>& piece : pieces) {
        if (piece.row->dendritic != nullptr) {
          list_one_each<true>(how, piece, rounds, older);
        } else {
          list_one_each<false>(how, piece, rounds, older);
        }
      }
    } else {
      list_spikes(how, pieces, rounds, [&](const Piece<R>& piece, std::uint32_t k) {
        replay_older<Rule<R>, R>(&rule, how, *piece.row, rounds.part, k);
      });
    }
    for (std::size_t age = rounds.round.size(); age-- > 0;) {
      replay(rule, how, age, rounds);
    }
    for (const Piece<R>& piece : pieces) {
      if (how.depresses) {
        depress(rule, how, piece, rounds);
      }
    }
    put_back(rounds.part);
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
