#include "spikelet/network/plastic_access.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <stdexcept>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet {
namespace {

constexpr std::size_t worth_a_team = 1u << 20;  // synapses

using RowKey = std::pair<std::uint32_t, std::uint16_t>;  // source, delay

template <class R>
void read_targets(PlasticStore<R>& store, const PlasticParts<R>& parts, PlasticState<R>& state) {
  state.target.resize(parts.target.size(), std::vector<R>(state.counts.size()));
  store.targets().for_each([&](std::uint32_t element) {
    const std::uint32_t j = store.targets().of(element);
    for (std::size_t c = 0; c < state.target.size(); ++c) {
      state.target[c][element] = parts.target[c][j];
    }
    state.counts[element] = store.counts()[j];
  });
}

template <class R>
void write_targets(const PlasticState<R>& state, PlasticParts<R>& parts, PlasticStore<R>& store) {
  store.targets().for_each([&](std::uint32_t element) {
    const std::uint32_t j = store.targets().of(element);
    const std::size_t entry = state.entry(element);
    for (std::size_t c = 0; c < state.target.size(); ++c) {
      parts.target[c][j] = state.target[c][entry];
    }
    store.counts()[j] = state.counts[entry];
  });
}

template <class R>
using Posts = std::vector<std::pair<PostSpike<R>, std::uint32_t>>;  // with the target's element

template <class R>
void read_posts(Posts<R>& posts, PlasticState<R>& state) {
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
}

template <class R>
void write_posts(const PlasticState<R>& state, PlasticStore<R>& store) {
  std::vector<PostSpike<R>> posts;
  for (std::size_t n = 0; n < state.post_stamp.size(); ++n) {
    const std::uint32_t target = store.targets().of(state.post_target[n]);
    if (target != TargetNumbers::none) {
      posts.push_back({state.post_stamp[n],
                       target,
                       {state.post_value[0][n], state.post_value[1][n], state.post_value[2][n]}});
    }
  }
  store.set_posts(posts);
}

template <class R>
void read_sent(PlasticStore<R>& store, Step now, const Slice<R>& slice, PlasticState<R>& state) {
  store.for_each_sent(now, [&](Step arrival, const Sent<R>& sent) {
    state.sent_step.push_back(arrival);
    state.sent_post.push_back(slice.begin + (sent.target - slice.local));
    state.sent_channel.push_back(sent.channel);
    state.sent_value.push_back(sent.value);
  });
}

template <class R>
void write_sent(const PlasticState<R>& state, const Slice<R>& slice, PlasticStore<R>& store) {
  for (std::size_t n = 0; n < state.sent_step.size(); ++n) {
    if (state.sent_post[n] >= slice.begin && state.sent_post[n] < slice.end) {
      store.add_sent(state.sent_step[n],
                     {static_cast<std::uint16_t>(slice.local + (state.sent_post[n] - slice.begin)),
                      state.sent_channel[n], state.sent_value[n]});
    }
  }
}

// rows: for each row, the partition and the number there. All partitions that have a row have the
// same values for it.
template <class R>
void read_rows(const std::map<RowKey, std::pair<std::size_t, std::size_t>>& rows,
               const std::vector<PlasticParts<R>>& parts, PlasticState<R>& state) {
  for (const auto& [key, at] : rows) {
    const auto& [partition, row] = at;
    state.row_source.push_back(key.first);
    state.row_delay.push_back(key.second);
    const auto copy = [&, k = row](auto& to, const auto& from) {
      to.resize(from.size());
      for (std::size_t c = 0; c < from.size(); ++c) {
        to[c].push_back(from[c][k]);
      }
    };
    copy(state.row, parts[partition].row);
    copy(state.row_double, parts[partition].row_double);
    copy(state.row_step, parts[partition].row_step);
  }
}

// rows: their numbers in the state.
template <class R>
void write_rows(const PlasticState<R>& state, const std::map<RowKey, std::size_t>& rows,
                const std::vector<RowKey>& of_store, PlasticParts<R>& parts) {
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
    copy(parts.row, state.row);
    copy(parts.row_double, state.row_double);
    copy(parts.row_step, state.row_step);
  }
}

template <class R>
bool fits(const PlasticState<R>& state, const PlasticParts<R>& parts) {
  return state.row.size() == parts.row.size() &&
         state.row_double.size() == parts.row_double.size() &&
         state.row_step.size() == parts.row_step.size() &&
         state.target.size() <= parts.target.size();
}

}  // namespace

template <class R>
void PlasticAccess<R>::finish(const Projection<R>& projection) {
  const FlushDenormals guard;
  for (std::size_t p = 0; p < layout_.partitions.size(); ++p) {
    finish(layout_.plastic_store(projection, p));
  }
}

// At time 0 the stores have nothing to finish: spikes of stamp 0 enter when the first step runs,
// and a store that had passed this stamp would drop them.
template <class R>
void PlasticAccess<R>::finish(PlasticStore<R>* store) {
  if (store != nullptr && network_.now > 0) {
    store->finish(network_.now);
  }
}

// The stores, brought up to date, of which nothing else is changed.
template <class R>
std::vector<std::unique_ptr<PlasticStore<R>>> PlasticAccess<R>::finished_copies(
    const Projection<R>& projection) const {
  std::vector<std::unique_ptr<PlasticStore<R>>> copies(layout_.partitions.size());
  for (std::size_t p = 0; p < copies.size(); ++p) {
    if (const PlasticStore<R>* store = layout_.plastic_store(projection, p)) {
      copies[p] = store->clone();
      copies[p]->finish(network_.now);
    }
  }
  return copies;
}

template <class R>
std::vector<R> PlasticAccess<R>::weights(const Projection<R>& projection) {
  const FlushDenormals guard;
  const auto copies = finished_copies(projection);
  std::vector<std::span<R>> stored(copies.size());
  for (std::size_t p = 0; p < copies.size(); ++p) {
    stored[p] = copies[p] ? copies[p]->parts().synapse[0] : std::span<R>();
  }
  std::vector<R> values(projection.size);
  layout_.for_each_synapse(projection,
                           [&](std::uint64_t index, std::uint32_t, const StoredSynapse<R>& s) {
                             values[index] = stored[s.partition][s.synapse.position];
                           });
  projection.to_canonical(values);
  return values;
}

template <class R>
std::vector<std::pair<std::string_view, std::vector<R>>> PlasticAccess<R>::traces(
    const Projection<R>& projection) {
  const FlushDenormals guard;
  const auto copies = finished_copies(projection);
  std::vector<std::pair<std::string_view, std::vector<R>>> found;
  for (const auto& [name, which] : readable(*projection.rule)) {
    std::vector<R> values(projection.size);
    layout_.for_each_synapse(
        projection, [&](std::uint64_t index, std::uint32_t source, const StoredSynapse<R>& s) {
          values[index] =
              copies[s.partition]->trace(which, source, s.post, s.synapse.position, network_.now);
        });
    projection.to_canonical(values);
    found.emplace_back(name, std::move(values));
  }
  return found;
}

template <class R>
PlasticState<R> PlasticAccess<R>::state(const Projection<R>& projection) {
  const FlushDenormals guard;
  PlasticState<R> state;
  state.counts.assign(network_.nodes[projection.post].size, 0);
  std::vector<PlasticParts<R>> parts(layout_.partitions.size());
  std::map<RowKey, std::pair<std::size_t, std::size_t>> rows;
  Posts<R> posts;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    PlasticStore<R>* store = layout_.plastic_store(projection, p);
    if (store == nullptr) {
      continue;
    }
    if (network_.now > 0) {  // before, spikes given at time 0 are still to come
      store->settle(network_.now);
    }
    parts[p] = store->parts();
    const std::vector<RowKey> of_store = store->rows();
    for (std::size_t row = 0; row < of_store.size(); ++row) {
      if (of_store[row].first != PlasticStore<R>::no_source) {
        rows[of_store[row]] = {p, row};
      }
    }
    read_targets(*store, parts[p], state);
    for (const PostSpike<R>& post : store->posts()) {
      posts.emplace_back(post, store->targets().element(post.target));
    }
    state.clock = store->clock();
    read_sent(*store, network_.now, layout_.targets(projection, p), state);
  }
  read_posts(posts, state);
  read_rows(rows, parts, state);
  for (const PlasticParts<R>& part : parts) {
    state.synapse.resize(std::max(state.synapse.size(), part.synapse.size()),
                         std::vector<R>(projection.size));
    state.synapse_step.resize(std::max(state.synapse_step.size(), part.synapse_step.size()),
                              std::vector<Step>(projection.size));
  }
  layout_.for_each_synapse(projection,
                           [&](std::uint64_t index, std::uint32_t, const StoredSynapse<R>& s) {
                             const auto copy = [&](auto& to, const auto& from) {
                               for (std::size_t c = 0; c < to.size(); ++c) {
                                 to[c][index] = from[c][s.synapse.position];
                               }
                             };
                             copy(state.synapse, parts[s.partition].synapse);
                             copy(state.synapse_step, parts[s.partition].synapse_step);
                           });
  for (std::vector<R>& values : state.synapse) {
    projection.to_canonical(values);
  }
  for (std::vector<Step>& values : state.synapse_step) {
    projection.to_canonical(values);
  }
  state.synapse.resize(std::max<std::size_t>(state.synapse.size(), 1));
  return state;
}

template <class R>
void PlasticAccess<R>::set_state(const Projection<R>& projection, const PlasticState<R>& state) {
  const bool has_run = !state.row_source.empty();
  std::map<RowKey, std::size_t> rows;
  for (std::size_t row = 0; row < state.row_source.size(); ++row) {
    rows[{state.row_source[row], state.row_delay[row]}] = row;
  }
  std::vector<PlasticParts<R>> parts(layout_.partitions.size());
  for (std::size_t p = 0; p < parts.size(); ++p) {
    PlasticStore<R>* store = layout_.plastic_store(projection, p);
    if (store == nullptr) {
      continue;
    }
    parts[p] = store->parts();
    if (!has_run) {
      continue;
    }
    if (!fits(state, parts[p])) {
      throw std::invalid_argument(
          "the plastic state does not fit this projection: it comes from another layout");
    }
    write_rows(state, rows, store->rows(), parts[p]);
    write_targets(state, parts[p], *store);
    write_posts(state, *store);
    store->set_clock(state.clock);
    write_sent(state, layout_.targets(projection, p), *store);
    if (!state.sent_step.empty()) {
      layout_.partitions[p].watch.rouse(projection.store, std::ranges::max(state.sent_step));
    }
  }
  std::vector<std::uint64_t> canonical(projection.size);
  std::iota(canonical.begin(), canonical.end(), std::uint64_t{0});
  for (const auto& [from, at] : projection.reorder) {
    canonical[at] = from;
  }
  layout_.for_each_synapse(projection,
                           [&](std::uint64_t index, std::uint32_t, const StoredSynapse<R>& s) {
                             const auto copy = [&](auto& to, const auto& from) {
                               for (std::size_t c = 0; c < std::min(to.size(), from.size()); ++c) {
                                 to[c][s.synapse.position] = from[c][canonical[index]];
                               }
                             };
                             copy(parts[s.partition].synapse, state.synapse);
                             copy(parts[s.partition].synapse_step, state.synapse_step);
                           });
}

template <class R>
template <class Factors>
void PlasticAccess<R>::multiply(const Projection<R>& projection, Factors&& factors) {
  const int team = projection.size >= worth_a_team ? network_.threads : 1;
  parallel_for(team, layout_.partitions.size(), [&](std::size_t p) {
    const FlushDenormals guard;
    if (PlasticStore<R>* store = layout_.plastic_store(projection, p)) {
      finish(store);
      store->scale_weights(factors(*store));
    }
  });
}

template <class R>
void PlasticAccess<R>::normalise(const Projection<R>& projection, double total) {
  multiply(projection, [&](PlasticStore<R>& store) {
    std::vector<double> sums(store.targets().size());
    store.add_weights(sums);
    std::vector<R> factors(sums.size());
    for (std::size_t j = 0; j < sums.size(); ++j) {
      // A target whose weights are all 0, or nearly so, cannot be normalised.
      const auto factor = static_cast<R>(total / sums[j]);
      factors[j] = std::isfinite(factor) ? factor : R(1);
    }
    return factors;
  });
}

// A part of an interval makes that part of the correction: a single spike in a short one says
// little about the rate.
template <class R>
void PlasticAccess<R>::scale(const Projection<R>& projection, const Regulation& how,
                             SpikeInterval& interval) {
  const auto elapsed = static_cast<double>(network_.now - interval.begin);
  const double seconds = elapsed * network_.dt * 1e-3;
  const double strength = how.strength * (elapsed / static_cast<double>(how.every));
  multiply(projection, [&](PlasticStore<R>& store) {
    const std::vector<std::uint32_t>& counts = store.counts();
    std::vector<R> factors(counts.size());
    for (std::uint32_t j = 0; j < counts.size(); ++j) {
      std::uint32_t& before = interval.before[store.targets().element(j)];
      const double rate = (counts[j] - before) / seconds;
      factors[j] = static_cast<R>(std::max(0.0, 1 + strength * (1 - rate / how.rate)));
      before = counts[j];
    }
    return factors;
  });
  interval.begin = network_.now;
}

template <class R>
std::vector<std::uint32_t> PlasticAccess<R>::counts(const Projection<R>& projection) const {
  std::vector<std::uint32_t> counts(network_.nodes[projection.post].size, 0);
  for (std::size_t p = 0; p < layout_.partitions.size(); ++p) {
    if (PlasticStore<R>* store = layout_.plastic_store(projection, p)) {
      for (std::uint32_t j = 0; j < store->targets().size(); ++j) {
        counts[store->targets().element(j)] = store->counts()[j];
      }
    }
  }
  return counts;
}

template <class R>
void PlasticAccess<R>::set_amplitudes(Projection<R>& projection,
                                      const std::vector<double>& parameters) {
  finish(projection);
  projection.rule->parameters = parameters;
  for (std::size_t p = 0; p < layout_.partitions.size(); ++p) {
    if (PlasticStore<R>* store = layout_.plastic_store(projection, p)) {
      store->set_parameters(parameters);
    }
  }
}

template <class R>
void PlasticAccess<R>::signal(Projection<R>& projection, double value) {
  finish(projection);
  for (std::size_t p = 0; p < layout_.partitions.size(); ++p) {
    if (PlasticStore<R>* store = layout_.plastic_store(projection, p)) {
      store->signal(value, network_.now);
    }
  }
}

template class PlasticAccess<float>;
template class PlasticAccess<double>;

}  // namespace spikelet
