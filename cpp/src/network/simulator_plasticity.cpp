// What is read from, written to and done with plastic projections between steps.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <stdexcept>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"
#include "spikelet/network/simulator.hpp"

namespace spikelet {
namespace {

constexpr std::size_t worth_a_team = 1u << 20;  // synapses

}  // namespace

// From what no later change of weights undoes.
template <class R>
void Simulator<R>::choose_storage(Projection& projection, const TableFacts& facts) {
  const Plasticity& rule = *projection.rule;
  const Feed<R> feed = feed_of(projection);
  const auto [low, high] = rule.info().bounds(rule.parameters.data());
  if (low >= 0 || high <= 0) {
    projection.one_channel = feed.channel_of(static_cast<R>(low >= 0 ? 1 : -1));
  } else if (feed.early || projection.receptor != Receptor::by_sign) {
    projection.one_channel = feed.channel_of(R(1));
  } else if (rule.info().keeps_sign && facts.up() != facts.down()) {
    projection.sign = facts.up() ? 1 : -1;
    projection.one_channel = feed.channel_of(static_cast<R>(projection.sign));
  }
  projection.one_delay = facts.delay();
  projection.layout =
      choose_layout(rule, facts.one_delay(), facts.full_rows(), projection.one_channel >= 0);
}

template <class R>
PlasticStore<R>* Simulator<R>::plastic_store(const Projection& projection, std::size_t partition) {
  return static_cast<PlasticStore<R>*>(partitions_[partition].stores[projection.store].get());
}

template <class R>
void Simulator<R>::finish(const Projection& projection) {
  const FlushDenormals guard;
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    if (PlasticStore<R>* store = plastic_store(projection, p)) {
      store->finish(now_);
    }
  }
}

// On copies, which are then brought up to now: reading changes no bit of what follows.
template <class R>
std::vector<R> Simulator<R>::read_plastic_weights(const Projection& projection) {
  const FlushDenormals guard;
  std::vector<std::unique_ptr<PlasticStore<R>>> copies(partitions_.size());
  std::vector<std::span<R>> weights(partitions_.size());
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    if (const PlasticStore<R>* store = plastic_store(projection, p)) {
      copies[p] = store->clone();
      copies[p]->finish(now_);
      weights[p] = copies[p]->parts().synapse[0];
    }
  }
  std::vector<R> values(projection.size);
  walk(projection, [&](std::uint64_t index, std::uint32_t, const Entry& entry) {
    values[index] = weights[entry.partition][entry.synapse.position];
  });
  to_canonical(projection, values);
  return values;
}

template <class R>
void Simulator<R>::scale(const Projection& projection, const Regulation& how) {
  const double seconds = static_cast<double>(how.every) * dt_ * 1e-3;
  const int team = projection.size >= worth_a_team ? threads_ : 1;
  parallel_for(team, partitions_.size(), [&](std::size_t p) {
    const FlushDenormals guard;
    PlasticStore<R>* store = plastic_store(projection, p);
    if (store == nullptr) {
      return;
    }
    store->finish(now_);
    std::vector<R> factors(store->targets(), R(1));
    if (how.kind == Regulation::Kind::normalise) {
      std::vector<double> sums(factors.size());
      store->add_weights(sums);
      for (std::size_t j = 0; j < sums.size(); ++j) {
        // Of a target without weights, or with next to none, nothing can be made.
        const auto factor = static_cast<R>(how.total / std::abs(sums[j]));
        factors[j] = std::isfinite(factor) ? factor : R(1);
      }
    } else {
      const std::vector<std::uint32_t> counts = store->take_counts();
      for (std::size_t j = 0; j < counts.size(); ++j) {
        const double rate = counts[j] / seconds;
        factors[j] = static_cast<R>(std::max(0.0, 1 + how.strength * (1 - rate / how.rate)));
      }
    }
    store->scale_weights(factors);
  });
}

template <class R>
void Simulator<R>::normalise(std::size_t k, double total) {
  const Use use(busy_);
  make_ready();
  Regulation how;
  how.total = total;
  scale(projections_[k], how);
}

template <class R>
void Simulator<R>::regulate(const Regulation& regulation) {
  require_idle();
  regulations_.push_back(regulation);
}

template <class R>
void Simulator<R>::apply_regulations() {
  for (const Regulation& regulation : regulations_) {
    if (now_ % regulation.every == 0) {
      scale(projections_[regulation.projection], regulation);
    }
  }
}

template <class R>
void Simulator<R>::set_amplitudes(std::size_t k, const std::vector<double>& parameters) {
  const Use use(busy_);
  make_ready();
  Projection& projection = projections_[k];
  finish(projection);
  projection.rule->parameters = parameters;
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    if (PlasticStore<R>* store = plastic_store(projection, p)) {
      store->set_parameters(parameters);
    }
  }
}

template <class R>
void Simulator<R>::set_reward(std::size_t k, Step step, double level) {
  require_idle();
  projections_[k].reward->set(step, level);
}

template <class R>
PlasticState<R> Simulator<R>::read_plastic_state(std::size_t k) {
  Projection& projection = projections_[k];
  PlasticState<R> state;
  if (projection.plastic) {
    return *projection.plastic;
  }
  if (projection.reward) {
    state.reward_step = projection.reward->times();
    state.reward_level = projection.reward->levels();
  }
  if (projection.table) {
    state.synapse.push_back(read_weights(k));
    return state;
  }
  const FlushDenormals guard;
  const std::size_t targets = nodes_[projection.post].size;
  std::vector<PlasticParts<R>> parts(partitions_.size());
  std::map<std::pair<std::uint32_t, std::uint16_t>, std::pair<std::size_t, std::size_t>> rows;
  std::vector<std::pair<PostSpike<R>, std::uint32_t>> posts;
  state.counts.assign(targets, 0);
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    PlasticStore<R>* store = plastic_store(projection, p);
    if (store == nullptr) {
      continue;
    }
    if (now_ > 0) {  // before, spikes given at time 0 are still to come
      store->settle(now_);
    }
    parts[p] = store->parts();
    const auto of_store = store->rows();
    for (std::size_t row = 0; row < of_store.size(); ++row) {
      rows[of_store[row]] = {p, row};  // the same in every partition
    }
    const Slice& slice = slice_of(projection, p);
    state.target.resize(parts[p].target.size(), std::vector<R>(targets));
    for (std::uint32_t j = slice.begin; j < std::min<std::size_t>(slice.end, targets); ++j) {
      for (std::size_t c = 0; c < state.target.size(); ++c) {
        state.target[c][j] = parts[p].target[c][j - slice.begin];
      }
      state.counts[j] = store->counts()[j - slice.begin];
    }
    for (const PostSpike<R>& post : store->posts()) {
      posts.emplace_back(post, slice.begin + post.target);
    }
    state.clock = store->clock();
    store->for_each_sent(now_, [&](Step arrival, const Sent<R>& sent) {
      state.sent_step.push_back(arrival);
      state.sent_post.push_back(slice.begin + (sent.target - slice.local));
      state.sent_channel.push_back(sent.channel);
      state.sent_value.push_back(sent.value);
    });
  }
  std::stable_sort(posts.begin(), posts.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.stamp, a.second) < std::pair(b.first.stamp, b.second);
  });
  for (const auto& [post, target] : posts) {
    state.post_stamp.push_back(post.stamp);
    state.post_target.push_back(target);
    for (std::size_t c = 0; c < post.value.size(); ++c) {
      state.post_value[c].push_back(post.value[c]);
    }
  }
  for (const auto& [key, at] : rows) {
    state.row_source.push_back(key.first);
    state.row_delay.push_back(key.second);
    const auto copy = [&](auto& to, const auto& from) {
      to.resize(from.size());
      for (std::size_t c = 0; c < from.size(); ++c) {
        to[c].push_back(from[c][at.second]);
      }
    };
    copy(state.row, parts[at.first].row);
    copy(state.row_double, parts[at.first].row_double);
    copy(state.row_step, parts[at.first].row_step);
  }
  for (const PlasticParts<R>& part : parts) {
    state.synapse.resize(std::max(state.synapse.size(), part.synapse.size()),
                         std::vector<R>(projection.size));
    state.synapse_step.resize(std::max(state.synapse_step.size(), part.synapse_step.size()),
                              std::vector<Step>(projection.size));
  }
  walk(projection, [&](std::uint64_t index, std::uint32_t, const Entry& entry) {
    for (std::size_t c = 0; c < state.synapse.size(); ++c) {
      state.synapse[c][index] = parts[entry.partition].synapse[c][entry.synapse.position];
    }
    for (std::size_t c = 0; c < state.synapse_step.size(); ++c) {
      state.synapse_step[c][index] = parts[entry.partition].synapse_step[c][entry.synapse.position];
    }
  });
  for (std::vector<R>& values : state.synapse) {
    to_canonical(projection, values);
  }
  for (std::vector<Step>& values : state.synapse_step) {
    to_canonical(projection, values);
  }
  state.synapse.resize(std::max<std::size_t>(state.synapse.size(), 1));
  return state;
}

template <class R>
void Simulator<R>::set_plastic_state(std::size_t k, const PlasticState<R>& state) {
  require_idle();
  if (RewardSignal* reward = projections_[k].reward.get()) {
    reward->clear();
    for (std::size_t n = 0; n < state.reward_step.size(); ++n) {
      reward->set(state.reward_step[n], state.reward_level[n]);
    }
  }
  write_plastic_state(k, state);
}

template <class R>
void Simulator<R>::write_plastic_state(std::size_t k, const PlasticState<R>& state) {
  Projection& projection = projections_[k];
  if (projection.table) {  // goes into the stores when they are built
    projection.table->weight.assign(state.synapse[0].begin(), state.synapse[0].end());
    projection.plastic = state;
    return;
  }
  const std::size_t targets = nodes_[projection.post].size;
  std::map<std::pair<std::uint32_t, std::uint16_t>, std::size_t> rows;
  for (std::size_t row = 0; row < state.row_source.size(); ++row) {
    rows[{state.row_source[row], state.row_delay[row]}] = row;
  }
  std::vector<PlasticParts<R>> parts(partitions_.size());
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    PlasticStore<R>* store = plastic_store(projection, p);
    if (store == nullptr) {
      continue;
    }
    parts[p] = store->parts();
    if (state.row_source.empty()) {
      continue;  // it had not run
    }
    if (state.row.size() != parts[p].row.size() ||
        state.row_double.size() != parts[p].row_double.size() ||
        state.row_step.size() != parts[p].row_step.size() ||
        state.target.size() > parts[p].target.size()) {
      throw std::invalid_argument("a stored plastic state is of another layout than this one");
    }
    const auto of_store = store->rows();
    for (std::size_t row = 0; row < of_store.size(); ++row) {
      const auto found = rows.find(of_store[row]);
      if (found == rows.end()) {
        continue;
      }
      const auto copy = [&](auto& to, const auto& from) {
        for (std::size_t c = 0; c < to.size(); ++c) {
          to[c][row] = from[c][found->second];
        }
      };
      copy(parts[p].row, state.row);
      copy(parts[p].row_double, state.row_double);
      copy(parts[p].row_step, state.row_step);
    }
    const Slice& slice = slice_of(projection, p);
    for (std::uint32_t j = slice.begin; j < std::min<std::size_t>(slice.end, targets); ++j) {
      for (std::size_t c = 0; c < state.target.size(); ++c) {
        parts[p].target[c][j - slice.begin] = state.target[c][j];
      }
      store->counts()[j - slice.begin] = state.counts[j];
    }
    std::vector<PostSpike<R>> posts;
    for (std::size_t n = 0; n < state.post_stamp.size(); ++n) {
      if (state.post_target[n] >= slice.begin && state.post_target[n] < slice.end) {
        posts.push_back({state.post_stamp[n],
                         state.post_target[n] - slice.begin,
                         {state.post_value[0][n], state.post_value[1][n], state.post_value[2][n]}});
      }
    }
    store->set_posts(posts);
    store->set_clock(state.clock);
    for (std::size_t n = 0; n < state.sent_step.size(); ++n) {
      if (state.sent_post[n] >= slice.begin && state.sent_post[n] < slice.end) {
        store->add_sent(
            state.sent_step[n],
            {static_cast<std::uint16_t>(slice.local + (state.sent_post[n] - slice.begin)),
             state.sent_channel[n], state.sent_value[n]});
      }
    }
  }
  std::vector<std::uint64_t> canonical(projection.size);
  std::iota(canonical.begin(), canonical.end(), std::uint64_t{0});
  for (const auto& [from, at] : projection.reorder) {
    canonical[at] = from;
  }
  walk(projection, [&](std::uint64_t index, std::uint32_t, const Entry& entry) {
    PlasticParts<R>& part = parts[entry.partition];
    for (std::size_t c = 0; c < std::min(part.synapse.size(), state.synapse.size()); ++c) {
      part.synapse[c][entry.synapse.position] = state.synapse[c][canonical[index]];
    }
    for (std::size_t c = 0; c < std::min(part.synapse_step.size(), state.synapse_step.size());
         ++c) {
      part.synapse_step[c][entry.synapse.position] = state.synapse_step[c][canonical[index]];
    }
  });
}

template class Simulator<float>;
template class Simulator<double>;

}  // namespace spikelet
