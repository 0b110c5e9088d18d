// What a simulator is made of: all that its calls change, and the work that spans several parts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "spikelet/network/layout.hpp"
#include "spikelet/network/network.hpp"
#include "spikelet/network/recorder.hpp"
#include "spikelet/network/regulation.hpp"
#include "spikelet/network/signals.hpp"
#include "spikelet/network/spike_exchange.hpp"
#include "spikelet/network/step_loop.hpp"
#include "spikelet/network/synapse_access.hpp"

namespace spikelet {

template <class R>
class Joined;

template <class R>
struct SimulatorParts {
  // others: the processes that share the network, or null.
  SimulatorParts(double dt, std::uint64_t seed, int threads, bool adapt, bool paced,
                 std::unique_ptr<Communicator> others);

  // Builds the layout anew. If memory runs out, the network is as it was before.
  void lay_out();
  // Gives the layout the recorders that are new, and the spikes in flight after a joined run.
  void catch_up();
  // Gives the layout the inputs that have come, changed or gone, unless it is built anew anyway.
  void bind_inputs();
  // Prefetches what a run needs, if the network is small, in stages 1 to 4.
  void fetch(int stage) const;
  // Whether processes record and regulate alike, as a number.
  std::int64_t digest() const;

  // Cuts a run where weights are sampled or regulated, where signals may come, and before the
  // refractory clocks (32 bits) could overflow.
  Step next_stop(Step end) const;
  void give_signals();
  void apply_regulations();
  void sample_weights();

  // These return the number of the new recorder.
  std::size_t record_spikes(std::size_t population, std::vector<bool> wanted);
  std::size_t record_state(std::size_t population, std::size_t state,
                           std::vector<std::uint32_t> elements, Step every,
                           bool before_reset = false);
  std::size_t record_weights(std::size_t projection, Step every);
  // Samples within a window, by default all.
  Samples<R> recorded_states(std::size_t recorder, const RecordingWindow& within = {}) const;
  Samples<R> recorded_weights(std::size_t recorder, const RecordingWindow& within = {}) const;

  SpikeInterval interval_from_now(const Regulation& regulation) const;
  void regulate(const Regulation& regulation);
  void set_regulation(std::size_t number, const Regulation& regulation);
  void remove_regulation(std::size_t number);
  // How often each target has fired since the present interval of a scaling began.
  std::vector<std::uint32_t> interval_spikes(std::size_t regulation);
  void set_interval(std::size_t regulation, Step begin, std::span<const std::uint32_t> spikes);
  void follow(const SpikeSignal& signal);
  void forget_signals(std::size_t projection);

  // Spikes that may not have arrived everywhere.
  SpikesInFlight in_flight() const;
  // Throws std::invalid_argument if the network cannot be there.
  void set_clock(Step now, const SpikesInFlight& spikes);
  // Of one projection, whose spikes in flight arrive with them.
  void set_weights(Projection<R>& projection, std::span<const R> weights);
  // Plastic weights become those given; an empty list keeps them.
  void reset(const std::vector<std::vector<R>>& weights, Step at);

  std::unique_ptr<Communicator> ranks;  // null: this process is alone
  std::unique_ptr<SpikeExchange> exchange;
  Network<R> network;
  Layout<R> layout;
  SynapseAccess<R> access;
  Recorders<R> recorders;
  std::vector<Regulation> regulations;
  std::vector<SpikeInterval> intervals;  // of each regulation
  Signals signals;
  std::size_t layouts = 0;  // how often the layout was built
  StepLoop<R> loop;
  std::shared_ptr<Joined<R>> joined;  // the networks that it last ran as one with
  bool behind = false;                // its own layout does not know yet what is in flight since
  Step alone = 0;                     // steps of run_all() without them
  // One thread writes here in every step, so it must not share cache lines with what the others
  // read.
  alignas(128) SpikesInFlight flight;
};

extern template struct SimulatorParts<float>;
extern template struct SimulatorParts<double>;

}  // namespace spikelet
