// What a partition does in a step: deliver the events that are due, advance its neurons and
// sources, note their spikes, sample states. Only the partition's own thread calls it.
#pragma once

#include <vector>

#include "spikelet/network/layout.hpp"

namespace spikelet {

template <class R>
class Stepper {
 public:
  Stepper(Network<R>& network, Layout<R>& layout, Recorders<R>& recorders)
      : network_(network), layout_(layout), recorders_(recorders) {}

  // Before and after a span of steps: input states live in the partitions' buffers in between,
  // where events are added to them.
  void bind_arrays();
  void return_inputs();

  // The steps [begin, end) but for the end of the last one; leaves their spikes in slot `parity`.
  void advance(std::size_t partition, Step begin, Step end, int parity);
  // The end of a step, which its spikes need not wait for.
  void complete(std::size_t partition, Step step);

 private:
  void bind_neurons(Partition<R>& partition, Slice<R>& slice);
  void deliver(Partition<R>& partition, Step step, bool early) const;
  void mark_reached(Partition<R>& partition, Step step) const;
  void emit(Partition<R>& partition, Slice<R>& slice, Step step, std::vector<Gid>& spikes);
  void step_neurons(Partition<R>& partition, Slice<R>& slice, Step step, std::vector<Gid>& spikes);
  void note(std::size_t partition, const Slice<R>& slice, std::span<const Gid> spikes, Step stamp);
  void sample(Partition<R>& partition, const Slice<R>& slice, Step stamp);
  // Adds the integer sums of elements [begin, end) to their channels.
  void add_sums(Partition<R>& partition, const Slice<R>& slice, std::size_t begin, std::size_t end,
                bool without_taken_in = false) const;

  Network<R>& network_;
  Layout<R>& layout_;
  Recorders<R>& recorders_;
};

extern template class Stepper<float>;
extern template class Stepper<double>;

}  // namespace spikelet
