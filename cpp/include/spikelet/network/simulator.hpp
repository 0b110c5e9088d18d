// One network and everything that is done with it:
//
//   Network        what is simulated: nodes, projections, inputs
//   Layout         partitions and their stores
//   StepLoop       advances a network that is laid out
//   SynapseAccess  reads and writes synapses between runs
//   Recorders      what is recorded
//
// A Simulator guards these parts: brief(), lengthy() and look() give a thread access to them, as
// Guarded says. Its own methods do what must first lay the network out, or must not stop half-way.
//
// Any number of threads may call it: brief calls wait for each other, and all are refused (InUse)
// while a lengthy one goes on. If a change fails half-way, later calls are refused (Broken), but
// what was recorded before can be read. If a call fails otherwise, the network is as it was before.
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
class Simulator : public Guarded<SimulatorParts<R>> {
 public:
  using Poll = spikelet::Poll;
  using Parts = SimulatorParts<R>;
  using Use = typename Guarded<Parts>::Use;
  using Look = typename Guarded<Parts>::Look;

  // threads: of each run; adapt: fewer for networks too small to gain from them. ranks: the
  // processes that share the network. paced: one thread for as long as that is faster.
  Simulator(double dt, std::uint64_t seed, int threads, bool adapt = false,
            std::unique_ptr<Communicator> ranks = nullptr, bool paced = false);

  // These read nothing that a call changes, so any thread may call them at any time.
  double dt() const { return dt_; }
  std::uint64_t seed() const { return seed_; }
  int threads() const { return threads_; }
  Step now() const { return now_; }  // of the last end of a run, or of a part of one

  // Lays out partitions and stores; run() does it when needed. Partitions are split evenly over the
  // threads.
  void prepare();
  // Prefetches what the next run needs, if the network is small: for a thread that has others to
  // run first, before each of which it calls one of fetch_stages stages.
  void fetch(int stage) noexcept;
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
  void set_clock(Step now, const SpikesInFlight& spikes);

  // See Population.
  void set_parameters(std::size_t population, const ParameterViews& parameters, bool subtract,
                      ParameterSet changed = all_parameters);
  void set_initial_state(std::size_t population, std::size_t state, std::vector<R> values);

  // Synapses between runs; weights are as of now.
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
  // What a rule from text does at a signal, now.
  void signal(std::size_t projection, double value);
  // What an exact copy needs of a plastic projection, in addition to its synapses. initial: the
  // weights that reset() returns to; default: as before.
  void set_plastic_state(std::size_t projection, const PlasticState<R>& state,
                         std::optional<std::vector<R>> initial = {});

 private:
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
};

extern template class Simulator<float>;
extern template class Simulator<double>;

}  // namespace spikelet
