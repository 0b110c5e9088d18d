// Laying a network out in partitions and stores.
#include <algorithm>
#include <set>
#include <stdexcept>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "spikelet/core/parallel.hpp"
#include "spikelet/network/simulator.hpp"
#include "spikelet/network/static_store.hpp"

namespace spikelet {
namespace {

constexpr std::size_t local_limit =
    65408;                          // elements of a partition: 16-bit targets, less the spare ones
constexpr Step longest_slice = 32;  // steps between meetings at most
constexpr std::size_t first_level_elements = 5120;  // of which a buffer fits the cache well
constexpr std::size_t worth_a_thread =
    6144;  // elements below which a meeting costs more than a second thread gains

}  // namespace

// Gives each projection its store. Static ones share a store as long as a synapse's source and
// target tell which projection it belongs to; what was connected later must not carry earlier
// spikes, so it gets stores of its own.
template <class R>
std::size_t Simulator<R>::place_stores() {
  struct Layer {
    Step born;
    std::set<std::pair<std::size_t, std::size_t>> pairs;
  };
  std::vector<Layer> layers;
  for (Projection& projection : projections_) {
    if (projection.rule) {
      continue;
    }
    const std::pair pair(projection.pre, projection.post);
    std::size_t k = 0;
    while (k < layers.size() &&
           (layers[k].born != projection.born || layers[k].pairs.contains(pair))) {
      ++k;
    }
    if (k == layers.size()) {
      layers.push_back({projection.born, {}});
    }
    layers[k].pairs.insert(pair);
    projection.store = k;
  }
  store_born_.clear();
  for (const Layer& layer : layers) {
    store_born_.push_back(layer.born);
  }
  for (Projection& projection : projections_) {
    if (projection.rule) {
      projection.store = store_born_.size();
      store_born_.push_back(projection.born);
    }
  }
  return store_born_.size();
}

// About how many synapses a source has for one delay.
template <class R>
std::size_t Simulator<R>::segment_length() const {
  std::size_t synapses = 0, segments = 0;
  std::set<std::size_t> sources;
  Step spread = 1;
  for (const Projection& projection : projections_) {
    if (projection.size > 0) {
      synapses += projection.size;
      spread = std::max(spread, projection.longest - projection.shortest + 1);
      if (sources.insert(projection.pre).second) {
        segments += nodes_[projection.pre].size;
      }
    }
  }
  return segments == 0 ? 0 : synapses / (segments * static_cast<std::size_t>(spread));
}

template <class R>
void Simulator<R>::lay_out(std::size_t n_stores) {
  std::size_t blocks = 0;
  for (std::size_t k = 0; k < nodes_.size(); ++k) {
    blocks += own(k).size();
  }
  // Each population may round up by one block in each partition.
  const std::size_t room = local_limit - std::min(nodes_.size() * block_size, local_limit / 2);
  const auto threads = static_cast<std::size_t>(threads_);
  const std::size_t wanted =
      adapt_ ? std::clamp<std::size_t>(blocks / worth_a_thread, 1, threads) : threads;
  const std::size_t fit = std::max(wanted, (blocks + room - 1) / room);
  // More partitions, so that what events are added to stays in the first-level cache; but only
  // while a source's segments stay long. A whole number for each thread.
  const std::size_t cached = std::min(blocks / first_level_elements + 1, segment_length() / 128);
  const std::size_t n = round_up(std::max(fit, cached), wanted);
  partitions_.clear();
  partitions_.resize(n);
  for (std::size_t k = 0; k < nodes_.size(); ++k) {
    const Range owned = own(k);
    const std::size_t node_blocks = owned.size() / block_size;
    for (std::size_t p = 0; p < n; ++p) {
      // Turned by k, so that the single blocks of many small populations spread over the
      // partitions.
      const std::size_t q = (p + k) % n;
      const std::size_t begin = owned.begin + node_blocks * q / n * block_size,
                        end = owned.begin + node_blocks * (q + 1) / n * block_size;
      if (begin == end) {
        continue;
      }
      Partition& partition = partitions_[p];
      Slice& slice = partition.slices.emplace_back();
      slice.node = k;
      slice.begin = static_cast<std::uint32_t>(begin);
      slice.end = static_cast<std::uint32_t>(end);
      slice.local = static_cast<std::uint32_t>(partition.input[0].size());
      if (nodes_[k].neurons) {
        for (Buffer<R>& input : partition.input) {
          input.resize(input.size() + (end - begin));
        }
      }
    }
  }
  for (Partition& partition : partitions_) {
    if (partition.input[0].size() > local_limit) {
      throw std::length_error("too many small populations for one partition: use more threads");
    }
    for (Buffer<R>& input : partition.input) {
      input.resize(input.size() + spare);
    }
    partition.stores.resize(n_stores);
    partition.mail = std::make_unique<std::array<Mail, 2>>();
  }
}

template <class R>
Feed<R> Simulator<R>::feed_of(const Projection& projection) const {
  const ModelInfo& model = nodes_[projection.post].neurons->model();
  Feed<R> feed;
  feed.pre_gid = nodes_[projection.pre].first_gid;
  feed.sources = static_cast<std::uint32_t>(nodes_[projection.pre].size);
  feed.receptor = projection.receptor;
  feed.early = model.early();
  feed.conductance = model.conductance;
  feed.one_channel = projection.one_channel;
  return feed;
}

template <class R>
void Simulator<R>::build_stores() {
  const auto span = static_cast<std::size_t>(longest_delay_ + longest_slice);

  parallel_for(threads_, partitions_.size(), [&](std::size_t p) {
    Partition& partition = partitions_[p];
    std::vector<std::vector<Feed<R>>> feeds(partition.stores.size());
    for (std::size_t k = 0; k < projections_.size(); ++k) {
      const Projection& projection = projections_[k];
      for (const Slice& slice : partition.slices) {
        if (slice.node == projection.post) {
          Feed<R> feed = feed_of(projection);
          feed.projection = k;
          feed.table = projection.table ? &*projection.table : nullptr;
          feed.table_begin = own(projection.post).begin;
          feed.delay = projection.one_delay;
          feed.drawing = projection.drawing ? &*projection.drawing : nullptr;
          feed.post_begin = slice.begin;
          feed.post_end = slice.end;
          feed.local = slice.local;
          feeds[projection.store].push_back(feed);
        }
      }
    }
    const auto dummies = static_cast<std::uint16_t>(partition.input[0].size() - spare);
    for (std::size_t s = 0; s < partition.stores.size(); ++s) {
      const Projection* plastic = nullptr;
      for (const Feed<R>& feed : feeds[s]) {
        plastic = projections_[feed.projection].rule ? &projections_[feed.projection] : nullptr;
      }
      if (feeds[s].empty()) {
        continue;
      }
      if (plastic != nullptr) {
        partition.stores[s] =
            make_plastic_store<R>(plastic->layout, feeds[s][0], *plastic->rule, dt_, span,
                                  plastic->born, plastic->reward.get());
      } else {
        partition.stores[s] = std::make_unique<StaticStore<R>>(feeds[s], span, dummies);
      }
    }
  });
}

// Where synapses of one pair are stored in another order than they were created: by delay, and by
// sign.
template <class R>
void Simulator<R>::find_reorder(Projection& projection) {
  projection.reorder.clear();
  if (!projection.table) {  // drawn ones count as created in stored order
    return;
  }
  const SynapseTable<R>& table = *projection.table;
  Feed<R> feed = feed_of(projection);
  feed.early |= projection.rule.has_value();  // plastic rows are not split by sign
  std::vector<std::uint64_t> order;
  for (std::size_t i = 0; i + 1 < table.row.size(); ++i) {
    for (std::uint64_t begin = table.row[i]; begin < table.row[i + 1];) {
      std::uint64_t end = begin + 1;
      while (end < table.row[i + 1] && table.post[end] == table.post[begin]) {
        ++end;
      }
      if (end - begin > 1) {
        const auto key = [&](std::uint64_t k) {
          return std::pair(table.delay_of(k), feed.channel_of(table.weight_of(k)));
        };
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
  }
}

// Stores back into tables, before everything is laid out anew.
template <class R>
void Simulator<R>::unload_stores() {
  for (std::size_t k = 0; k < projections_.size(); ++k) {
    Projection& projection = projections_[k];
    if (!projection.in_stores || projection.drawing) {
      continue;
    }
    SynapseTable<R> table;
    if (projection.rule) {
      PlasticState<R> state = read_plastic_state(k);
      table = read_synapses(k);
      table.weight.assign(state.synapse[0].begin(), state.synapse[0].end());
      projection.plastic = std::move(state);
    } else {
      table = read_synapses(k);
      table.compact();
    }
    projection.table = std::move(table);
  }
  for (Projection& projection : projections_) {
    projection.in_stores = false;
  }
}

// The shortest and the longest delay, and the layouts of plastic projections: of all processes.
template <class R>
void Simulator<R>::agree() {
  std::vector<std::int64_t> least{longest_slice, -1};
  for (const Projection& projection : projections_) {
    if (projection.size > 0) {
      least[0] = std::min(least[0], projection.shortest);
      least[1] = std::min(least[1], -projection.longest);
    }
  }
  if (ranks_) {
    for (const Projection& projection : projections_) {
      if (projection.facts) {
        least.insert(least.end(), projection.facts->least.begin(), projection.facts->least.end());
      }
    }
    ranks_->minimum(least);
    auto fact = least.begin() + 2;
    for (Projection& projection : projections_) {
      if (projection.facts) {
        std::copy_n(fact, TableFacts::count, projection.facts->least.begin());
        fact += TableFacts::count;
        choose_storage(projection, *projection.facts);
        projection.facts.reset();
      }
    }
  }
  slice_steps_ = least[0];
  longest_delay_ = -least[1];
}

template <class R>
void Simulator<R>::prepare() {
  const Use use(busy_);
  make_ready();
}

// Weights that were set may ask for a new layout on one of several processes: then all make one.
template <class R>
void Simulator<R>::share_dirtiness() {
  const auto count = [](auto n) { return static_cast<std::int64_t>(n); };
  const std::array alike{count(nodes_.size()), count(sources_), count(projections_.size()),
                         count(seed_ % 0x7fffffff), count(now_)};
  std::vector<std::int64_t> least{dirty_ ? 0 : 1};
  for (const std::int64_t x : alike) {
    least.insert(least.end(), {x, -x});
  }
  ranks_->minimum(least);
  for (std::size_t k = 0; k < alike.size(); ++k) {
    if (least[1 + 2 * k] != -least[2 + 2 * k]) {
      throw std::logic_error(
          "the ranks that share this network made different ones of it: all must make the same "
          "calls, with the same seed");
    }
  }
  dirty_ = least[0] == 0;
}

template <class R>
void Simulator<R>::make_ready() {
  if (ranks_) {
    share_dirtiness();
  }
  if (!dirty_) {
    return;
  }
  unload_stores();
  agree();
  lay_out(place_stores());
  for (Projection& projection : projections_) {
    find_reorder(projection);
  }
  build_stores();
  dirty_ = false;
  for (std::size_t k = 0; k < projections_.size(); ++k) {
    Projection& projection = projections_[k];
    projection.table.reset();
    projection.in_stores = true;
    if (projection.plastic) {
      const PlasticState<R> state = std::move(*projection.plastic);
      projection.plastic.reset();
      write_plastic_state(k, state);
    }
  }
  bind_slices();
  requeue();
#if defined(__GLIBC__)
  malloc_trim(0);  // tables are gone; their memory need not stay
#endif
}

template <class R>
void Simulator<R>::bind_slices() {
  for (Partition& partition : partitions_) {
    for (Slice& slice : partition.slices) {
      Node& node = nodes_[slice.node];
      slice.drives.clear();
      for (const auto& injector : node.injectors) {
        if (const auto drive = injector->drive()) {
          slice.drives.push_back(*drive);
        }
      }
      slice.plastic.clear();
      slice.spike_recorders.clear();
      slice.state_recorders.clear();
      for (const Projection& projection : projections_) {
        if (projection.rule && projection.post == slice.node) {
          slice.plastic.push_back(
              static_cast<PlasticStore<R>*>(partition.stores[projection.store].get()));
        }
      }
      for (std::size_t k = 0; k < spike_recorders_.size(); ++k) {
        if (spike_recorders_[k].population == slice.node) {
          slice.spike_recorders.push_back(k);
        }
      }
      for (std::size_t k = 0; k < state_recorders_.size(); ++k) {
        if (state_recorders_[k].population == slice.node) {
          slice.state_recorders.push_back(k);
        }
      }
      node.external = std::any_of(node.injectors.begin(), node.injectors.end(),
                                  [](const auto& injector) { return injector->is_current(); });
      if (node.external) {
        node.neurons->need_external();
      }
    }
    partition.scratch.resize(2 * 2048);
  }
  for (SpikeRecorder& recorder : spike_recorders_) {
    recorder.logs.resize(std::max(recorder.logs.size(), partitions_.size()));
  }
}

template <class R>
Step Simulator<R>::longest_delay() const {
  Step longest = longest_delay_;
  for (const Projection& projection : projections_) {
    longest = std::max(longest, projection.longest);
  }
  return longest;
}

// Tells the stores of the spikes in flight.
template <class R>
void Simulator<R>::requeue() {
  for (Partition& partition : partitions_) {
    for (std::size_t s = 0; s < partition.stores.size(); ++s) {
      SynapseStore<R>* store = partition.stores[s].get();
      if (store == nullptr) {
        continue;
      }
      for (std::size_t k = 0; k < history_.stamps.size(); ++k) {
        if (history_.stamps[k] > store_born_[s]) {
          store->enqueue(history_.gids[k], history_.stamps[k], now_);
        }
      }
    }
  }
}

template class Simulator<float>;
template class Simulator<double>;

}  // namespace spikelet
