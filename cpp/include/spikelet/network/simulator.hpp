// One network and everything that is done with it. Simulator is a thin facade: it refuses access
// while a run goes on, keeps the layout up to date and passes calls on to the parts:
//
//   Network        what is simulated: nodes, projections, inputs
//   Layout         partitions and their stores
//   StepLoop       advances a network that is laid out
//   SynapseAccess  reads and writes synapses between runs
//
// Any number of threads may call it: brief calls wait for each other, and all are refused (InUse)
// while a lengthy one goes on. If a call fails half-way, all later ones are refused (Broken), but
// what was recorded before can be read. If one fails otherwise, the network is as it was before.
//
// Several processes can share a network; all of them must make the same calls. Arrays by element or
// synapse then cover what this process owns. Results do not depend on threads, processes, or how a
// run is split.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikelet/core/guarded.hpp"
#include "spikelet/network/simulator_parts.hpp"

namespace spikelet {

template <class R>
class Simulator {
 public:
  using Poll = spikelet::Poll;

  // threads: of each run; adapt: fewer for networks too small to gain from them. ranks: the
  // processes that share the network. paced: one thread for as long as that is faster.
  Simulator(double dt, std::uint64_t seed, int threads, bool adapt = false,
            std::unique_ptr<Communicator> ranks = nullptr, bool paced = false);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  // These read nothing that a call changes, so any thread may call them at any time.
  double dt() const { return dt_; }
  std::uint64_t seed() const { return seed_; }
  int threads() const { return threads_; }
  Step now() const { return now_; }  // of the last end of a run, or of a part of one
  bool busy() const { return parts_.busy(); }
  bool failed() const { return parts_.broken(); }
  // Says in the user's names why a run failed.
  void explain(const std::string& error) { parts_.even_if_broken().explain("a run", error); }

  Range own(std::size_t population);
  ExchangeStatistics exchange_statistics();

  // Building: see Network. Indices are given in order of creation.
  std::size_t add_neurons(std::size_t model, std::size_t n, const ParameterValues& parameters,
                          bool subtract);
  std::size_t add_program(std::shared_ptr<const Program> program, std::size_t n,
                          const ProgramValues& values);
  std::size_t add_events(std::size_t n, std::vector<Step> stamps,
                         std::vector<std::uint32_t> elements);
  std::size_t add_poisson(std::size_t n, std::span<const double> rates);
  std::size_t connect(std::size_t pre, std::size_t post, SynapseTable<R> table, Receptor receptor,
                      const std::optional<Plasticity>& rule, std::optional<Step> born = {},
                      std::function<std::size_t()> total = {}, WeightBits bits = {});
  // draw(number, own) returns the drawing, given the projection's number and the targets owned.
  std::size_t connect(std::size_t pre, std::size_t post,
                      const std::function<Drawing<R>(std::uint32_t, Range)>& draw,
                      Receptor receptor, const std::optional<Plasticity>& rule,
                      WeightBits bits = {});
  // Of the grid of a projection's 16-bit weights; 0: they are floats.
  double weight_step(std::size_t projection);
  std::uint32_t inject(std::size_t population,
                       std::optional<std::span<const std::uint32_t>> elements,
                       const MakeInjector<R>& make, const InputKey& key = {});
  void remove_input(std::uint32_t number);
  std::size_t record_spikes(std::size_t population, std::vector<bool> wanted);
  std::size_t record_state(std::size_t population, std::size_t state,
                           std::vector<std::uint32_t> elements, Step every,
                           bool before_reset = false);
  std::size_t record_weights(std::size_t projection, Step every);
  void set_window(RecorderKind kind, std::size_t recorder, const RecordingWindow& window);
  // Regulates from now on; the first interval of a scaling ends at the next multiple.
  void regulate(const Regulation& regulation);
  // Another interval or other values; a new interval begins now if its length changes.
  void set_regulation(std::size_t number, const Regulation& regulation);
  void remove_regulation(std::size_t number);  // later ones move up

  // What an exact copy needs of inputs: the random streams of one, and how many are taken.
  std::vector<std::uint32_t> input_streams(std::uint32_t number);
  std::uint32_t streams();
  void set_streams(std::uint32_t taken);

  // Lays out partitions and stores; run() does it when needed. Partitions are split evenly over the
  // threads.
  void prepare();
  // Prefetches what the next run needs, if the network is small: for a thread that has others to
  // run first, before each of which it calls one of fetch_stages stages.
  void fetch(int stage) noexcept;
  // How often that was done. Inputs that come, change or go do not need it.
  std::size_t layouts();
  bool joined();  // whether run_all() runs it as a part of a joined network
  // Advances by `steps`; returns the steps done (fewer if `poll` stopped it). What poll throws is
  // thrown again once the run has stopped; the network is intact then. threads: the most to use, of
  // those that the network has.
  Step run(Step steps, const Poll& poll, int threads = std::numeric_limits<int>::max());
  // How many of the first networks one thread should take at once, at most `most`. All are about to
  // run for `steps`; the first one counts them, as joining pays off over several runs.
  static std::size_t worth_joining(std::span<Simulator* const> networks, Step steps,
                                   std::size_t most);
  // Runs networks by one thread, joined where they are alike. What a network throws is its entry of
  // `errors`. poll must not throw; once it has stopped a run, no other begins.
  static void run_together(std::span<Simulator* const> networks, Step steps, const Poll& poll,
                           std::span<std::exception_ptr> errors);
  // Collective: throws on all processes unless all of them are about to run for as many steps, with
  // the same plan, a number that stands for what else they do meanwhile.
  void meet(Step steps, std::int64_t plan);
  // Back to the initial states at step 0 or another, without spikes in flight or traces; plastic
  // weights are kept as they are now, or become the initial ones.
  void reset(bool keep_weights, Step at = 0);

  // Neurons and sources between runs; see Population.
  void set_parameters(std::size_t population, const ParameterViews& parameters, bool subtract,
                      ParameterSet changed = all_parameters);
  void set_coefficients(std::size_t population, const ProgramViews& values);
  std::size_t state_count(std::size_t population);
  std::vector<R> state(std::size_t population, std::size_t k);
  void set_state(std::size_t population, std::size_t k, const std::vector<R>& values);
  std::vector<R> raw_state(std::size_t population, std::size_t k);
  void set_raw_state(std::size_t population, std::size_t k, const std::vector<R>& values);
  std::vector<std::int32_t> held(std::size_t population);
  void set_held(std::size_t population, const std::vector<std::int32_t>& steps);
  void set_events(std::size_t population, std::vector<Step> stamps,
                  std::vector<std::uint32_t> elements);
  void set_rates(std::size_t population, std::span<const double> rates);
  // Rates that change with time, made for all elements.
  using MakeSourceRates = std::function<std::unique_ptr<const Rates>(const Targets&, double dt)>;
  void set_rates(std::size_t population, const MakeSourceRates& make);

  // Synapses between runs; weights are as of now.
  std::size_t projection_size(std::size_t projection);
  std::size_t projection_total(std::size_t projection);  // of all processes
  std::uint32_t next_projection();
  SynapseTable<R> synapses(std::size_t projection, bool with_weights = true);
  std::vector<R> weights(std::size_t projection);
  void set_weights(std::size_t projection, std::span<const R> weights);
  // Traces of a plastic projection, by name, with one entry for each synapse.
  std::vector<std::pair<std::string_view, std::vector<R>>> traces(std::size_t projection);
  // Scales each target's weights to that sum at once.
  void normalise(std::size_t projection, double total);
  // The same rule with other amplitudes, from now on.
  void set_amplitudes(std::size_t projection, const std::vector<double>& parameters);
  void set_reward(std::size_t projection, Step step, double level);
  double reward(std::size_t projection);
  std::string describe_storage(std::size_t projection);
  std::size_t synapse_bytes();

  // What was recorded, between runs, even if the network has failed since.
  std::shared_ptr<const SpikeRecorder::Log> recorded_spikes(std::size_t recorder);
  // Samples within a window, by default all.
  Samples<R> recorded_states(std::size_t recorder, const RecordingWindow& within = {});
  Samples<R> recorded_weights(std::size_t recorder, const RecordingWindow& within = {});
  std::vector<Step> recorded_stamps(RecorderKind kind, std::size_t recorder);  // of samples
  std::size_t recorded_count(RecorderKind kind, std::size_t recorder);
  void clear_recorder(RecorderKind kind, std::size_t recorder);

  // What an exact copy needs in addition to parameters, states and synapses.
  PlasticState<R> plastic_state(std::size_t projection);
  void set_plastic_state(std::size_t projection, const PlasticState<R>& state);
  std::vector<R> initial_weights(std::size_t projection);
  void set_initial_weights(std::size_t projection, std::vector<R> weights);
  std::vector<R> initial_state(std::size_t population, std::size_t state);
  void set_initial_state(std::size_t population, std::size_t state, std::vector<R> values);
  // The interval that a scaling is in: when it began, and how often each target has fired since.
  Step interval_begin(std::size_t regulation);
  std::vector<std::uint32_t> interval_spikes(std::size_t regulation);
  void set_interval(std::size_t regulation, Step begin, std::span<const std::uint32_t> spikes);
  bool has_run(std::size_t population);
  Step born(std::size_t projection);
  SpikesInFlight in_flight();
  void set_clock(Step now, const SpikesInFlight& spikes);

 private:
  // Only parts_ leads to what calls change, so no method can forget to ask for it.
  using Parts = SimulatorParts<R>;
  using Use = typename Guarded<Parts>::Use;
  using Look = typename Guarded<Parts>::Look;

  // Rebuilds the layout if the network has changed. prepare() does what else must
  // succeed on all processes before the call goes on. If anything fails, the network is as it was.
  template <class Prepare>
  static void make_ready(Use& use, Call call, Prepare&& prepare);
  static void make_ready(Use& use, Call call);
  // The first part of it: all processes want the same.
  template <class Prepare>
  static void share(Use& use, Call call, Prepare&& prepare);
  static bool pays_to_join(Parts& network, Step steps);
  // Joins those that are not through and like the first of them, if there are any: these are
  // through then. If it throws, nothing has changed.
  static void run_joined(std::span<Simulator* const> networks, std::size_t first, Step steps,
                         const Poll& poll, std::span<std::exception_ptr> errors,
                         std::vector<bool>& through);
  // A projection whose weights can be read.
  static Projection<R>& loaded(Use& use, std::size_t projection);

  const double dt_;
  const std::uint64_t seed_;
  const int threads_;
  std::atomic<Step> now_{0};
  Guarded<Parts> parts_;
};

extern template class Simulator<float>;
extern template class Simulator<double>;

}  // namespace spikelet
