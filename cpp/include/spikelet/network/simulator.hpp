// One network and everything that is done with it. Simulator is a thin facade: it refuses access
// while a run goes on, keeps the layout up to date and passes calls on to the parts:
//
//   Network        what is simulated: nodes, projections, inputs
//   Layout         partitions and their stores
//   StepLoop       advances a network that is laid out
//   SynapseAccess  reads and writes synapses between runs
//
// Several processes can share a network; all of them must make the same calls. Arrays by element or
// synapse then cover what this process owns. Results do not depend on threads, processes, or how a
// run is split.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spikelet/network/layout.hpp"
#include "spikelet/network/network.hpp"
#include "spikelet/network/recorder.hpp"
#include "spikelet/network/regulation.hpp"
#include "spikelet/network/spike_exchange.hpp"
#include "spikelet/network/step_loop.hpp"
#include "spikelet/network/synapse_access.hpp"

namespace spikelet {

template <class R>
class Simulator {
 public:
  using Poll = spikelet::Poll;

  // threads: of each run; adapt: fewer for networks too small to gain from them. ranks: the
  // processes that share the network.
  Simulator(double dt, std::uint64_t seed, int threads, bool adapt = false,
            std::unique_ptr<Communicator> ranks = nullptr);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  double dt() const { return network_.dt; }
  std::uint64_t seed() const { return network_.seed; }
  int threads() const { return network_.threads; }
  Step now() const { return network_.now; }
  bool busy() const { return busy_; }
  Range own(std::size_t population) const { return network_.own(population); }
  ExchangeStatistics exchange_statistics() const {
    return exchange_ ? exchange_->statistics() : ExchangeStatistics{};
  }

  // Building: see Network. Indices are given in order of creation.
  std::size_t add_neurons(std::size_t model, std::size_t n, const ParameterValues& parameters,
                          bool subtract);
  std::size_t add_events(std::size_t n, std::vector<Step> stamps,
                         std::vector<std::uint32_t> elements);
  std::size_t add_poisson(std::size_t n, std::span<const double> rates);
  std::size_t connect(std::size_t pre, std::size_t post, SynapseTable<R> table, Receptor receptor,
                      const std::optional<Plasticity>& rule, std::optional<Step> born = {},
                      std::function<std::size_t()> total = {});
  std::size_t connect(std::size_t pre, std::size_t post, Drawing<R> drawing, Receptor receptor,
                      const std::optional<Plasticity>& rule);
  void inject_poisson(std::size_t population, const std::vector<double>& rates,
                      const std::vector<double>& weights, int channel);
  void inject_current(std::size_t population, std::vector<R> values, std::size_t columns,
                      Step start);
  void inject_noise(std::size_t population, const std::vector<double>& mean,
                    const std::vector<double>& std, Step every, Step start);
  std::size_t record_spikes(std::size_t population, std::vector<bool> wanted);
  std::size_t record_state(std::size_t population, std::size_t state,
                           std::vector<std::uint32_t> elements, Step every);
  std::size_t record_weights(std::size_t projection, Step every);
  // Regulates from now on; the first interval of a scaling ends at the next multiple.
  void regulate(const Regulation& regulation);

  // Lays out partitions and stores; run() does it when needed. Partitions are split evenly over the
  // threads.
  void prepare();
  // Advances by `steps`; returns the steps done (fewer if `poll` stopped it). Throws
  // std::logic_error if running already.
  Step run(Step steps, const Poll& poll);
  // Back to the initial states at step 0 or another, without spikes in flight or traces; plastic
  // weights are kept as they are now, or become the initial ones.
  void reset(bool keep_weights, Step at = 0);

  // Neurons and sources between runs.
  Population<R>& neurons(std::size_t population);
  void set_events(std::size_t population, std::vector<Step> stamps,
                  std::vector<std::uint32_t> elements);
  void set_rates(std::size_t population, std::span<const double> rates);

  // Synapses between runs; weights are as of now.
  std::size_t projection_size(std::size_t projection) const;
  std::size_t projection_total(std::size_t projection) const;  // of all processes
  std::uint32_t next_projection() const;
  SynapseTable<R> synapses(std::size_t projection);
  std::vector<R> weights(std::size_t projection);
  void set_weights(std::size_t projection, std::span<const R> weights);
  // Traces of a plastic projection, by name, with one entry for each synapse.
  std::vector<std::pair<std::string_view, std::vector<R>>> traces(std::size_t projection);
  // Scales each target's weights to that sum at once.
  void normalise(std::size_t projection, double total);
  // The same rule with other amplitudes, from now on.
  void set_amplitudes(std::size_t projection, const std::vector<double>& parameters);
  void set_reward(std::size_t projection, Step step, double level);
  double reward(std::size_t projection) const;
  std::string describe_storage(std::size_t projection) const;
  std::size_t synapse_bytes() const;

  // What was recorded, between runs.
  SpikeRecorder& spike_recorder(std::size_t k);
  StateRecorder<R>& state_recorder(std::size_t k);
  WeightRecorder<R>& weight_recorder(std::size_t k);

  // What an exact copy needs in addition to parameters, states and synapses.
  PlasticState<R> plastic_state(std::size_t projection);
  void set_plastic_state(std::size_t projection, const PlasticState<R>& state);
  std::vector<R> initial_weights(std::size_t projection) const;
  void set_initial_weights(std::size_t projection, std::vector<R> weights);
  std::vector<R> initial_state(std::size_t population, std::size_t state) const;
  void set_initial_state(std::size_t population, std::size_t state, std::vector<R> values);
  // The interval that a scaling is in: when it began, and how often each target has fired since.
  Step interval_begin(std::size_t regulation) const;
  std::vector<std::uint32_t> interval_spikes(std::size_t regulation) const;
  void set_interval(std::size_t regulation, Step begin, std::span<const std::uint32_t> spikes);
  bool has_run(std::size_t population) const;
  Step born(std::size_t projection) const;
  SpikesInFlight in_flight() const;
  void set_clock(Step now, const SpikesInFlight& spikes);

 private:
  class Use;

  void require_idle() const;
  void make_ready();
  Projection<R>& loaded(std::size_t projection);
  Step next_stop(Step end) const;
  void apply_regulations();
  void sample_weights();

  std::atomic<bool> busy_{false};
  std::unique_ptr<Communicator> ranks_;  // null: this process is alone
  std::unique_ptr<SpikeExchange> exchange_;
  Network<R> network_;
  Layout<R> layout_;
  SynapseAccess<R> access_;
  Recorders<R> recorders_;
  std::vector<Regulation> regulations_;
  std::vector<SpikeInterval> intervals_;  // of each regulation
  StepLoop<R> loop_;
  // One thread writes here in every step, so it must not share cache lines with what the others
  // read.
  alignas(128) SpikesInFlight flight_;
};

extern template class Simulator<float>;
extern template class Simulator<double>;

}  // namespace spikelet
