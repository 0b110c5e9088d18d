// What is read from and written to a network between runs.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "spikelet/network/simulator.hpp"
#include "spikelet/network/static_store.hpp"

namespace spikelet {

template <class R>
Population<R>& Simulator<R>::neurons(std::size_t population) {
  require_idle();
  return *nodes_[population].neurons;
}

template <class R>
void Simulator<R>::set_events(std::size_t population, std::vector<Step> stamps,
                              std::vector<std::uint32_t> elements) {
  require_idle();
  nodes_[population].events.emplace(std::move(stamps), std::move(elements));
}

template <class R>
void Simulator<R>::set_rates(std::size_t population, std::span<const double> rates) {
  require_idle();
  nodes_[population].poisson->set_rates(rates, dt_);
}

// Visits (index, source, synapse) in stored order: by source, target, delay, channel, creation.
template <class R>
void Simulator<R>::walk(
    const Projection& projection,
    const std::function<void(std::uint64_t, std::uint32_t, const Entry&)>& visitor) {
  const Node& pre = nodes_[projection.pre];
  std::vector<const Slice*> slices(partitions_.size(), nullptr);
  for (std::size_t p = 0; p < partitions_.size(); ++p) {
    for (const Slice& slice : partitions_[p].slices) {
      slices[p] = slice.node == projection.post ? &slice : slices[p];
    }
  }
  std::vector<Entry> row;
  std::uint64_t index = 0;
  for (std::uint32_t i = 0; i < pre.size; ++i) {
    row.clear();
    for (std::size_t p = 0; p < partitions_.size(); ++p) {
      const Slice* slice = slices[p];
      SynapseStore<R>* store = partitions_[p].stores[projection.store].get();
      if (slice == nullptr || store == nullptr) {
        continue;
      }
      const std::uint32_t end = slice->local + (slice->end - slice->begin);
      store->visit(pre.first_gid + i, [&](const SynapseRef<R>& synapse) {
        if (synapse.target >= slice->local && synapse.target < end) {
          row.push_back({slice->begin + (synapse.target - slice->local), synapse, p});
        }
      });
    }
    const auto before = [](const Entry& a, const Entry& b) {
      return a.post != b.post ? a.post < b.post : a.synapse.delay < b.synapse.delay;
    };
    if (!std::is_sorted(row.begin(), row.end(), before)) {
      std::stable_sort(row.begin(), row.end(), before);
    }
    for (const Entry& entry : row) {
      visitor(index++, i, entry);
    }
  }
}

template <class R>
auto Simulator<R>::slice_of(const Projection& projection, std::size_t partition) const
    -> const Slice& {
  for (const Slice& slice : partitions_[partition].slices) {
    if (slice.node == projection.post) {
      return slice;
    }
  }
  throw std::logic_error("a store without its targets");
}

// The synapses of a projection that is not laid out, as a table from now on.
template <class R>
const SynapseTable<R>& Simulator<R>::materialise(Projection& projection) {
  if (!projection.table) {
    projection.table = projection.drawing->table(threads_);
    projection.drawing.reset();
  }
  return *projection.table;
}

template <class R>
std::vector<R> Simulator<R>::read_weights(std::size_t k) {
  if (projections_[k].plastic) {
    make_ready();  // what goes with the table makes the weights of now
  }
  Projection& projection = projections_[k];
  std::vector<R> values(projection.size);
  if (!projection.in_stores) {
    const SynapseTable<R>& table = materialise(projection);
    for (std::size_t s = 0; s < projection.size; ++s) {
      values[s] = table.weight_of(s);
    }
    return values;
  }
  if (projection.rule) {
    return read_plastic_weights(projection);
  }
  // Conductances are stored as magnitudes.
  const bool signs = nodes_[projection.post].neurons->model().conductance &&
                     projection.receptor == Receptor::by_sign;
  walk(projection, [&](std::uint64_t index, std::uint32_t, const Entry& entry) {
    const bool negative = signs && entry.synapse.channel == inhibitory_channel;
    values[index] = negative ? -*entry.synapse.weight : *entry.synapse.weight;
  });
  to_canonical(projection, values);
  return values;
}

template <class R>
SynapseTable<R> Simulator<R>::read_synapses(std::size_t k) {
  if (projections_[k].plastic) {
    make_ready();  // what goes with the table makes the weights of now
  }
  Projection& projection = projections_[k];
  if (!projection.in_stores) {
    return materialise(projection);
  }
  SynapseTable<R> table;
  table.row.assign(nodes_[projection.pre].size + 1, 0);
  table.post.resize(projection.size);
  std::vector<std::uint16_t> delays(projection.size);
  walk(projection, [&](std::uint64_t index, std::uint32_t source, const Entry& entry) {
    ++table.row[source + 1];
    table.post[index] = entry.post;
    delays[index] = entry.synapse.delay;
  });
  for (std::size_t i = 1; i < table.row.size(); ++i) {
    table.row[i] += table.row[i - 1];
  }
  to_canonical(projection, delays);
  table.delay.assign(delays.begin(), delays.end());
  const std::vector<R> values = read_weights(k);
  table.weight.assign(values.begin(), values.end());
  return table;
}

template <class R>
void Simulator<R>::write_weights(std::size_t k, std::span<const R> given) {
  if (projections_[k].plastic) {
    make_ready();
  }
  Projection& projection = projections_[k];
  for (const R w : given) {
    if (projection.sign != 0 && w != 0 && std::signbit(w) != (projection.sign < 0)) {
      throw std::invalid_argument("weights of this plasticity must keep their sign, got " +
                                  std::to_string(w));
    }
  }
  std::vector<R> stored(given.begin(), given.end());
  for (const auto& [canonical, at] : projection.reorder) {
    stored[at] = given[canonical];
  }
  if (!projection.rule && projection.in_stores) {
    // Where a sign changed, and with it the receptor, or weights are no longer one, the synapses
    // are laid out anew.
    const Feed<R> feed = feed_of(projection);
    bool in_place = true;
    walk(projection, [&](std::uint64_t index, std::uint32_t, const Entry& entry) {
      in_place &= feed.channel_of(stored[index]) == entry.synapse.channel &&
                  (!entry.synapse.shared || feed.sent(stored[index]) == *entry.synapse.weight);
    });
    if (in_place) {
      walk(projection, [&](std::uint64_t index, std::uint32_t, const Entry& entry) {
        *entry.synapse.weight = feed.sent(stored[index]);
      });
      projection.drawing.reset();
      return;
    }
    projection.table = read_synapses(k);
    projection.drawing.reset();
    projection.in_stores = false;
  }
  if (!projection.in_stores) {
    materialise(projection);
    projection.table->weight.assign(given.begin(), given.end());
    if (!projection.rule) {
      projection.table->compact();
    }
    dirty_ = true;
    return;
  }
  finish(projection);
  walk(projection, [&](std::uint64_t index, std::uint32_t, const Entry& entry) {
    *entry.synapse.weight = stored[index];
  });
}

template <class R>
std::string Simulator<R>::describe_storage(std::size_t k) const {
  const Projection& projection = projections_[k];
  if (projection.rule) {
    return std::string(layout_name(projection.layout));
  }
  if (!projection.in_stores) {
    return "not laid out yet";
  }
  using Form = typename StaticStore<R>::Form;
  static constexpr std::array names{std::pair(Form::lines, "cache lines"),
                                    std::pair(Form::one_weight, "cache lines of one weight"),
                                    std::pair(Form::packed, "packed rows")};
  std::string text;
  for (const auto& [form, name] : names) {
    bool used = false;
    for (const Partition& partition : partitions_) {
      if (const auto* store =
              static_cast<const StaticStore<R>*>(partition.stores[projection.store].get())) {
        for (int channel = 0; channel < max_channels; ++channel) {
          used |= store->has(channel) && store->form(channel) == form;
        }
      }
    }
    if (used) {
      text += (text.empty() ? "" : " and ") + std::string(name);
    }
  }
  return text.empty() ? "no synapses" : text;
}

template <class R>
std::size_t Simulator<R>::synapse_bytes() const {
  std::size_t sum = 0;
  for (const Partition& partition : partitions_) {
    for (const auto& store : partition.stores) {
      sum += store ? store->bytes() : 0;
    }
  }
  for (const Projection& projection : projections_) {
    sum += projection.reorder.size() * sizeof(projection.reorder[0]);
  }
  return sum;
}

template <class R>
std::size_t Simulator<R>::record_spikes(std::size_t population, std::vector<bool> wanted) {
  require_idle();
  SpikeRecorder& recorder = spike_recorders_.emplace_back();
  recorder.population = population;
  recorder.wanted = std::move(wanted);
  return spike_recorders_.size() - 1;
}

template <class R>
std::size_t Simulator<R>::record_state(std::size_t population, std::size_t state,
                                       std::vector<std::uint32_t> elements, Step every) {
  require_idle();
  StateRecorder<R>& recorder = state_recorders_.emplace_back();
  recorder.population = population;
  recorder.state = state;
  recorder.elements = std::move(elements);
  recorder.every = every;
  return state_recorders_.size() - 1;
}

template <class R>
std::size_t Simulator<R>::record_weights(std::size_t projection, Step every) {
  require_idle();
  WeightRecorder<R>& recorder = weight_recorders_.emplace_back();
  recorder.projection = projection;
  recorder.every = every;
  return weight_recorders_.size() - 1;
}

template <class R>
void Simulator<R>::reset(bool keep_weights, Step at) {
  require_idle();
  std::vector<std::vector<R>> kept(projections_.size());
  for (std::size_t k = 0; k < projections_.size(); ++k) {
    if (!projections_[k].rule) {
      continue;
    }
    if (!keep_weights) {
      kept[k] = projections_[k].initial_weights;
    } else if (!projections_[k].in_stores) {
      kept[k] = read_weights(k);
    } else {
      finish(projections_[k]);  // the stores keep them
    }
  }
  const Step born = at == 0 ? -1 : at;
  now_ = at;
  history_ = {};
  for (Partition& partition : partitions_) {
    for (auto& store : partition.stores) {
      if (store) {
        store->clear();
      }
    }
  }
  for (Projection& projection : projections_) {
    projection.plastic.reset();
    projection.born = born;
    if (projection.reward) {
      projection.reward->clear();
    }
    for (std::size_t p = 0; projection.rule && projection.in_stores && p < partitions_.size();
         ++p) {
      if (PlasticStore<R>* store = plastic_store(projection, p)) {
        store->start(born);
      }
    }
  }
  std::fill(store_born_.begin(), store_born_.end(), born);
  for (std::size_t k = 0; k < projections_.size(); ++k) {
    if (!kept[k].empty()) {
      write_weights(k, kept[k]);
    }
  }
  for (Node& node : nodes_) {
    if (node.neurons) {
      for (std::size_t s = 0; s < node.neurons->state_count(); ++s) {
        node.neurons->set_raw_state(
            s, initial_state(static_cast<std::size_t>(&node - nodes_.data()), s));
      }
      node.neurons->set_held(std::vector<std::int32_t>(node.size, 0), at);
    }
  }
  for (SpikeRecorder& recorder : spike_recorders_) {
    recorder.logs.assign(recorder.logs.size(), {});
  }
  for (StateRecorder<R>& recorder : state_recorders_) {
    recorder.stamps.clear();
    recorder.values.clear();
  }
  for (WeightRecorder<R>& recorder : weight_recorders_) {
    recorder.stamps.clear();
    recorder.values.clear();
  }
}

template <class R>
std::vector<R> Simulator<R>::initial_state(std::size_t population, std::size_t state) const {
  const Node& node = nodes_[population];
  return node.initial.empty() ? node.neurons->raw_state(state) : node.initial[state];
}

template <class R>
void Simulator<R>::set_initial_state(std::size_t population, std::size_t state,
                                     std::vector<R> values) {
  Node& node = nodes_[population];
  node.initial.resize(node.neurons->state_count());
  if (values.size() == node.size) {  // of all processes
    const Range part = own(population);
    const auto at = [&](std::size_t i) {
      return values.begin() + static_cast<std::ptrdiff_t>(std::min(i, node.size));
    };
    values = std::vector<R>(at(part.begin), at(part.end));
  }
  node.initial[state] = std::move(values);
}

template <class R>
SpikesInFlight Simulator<R>::in_flight() const {
  require_idle();
  SpikesInFlight spikes;
  const Step oldest = now_ - longest_delay();
  for (std::size_t k = 0; k < history_.stamps.size(); ++k) {
    if (history_.stamps[k] > oldest) {
      spikes.stamps.push_back(history_.stamps[k]);
      spikes.gids.push_back(history_.gids[k]);
    }
  }
  return spikes;
}

template <class R>
void Simulator<R>::set_clock(Step now, const SpikesInFlight& spikes) {
  require_idle();
  now_ = now;
  history_ = spikes;
  dirty_ = true;
}

template class Simulator<float>;
template class Simulator<double>;

}  // namespace spikelet
