#include "spikelet/network/layout.hpp"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "network/row_order.hpp"
#include "spikelet/core/fetch.hpp"
#include "spikelet/core/parallel.hpp"
#include "spikelet/network/integer_store.hpp"
#include "spikelet/network/static_store.hpp"

namespace spikelet {

template <class R>
void Layout<R>::build() {
  place_stores();
  split();
  for (Projection<R>& projection : network_.projections) {
    find_reorder(projection);
  }
  build_stores();
  bind_plastic();
  bind_inputs();
}

// Finds the synapses of one pair that are not stored in the order of creation but by delay and
// sign.
template <class R>
void Layout<R>::find_reorder(Projection<R>& projection) const {
  projection.reorder.clear();
  if (!projection.table) {  // drawn ones count as created in stored order
    return;
  }
  const SynapseTable<R>& table = *projection.table;
  Feed<R> feed = network_.feed_of(projection);
  if (projection.rule) {  // plastic rows are not split by sign
    feed.ends.down = feed.ends.up;
  }
  const auto key = [&](std::uint64_t k) {
    const R weight = table.weight_of(k);
    const bool apart = feed.step > 0 && weight < 0;  // signs are, in integer stores
    return std::tuple(table.delay_of(k), feed.channel_of(weight), apart);
  };
  std::vector<std::uint64_t> order;
  table.row.for_each([&](std::uint32_t, std::uint64_t row_begin, std::uint64_t row_end) {
    for (std::uint64_t begin = row_begin; begin < row_end;) {
      std::uint64_t end = begin + 1;
      while (end < row_end && table.post[end] == table.post[begin]) {
        ++end;
      }
      if (end - begin > 1) {
        order.clear();
        for (std::uint64_t k = begin; k < end; ++k) {
          order.push_back(k);
        }
        std::stable_sort(order.begin(), order.end(),
                         [&](auto a, auto b) { return key(a) < key(b); });
        for (std::uint64_t k = begin; k < end; ++k) {
          if (order[k - begin] != k) {
            projection.reorder.emplace_back(order[k - begin], k);
          }
        }
      }
      begin = end;
    }
  });
}

// A projection as those see it who want the synapses onto the targets [begin, end).
template <class R>
Feed<R> Layout<R>::feed_of(const Projection<R>& projection, std::uint32_t begin,
                           std::uint32_t end) const {
  Feed<R> feed = network_.feed_of(projection);
  feed.table = projection.table ? &*projection.table : nullptr;
  feed.table_begin = network_.own(projection.post).begin;
  feed.delay = projection.one_delay;
  feed.drawing = projection.drawing ? &*projection.drawing : nullptr;
  feed.post_begin = begin;
  feed.post_end = end;
  return feed;
}

// What each store of a partition is built from.
template <class R>
std::vector<std::vector<Feed<R>>> Layout<R>::feeds_of(const Partition<R>& partition,
                                                      const SumSteps& sum_steps) const {
  std::vector<std::vector<Feed<R>>> feeds(partition.stores.size());
  for (std::size_t k = 0; k < network_.projections.size(); ++k) {
    const Projection<R>& projection = network_.projections[k];
    for (const Slice<R>& slice : partition.slices) {
      if (slice.node == projection.post) {
        Feed<R> feed = feed_of(projection, slice.begin, slice.end);
        feed.projection = k;
        feed.local = slice.local;
        if (feed.step > 0) {
          const auto steps = sum_steps.of(slice.node);
          feed.sum_step_up = steps.at(feed.ends.up);
          feed.sum_step_down = steps.at(feed.ends.down);
        }
        feeds[projection.store].push_back(feed);
      }
    }
  }
  return feeds;
}

template <class R>
void Layout<R>::build_stores() {
  const auto span = static_cast<std::size_t>(network_.agreed_longest + longest_interval);
  // Up to then, all spikes have arrived: a store without a state to go on from need not make up for
  // the steps before.
  const Step before = network_.now - network_.agreed_longest - 1;
  const SumSteps sum_steps = network_.sum_steps();
  std::uint64_t work = 0;
  for (const Projection<R>& projection : network_.projections) {
    work += projection.size;
  }
  parallel_for(team_for(network_.threads, work), partitions.size(), [&](std::size_t p) {
    Partition<R>& partition = partitions[p];
    for (Slice<R>& slice : partition.slices) {
      slice.sums.clear();
      for (const auto& [channel, step] : sum_steps.of(slice.node)) {
        partition.need_sums(channel);
        slice.sums.push_back({static_cast<std::size_t>(channel), step});
      }
    }
    const auto feeds = feeds_of(partition, sum_steps);
    const auto elements = static_cast<std::uint32_t>(partition.elements);
    for (std::size_t s = 0; s < partition.stores.size(); ++s) {
      if (feeds[s].empty()) {
        continue;
      }
      const Projection<R>& first = network_.projections[feeds[s][0].projection];
      if (first.rule) {  // a plastic projection has a store of its own
        partition.stores[s] =
            make_plastic_store<R>(first.layout, feeds[s][0], *first.rule, network_.dt, span,
                                  std::max(first.born, before), first.reward.get());
      } else if (first.step > 0) {
        partition.stores[s] =
            std::make_unique<IntegerStore<R>>(feeds[s], span, elements, partition.sums);
      } else {
        partition.stores[s] = std::make_unique<StaticStore<R>>(feeds[s], span, elements);
      }
    }
    for (Slice<R>& slice : partition.slices) {
      std::erase_if(slice.sums, [&](const SliceSums& of) {
        return !partition.sums[of.channel].expects(slice.local,
                                                   slice.local + (slice.end - slice.begin));
      });
    }
    for (IntegerSums& sums : partition.sums) {
      sums.settle();
    }
    partition.watch = StoreWatch(network_.agreed_longest);
    for (const auto& store : partition.stores) {
      store ? partition.watch.add(store->sources(), store->waits()) : partition.watch.add_none();
    }
    partition.watch.close([&](std::size_t s, const ForSource& visitor) {
      if (partition.stores[s]) {
        partition.stores[s]->for_sources(visitor);
      }
    });
  });
}

template <class R>
void Layout<R>::bind_plastic() {
  for (Partition<R>& partition : partitions) {
    for (Slice<R>& slice : partition.slices) {
      for (const Projection<R>& projection : network_.projections) {
        if (projection.rule && projection.post == slice.node) {
          slice.plastic.push_back(
              static_cast<PlasticStore<R>*>(partition.stores[projection.store].get()));
        }
      }
      if (slice.plastic.size() >= StoreWatch::few) {
        const Gid first = network_.nodes[slice.node].first_gid;
        std::vector<GidRange> ranges;
        for (const PlasticStore<R>* store : slice.plastic) {
          const TargetNumbers& targets = store->targets();
          ranges.push_back(targets.size() == 0
                               ? GidRange::none()
                               : GidRange{first + targets.element(0),
                                          first + targets.element(targets.size() - 1)});
        }
        slice.plastic_index = StoreIndex(ranges, [&](std::size_t k, const ForSource& visitor) {
          slice.plastic[k]->targets().for_each(
              [&](std::uint32_t element) { visitor(first + element, 1, 1); });
        });
      }
    }
  }
}

template <class R>
void Layout<R>::bind_inputs() {
  std::vector<std::vector<Injector<R>*>> inputs(network_.nodes.size());
  for (const auto& [number, input] : network_.inputs) {
    if (input.injector->window(network_.now).end > network_.now) {
      inputs[input.population].push_back(input.injector.get());
    }
  }
  for (Partition<R>& partition : partitions) {
    for (Slice<R>& slice : partition.slices) {
      slice.inputs.bind(inputs[slice.node], slice.begin, slice.end, network_.now);
    }
  }
}

template <class R>
void Layout<R>::bind(Recorders<R>& recorders) {
  try {
    bind_new(recorders);
  } catch (...) {  // the slices forget those that only some of them know
    for (Partition<R>& partition : partitions) {
      for (Slice<R>& slice : partition.slices) {
        std::erase_if(slice.spike_recorders, [&](std::size_t k) { return k >= bound_spikes_; });
        std::erase_if(slice.samples, [&](const auto& s) { return s.recorder >= bound_states_; });
      }
    }
    throw;
  }
}

template <class R>
void Layout<R>::bind_new(Recorders<R>& recorders) {
  for (; bound_spikes_ < recorders.spikes.size(); ++bound_spikes_) {
    SpikeRecorder& recorder = recorders.spikes[bound_spikes_];
    recorder.need_logs(partitions.size());
    for (Partition<R>& partition : partitions) {
      for (Slice<R>& slice : partition.slices) {
        if (slice.node == recorder.population()) {
          slice.spike_recorders.push_back(bound_spikes_);
        }
      }
    }
  }
  for (; bound_states_ < recorders.states.size(); ++bound_states_) {
    const StateRecorder<R>& recorder = recorders.states[bound_states_];
    std::vector<Slice<R>*> slices;
    for (Partition<R>& partition : partitions) {
      for (Slice<R>& slice : partition.slices) {
        if (slice.node == recorder.population) {
          slice.samples.push_back({bound_states_, {}});
          slices.push_back(&slice);
        }
      }
    }
    std::sort(slices.begin(), slices.end(),
              [](const Slice<R>* a, const Slice<R>* b) { return a->begin < b->begin; });
    for (std::size_t column = 0; column < recorder.elements.size(); ++column) {
      const std::uint32_t element = recorder.elements[column];
      const auto slice = std::partition_point(slices.begin(), slices.end(),
                                              [&](const Slice<R>* s) { return s->end <= element; });
      if (slice != slices.end() && element >= (*slice)->begin) {
        (*slice)->samples.back().add(static_cast<std::uint32_t>(column), element);
      }
    }
  }
}

template <class R>
void Layout<R>::enqueue(const SpikesInFlight& spikes) {
  for (Partition<R>& partition : partitions) {
    for (std::size_t s = 0; s < partition.stores.size(); ++s) {
      if (partition.stores[s]) {
        hand_over(spikes, partition, s);
      }
    }
  }
}

template <class R>
void Layout<R>::renew(const Projection<R>& projection, const SpikesInFlight& spikes) {
  for (Partition<R>& partition : partitions) {
    SynapseStore<R>* store =
        projection.in_stores ? partition.stores[projection.store].get() : nullptr;
    if (store != nullptr && store->copies_weights()) {
      store->clear();
      hand_over(spikes, partition, projection.store);
    }
  }
}

template <class R>
void Layout<R>::hand_over(const SpikesInFlight& spikes, Partition<R>& partition,
                          std::size_t store) {
  const std::span<const Gid> gids(spikes.gids);
  for (std::size_t begin = 0, end = 0; begin < gids.size(); begin = end) {
    const Step stamp = spikes.stamps[begin];
    while (end < gids.size() && spikes.stamps[end] == stamp) {
      ++end;
    }
    const std::span<const Gid> sent = gids.subspan(begin, end - begin);
    if (stamp > store_born_[store] && partition.watch.takes(store, sent, stamp)) {
      partition.stores[store]->enqueue_all(sent, stamp, network_.now);
    }
  }
}

template <class R>
void Layout<R>::clear_stores() {
  for (Partition<R>& partition : partitions) {
    for (auto& store : partition.stores) {
      if (store) {
        store->clear();
      }
    }
    partition.watch.clear();
  }
}

template <class R>
void Layout<R>::resume(const SpikesInFlight& spikes) {
  clear_stores();
  enqueue(spikes);
}

template <class R>
void Layout<R>::restart(Step born) {
  clear_stores();
  for (const Projection<R>& projection : network_.projections) {
    for (std::size_t p = 0; projection.rule && projection.in_stores && p < partitions.size(); ++p) {
      if (PlasticStore<R>* store = plastic_store(projection, p)) {
        store->start(born);
      }
    }
  }
  std::fill(store_born_.begin(), store_born_.end(), born);
}

template <class R>
std::size_t Layout<R>::synapse_bytes() const {
  std::size_t sum = 0;
  for (const Partition<R>& partition : partitions) {
    for (const auto& store : partition.stores) {
      sum += store ? store->bytes() : 0;
    }
    sum += partition.watch.bytes();
  }
  for (const Projection<R>& projection : network_.projections) {
    sum += projection.reorder.size() * sizeof(projection.reorder[0]);
  }
  return sum;
}

template <class R>
void Layout<R>::fetch(int stage) const {
  constexpr std::size_t most_elements = 4096, most_parts = 64;
  if (network_.elements() > most_elements ||
      network_.nodes.size() + network_.projections.size() + partitions.size() > most_parts) {
    return;
  }
  if (stage == 1) {
    fetch_values(partitions);
    fetch_values(network_.nodes);
    return;
  }
  for (const Node<R>& node : network_.nodes) {
    if (node.neurons) {
      stage == 2 ? fetch_object(*node.neurons) : node.neurons->fetch();
    }
  }
  for (const Partition<R>& partition : partitions) {
    partition.fetch(stage);
  }
}

template <class R>
void Layout<R>::for_each_synapse(
    const Projection<R>& projection,
    const std::function<void(std::uint64_t, std::uint32_t, const StoredSynapse<R>&)>& visitor) {
  struct Part {
    std::size_t partition;
    const Slice<R>* slice;
    SynapseStore<R>* store;
  };
  std::vector<Part> parts;
  const Node<R>& pre = network_.nodes[projection.pre];
  GidRange sources = GidRange::none();  // that the stores have
  for (std::size_t p = 0; p < partitions.size(); ++p) {
    SynapseStore<R>* store = partitions[p].stores[projection.store].get();
    for (const Slice<R>& slice : partitions[p].slices) {
      if (store != nullptr && slice.node == projection.post) {
        parts.push_back({p, &slice, store});
        sources = sources.joined(store->sources());
      }
    }
  }
  const std::uint64_t first = std::max<std::uint64_t>(sources.first, pre.first_gid) - pre.first_gid;
  const std::uint64_t end = std::min<std::uint64_t>(std::uint64_t{sources.last} + 1,
                                                    std::uint64_t{pre.first_gid} + pre.size);
  // Visits the synapses of a source as they are stored.
  const auto visit = [&](std::uint32_t source, auto&& each) {
    for (const Part& part : parts) {
      const Slice<R>& slice = *part.slice;
      const LocalRange own{slice.local, slice.local + (slice.end - slice.begin)};
      part.store->visit_within(pre.first_gid + source, own, [&](const SynapseRef<R>& synapse) {
        each(StoredSynapse<R>{slice.begin + (synapse.target - slice.local), synapse,
                              part.partition});
      });
    }
  };
  constexpr std::size_t most_kept = 4096;  // synapses, which stay in the cache
  std::vector<StoredSynapse<R>> row;
  std::vector<std::uint64_t> places;
  RowOrder order;
  std::uint64_t index = 0;
  for (auto i = static_cast<std::uint32_t>(first); pre.first_gid + std::uint64_t{i} < end; ++i) {
    row.clear();
    order.clear();
    visit(i, [&](const StoredSynapse<R>& synapse) {
      order.add(synapse.post, synapse.synapse.delay);
      if (row.size() < most_kept) {
        row.push_back(synapse);
      }
    });
    const std::span<const std::size_t> sorted = order.sorted();
    if (order.size() == row.size()) {
      for (std::size_t k = 0; k < row.size(); ++k) {
        visitor(index + k, i, row[sorted.empty() ? k : sorted[k]]);
      }
    } else {  // once more: to keep them takes longer
      places.resize(sorted.size());
      for (std::size_t k = 0; k < sorted.size(); ++k) {
        places[sorted[k]] = index + k;
      }
      visit(i, [&, next = index](const StoredSynapse<R>& synapse) mutable {
        visitor(places.empty() ? next : places[next - index], i, synapse);
        ++next;
      });
    }
    index += order.size();
  }
}

template <class R>
const Slice<R>& Layout<R>::targets(const Projection<R>& projection, std::size_t partition) const {
  for (const Slice<R>& slice : partitions[partition].slices) {
    if (slice.node == projection.post) {
      return slice;
    }
  }
  throw std::logic_error("a plastic store has no targets in its partition");
}

template class Layout<float>;
template class Layout<double>;

}  // namespace spikelet
