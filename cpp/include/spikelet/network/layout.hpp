// How a network lies in memory: its targets in partitions, its synapses in the partitions' stores.
// Results do not depend on the layout: additions to a target come in the order (store, stamp,
// source, position in the row), and random draws are keyed by element and step.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "spikelet/network/network.hpp"
#include "spikelet/network/partition.hpp"
#include "spikelet/network/recorder.hpp"
#include "spikelet/network/spikes_in_flight.hpp"

namespace spikelet {

// A synapse met on a walk in stored order.
template <class R>
struct StoredSynapse {
  std::uint32_t post;
  SynapseRef<R> synapse;
  std::size_t partition;
};

template <class R>
class Layout {
 public:
  // adapt: fewer partitions than threads for networks too small to gain from more.
  Layout(Network<R>& network, bool adapt) : network_(network), adapt_(adapt) {}

  // Splits the network into partitions and builds their stores from tables and drawings.
  void build();
  // Gives slices the inputs that have not ended; build() does so, too.
  void bind_inputs();
  // Connects slices with the recorders that are new since the last call or since build(). If memory
  // runs out, nothing has changed.
  void bind(Recorders<R>& recorders);
  // Hands spikes in flight to the stores.
  void enqueue(const SpikesInFlight& spikes);
  // Hands them again to those that have copies of a projection's weights, after these were set.
  void renew(const Projection<R>& projection, const SpikesInFlight& spikes);
  // The network has moved on without its stores: they forget what was to arrive, and get the spikes
  // that are in flight now. All synapses must be static.
  void resume(const SpikesInFlight& spikes);
  // Stores forget everything but weights, and ignore spikes up to `born`.
  void restart(Step born);
  std::size_t synapse_bytes() const;
  // Prefetches what the next steps need, if that is little, in stages 1 to 4.
  void fetch(int stage) const;

  // Visits (index, source, synapse), one source after the other. The index is the place in stored
  // order: by source, target, delay, channel, creation. Synapses of a long row come in any order.
  void for_each_synapse(
      const Projection<R>& projection,
      const std::function<void(std::uint64_t, std::uint32_t, const StoredSynapse<R>&)>& visitor);
  // The partition's part of a plastic projection, or null.
  PlasticStore<R>* plastic_store(const Projection<R>& projection, std::size_t partition) const {
    return static_cast<PlasticStore<R>*>(partitions[partition].stores[projection.store].get());
  }
  // Whether static synapses of the projection's store have that form in some partition.
  template <class Store>
  bool has_form(const Projection<R>& projection, typename Store::Form form) const {
    return std::ranges::any_of(partitions, [&](const Partition<R>& partition) {
      const auto* store = static_cast<const Store*>(partition.stores[projection.store].get());
      return store != nullptr && store->has(form);
    });
  }
  // The slice of a projection's targets; there must be one.
  const Slice<R>& targets(const Projection<R>& projection, std::size_t partition) const;

  std::vector<Partition<R>> partitions;

 private:
  void place_stores();
  std::size_t segment_length() const;
  std::size_t wide_limit() const;
  bool may_be_wide() const;
  bool integers_fill_lines(std::size_t parts) const;
  std::size_t partition_count() const;
  void hand_over(const SpikesInFlight& spikes, Partition<R>& partition, std::size_t store);
  void clear_stores();
  void split();
  void find_reorder(Projection<R>& projection) const;
  void build_stores();
  Feed<R> feed_of(const Projection<R>& projection, std::uint32_t begin, std::uint32_t end) const;
  std::vector<std::vector<Feed<R>>> feeds_of(const Partition<R>& partition,
                                             const SumSteps& sum_steps) const;
  void bind_plastic();
  void bind_new(Recorders<R>& recorders);

  Network<R>& network_;
  bool adapt_;
  std::vector<Step> store_born_;                     // by store
  std::size_t bound_spikes_ = 0, bound_states_ = 0;  // recorders that the slices know
};

extern template class Layout<float>;
extern template class Layout<double>;

}  // namespace spikelet
