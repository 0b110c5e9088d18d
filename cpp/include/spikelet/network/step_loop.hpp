// The step loop: a team of threads advances a network that is laid out. Each thread works on its
// own partitions. Threads meet once an interval (the shortest delay) to exchange spikes, and so do
// the processes that share the network. Neither threads nor processes nor the way a run is cut
// change any bit.
#pragma once

#include <exception>
#include <functional>

#include "spikelet/network/layout.hpp"
#include "spikelet/network/pace.hpp"
#include "spikelet/network/spike_exchange.hpp"

namespace spikelet {

// Called occasionally with the step reached; true stops the run there.
using Poll = std::function<bool(Step)>;

template <class R>
class StepLoop {
 public:
  // exchange: with the other processes, or null. paced: use one thread where all are slower.
  StepLoop(Network<R>& network, Layout<R>& layout, Recorders<R>& recorders, SpikesInFlight& flight,
           SpikeExchange* exchange, bool paced)
      : network_(network),
        layout_(layout),
        recorders_(recorders),
        flight_(flight),
        exchange_(exchange),
        paced_(paced) {}

  // Advances to the step `end`. Returns true if `poll`, which must not throw, stopped it earlier.
  // After an error the partitions stand at different steps: the network cannot go on. The clock and
  // what was recorded end with the last interval that is whole, or, in one process, right before
  // the step in which a neuron diverged. An error from before the run ends it in its first
  // interval, so that other processes learn of it. threads: the most to use.
  bool run(Step end, const Poll& poll, std::exception_ptr before, int threads);

 private:
  struct Span;   // one call of run(): what its threads share
  class Member;  // one of these threads

  bool run_paced(Step end, const Poll& poll, std::exception_ptr before, int threads);
  bool run_part(Step end, const Poll& poll, std::exception_ptr before, int threads);
  void emit_at_time_0();
  void forget_old_spikes(Step step);

  Network<R>& network_;
  Layout<R>& layout_;
  Recorders<R>& recorders_;
  SpikesInFlight& flight_;
  SpikeExchange* exchange_;
  bool paced_;
  Pace pace_;
  static constexpr std::size_t few_in_flight = 512;  // they stay in the first-level cache
  std::size_t flight_limit_ = few_in_flight;
};

extern template class StepLoop<float>;
extern template class StepLoop<double>;

}  // namespace spikelet
