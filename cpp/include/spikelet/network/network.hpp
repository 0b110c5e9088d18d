// The description of one network: its nodes (populations and spike sources), projections and
// inputs. Objects are added and numbered in order of creation. Several processes can share a
// network: each owns a part of every node and the synapses onto that part.
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "spikelet/network/connection_rules.hpp"
#include "spikelet/network/injector.hpp"
#include "spikelet/network/plastic_state.hpp"
#include "spikelet/network/plastic_store.hpp"
#include "spikelet/network/population.hpp"
#include "spikelet/network/ranks.hpp"
#include "spikelet/network/reward.hpp"
#include "spikelet/network/source.hpp"
#include "spikelet/network/sum_steps.hpp"
#include "spikelet/network/synapses.hpp"
#include "spikelet/network/table_facts.hpp"
#include "spikelet/network/weight_bits.hpp"

namespace spikelet {

inline constexpr Step longest_interval = 32;  // steps between two synchronisation points at most

// A population of neurons or a spike source.
template <class R>
struct Node {
  std::size_t size = 0;
  Gid first_gid = 0;
  std::unique_ptr<Population<R>> neurons;  // one of these three
  std::optional<EventSource> events;
  std::optional<PoissonSource> poisson;
  std::vector<std::vector<R>> initial;  // states at step 0, once the network has run
};

template <class R>
struct Projection {
  std::size_t pre = 0, post = 0, size = 0;
  Receptor receptor = Receptor::by_sign;
  std::optional<Plasticity> rule;
  PlasticLayout layout = PlasticLayout::history;
  int one_channel = -1;                  // plastic: the channel of all weights it may ever have
  int sign = 0;                          // that its weights keep
  std::uint16_t one_delay = 0;           // of all its synapses, or 0
  double step = 0;                       // static: of the grid of 16-bit weights; 0: floats
  std::unique_ptr<RewardSignal> reward;  // if the rule needs it
  Step born = 0;                         // spikes up to this stamp do not use it
  Step shortest = 1, longest = 1;
  std::function<std::size_t()> total;  // synapses of all processes, where `size` is not that
  std::optional<TableFacts> facts;     // plastic: until its layout is chosen
  // Where the synapses are: in a table until they are laid out, then in the stores. Static synapses
  // of a rule may instead be redrawn whenever needed, until their weights are set, or are read
  // before they are laid out.
  std::optional<SynapseTable<R>> table;
  std::optional<Drawing<R>> drawing;
  bool in_stores = false;
  std::optional<PlasticState<R>> plastic;  // of the table
  std::vector<std::pair<std::uint64_t, std::uint64_t>>
      reorder;                     // (canonical, as stored) where they differ
  std::size_t store = 0;           // index into Partition::stores
  std::vector<R> initial_weights;  // plastic: for reset

  // From stored to canonical order.
  template <class T>
  void to_canonical(std::vector<T>& values) const {
    std::vector<T> moved;
    for (const auto& [canonical, stored] : reorder) {
      moved.push_back(values[stored]);
    }
    for (std::size_t k = 0; k < moved.size(); ++k) {
      values[reorder[k].first] = moved[k];
    }
  }
};

// Something that acts on a population without synapses.
template <class R>
struct Input {
  std::size_t population;
  std::vector<std::uint32_t> streams;  // random streams, by number
  std::unique_ptr<Injector<R>> injector;
};

// Makes an input of some kind; see injector.hpp.
template <class R>
using MakeInjector = std::function<std::unique_ptr<Injector<R>>(const InputSite&)>;

// Identifies an input. By default it is new, and so are its streams.
struct InputKey {
  std::optional<std::uint32_t> number{};                // of the input to replace, or to restore
  std::optional<std::vector<std::uint32_t>> streams{};  // default: those of the input it replaces
};

// What a process is asked to do that all of them must do alike.
struct Call {
  enum What { prepare, run, read, normalise, set_amplitudes };
  static constexpr std::array names{"prepare", "run", "reading a projection", "normalise",
                                    "setting plasticity"};
  What what = prepare;
  std::int64_t argument = 0;   // steps, or a projection
  std::int64_t recorders = 0;  // and regulations: a digest
  std::int64_t plan = 0;       // of what else happens during a run
};

template <class R>
class Network {
 public:
  // ranks: the processes that share the network, or null.
  Network(double dt, std::uint64_t seed, int threads, Communicator* ranks);

  // The elements of a node that this process owns.
  Range own(std::size_t node) const;

  // A node that is complete. Its first gid must be elements().
  std::size_t add(Node<R>&& node);
  std::size_t add_neurons(std::size_t model, std::size_t n, const ParameterValues& parameters,
                          bool subtract);
  std::size_t add_program(std::shared_ptr<const Program> program, std::size_t n,
                          const ProgramValues& values);
  std::size_t add_events(std::size_t n, std::vector<Step> stamps,
                         std::vector<std::uint32_t> elements);
  std::size_t add_poisson(std::size_t n, std::span<const double> rates);
  // total: synapses onto all targets, where the table has fewer.
  std::size_t connect(std::size_t pre, std::size_t post, SynapseTable<R> table, Receptor receptor,
                      const std::optional<Plasticity>& rule, std::optional<Step> born = {},
                      std::function<std::size_t()> total = {}, WeightBits bits = {});
  // Static synapses are drawn only when they are laid out, where that cannot fail.
  std::size_t connect(std::size_t pre, std::size_t post, Drawing<R> drawing, Receptor receptor,
                      const std::optional<Plasticity>& rule, WeightBits bits = {});
  // Adds an input, or replaces one, and returns its number. elements: of the population; default:
  // all. An input's number is that of its first stream when it was new.
  std::uint32_t inject(std::size_t population,
                       std::optional<std::span<const std::uint32_t>> elements,
                       const MakeInjector<R>& make, const InputKey& key = {});
  void remove_input(std::uint32_t number);

  // Of a node that has neurons.
  Population<R>& neurons(std::size_t node) { return *nodes[node].neurons; }
  const Population<R>& neurons(std::size_t node) const { return *nodes[node].neurons; }

  // Elements of all nodes.
  Gid elements() const { return gids_; }

  // How a store sees the projection, apart from its synapses and the slice of its targets.
  Feed<R> feed_of(const Projection<R>& projection) const;
  // Of the projections with weights of 16 bits.
  const SumSteps& sum_steps() const { return sum_steps_; }
  // The synapses of a projection that is not laid out. From now on it keeps them as a table.
  const SynapseTable<R>& table_of(Projection<R>& projection) const;

  // States at step 0, where reset() goes back to: the current ones while the network has not run.
  std::vector<R> initial_state(std::size_t population, std::size_t state) const;
  void set_initial_state(std::size_t population, std::size_t state, std::vector<R> values);
  // Those that are to be kept before the first step, by node; keep() keeps them.
  using InitialStates = std::vector<std::pair<std::size_t, std::vector<std::vector<R>>>>;
  InitialStates initial_states() const;
  void keep(InitialStates&& states) noexcept;
  // Throws Divergence unless all states of neurons are numbers. Those that no program moves are
  // looked at every few steps only: a loop of short runs would take longer by half.
  void require_numbers();
  // Back to the initial states at step `at`; no projection uses spikes up to `born`.
  void restart(Step at, Step born);

  // Collective: makes the delays and the layouts of plastic projections those of all processes.
  void agree();
  // Collective: throws on all processes unless all call for the same. A layout that has become
  // invalid on one process is rebuilt on all of them. error: why this process cannot go on, or
  // null.
  void share_changes(const Call& call, std::exception_ptr error);
  // Collective: throws on all processes if there is an error on one.
  void share_error(std::exception_ptr error);
  Step longest_delay() const;

  const double dt;
  const std::uint64_t seed;
  const int threads;
  Step now = 0;
  bool changed = true;         // since the layout was built
  bool inputs_changed = true;  // since they were bound to the layout
  std::size_t edition = 0;  // of nodes and static synapses; another one after a jump in time, too
  Step kernels_due = std::numeric_limits<Step>::min();  // when to look at what kernels move
  std::vector<Node<R>> nodes;
  std::vector<Projection<R>> projections;
  double promised = 0;  // bytes that drawn synapses need at least, until they are laid out
  std::map<std::uint32_t, Input<R>> inputs;  // by number, which is in order of creation
  std::uint32_t streams = 0;                 // of inputs, given out so far
  // Of all processes: steps between two synchronisation points (the shortest delay) and the longest
  // delay.
  Step interval = 1, agreed_longest = 1;
  Step longest_signal = 0;  // steps for which signals need spikes

 private:
  // Nodes and projections are added only when they are complete: what fails before leaves the
  // network as it was.
  Node<R> make_node(std::size_t n) const;
  Projection<R> make_projection(std::size_t pre, std::size_t post, std::size_t size,
                                Receptor receptor, std::optional<Step> born) const;
  std::size_t add(Projection<R>&& projection);
  // A population of neurons; throws std::invalid_argument if there is none of that number.
  Node<R>& neurons_at(std::size_t population);
  // The step of the grid of weights with these bounds, or 0: they are floats.
  double weight_step(const WeightBits& bits, double low, double high, std::size_t pre,
                     std::size_t post, Receptor receptor, bool fixed) const;
  void check_ends(const SynapseTable<R>& table, std::size_t pre, std::size_t post,
                  std::optional<Step> born) const;
  void check(const SynapseTable<R>& table, std::size_t post, Receptor receptor,
             const std::optional<Plasticity>& rule) const;
  void choose_plastic_layout(Projection<R>& projection, const TableFacts& facts) const;

  Communicator* ranks_;
  Gid gids_ = 0;  // given out so far
  SumSteps sum_steps_;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace spikelet
