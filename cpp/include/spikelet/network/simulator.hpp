// One network and its step loop. Objects are added and named by index; run() advances all of them.
//
// The targets are split into partitions; a partition owns its neurons, what events add to and all
// their incoming synapses, and only one thread works on it. Threads meet once every shortest delay
// to exchange spike lists. Several processes can share a network: each owns a part of every
// population, and lays out partitions for that. Results depend on neither threads nor partitions
// nor processes nor how a run is cut: additions to a target come in the order (store, stamp,
// source, position in the row), and all random draws are keyed by element and step.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spikelet/network/injector.hpp"
#include "spikelet/network/plastic_store.hpp"
#include "spikelet/network/population.hpp"
#include "spikelet/network/recorder.hpp"
#include "spikelet/network/connection_rules.hpp"
#include "spikelet/network/source.hpp"
#include "spikelet/network/spike_exchange.hpp"
#include "spikelet/network/store.hpp"
#include "spikelet/network/table_facts.hpp"

namespace spikelet {

// What plasticity keeps beside delays, in an order that depends on no partition: synapses in
// canonical order, weights first (as stored: up to date as far as no later arrival can change).
template <class R>
struct PlasticState {
  std::vector<std::vector<R>> synapse;
  std::vector<std::vector<Step>> synapse_step;
  std::vector<std::uint32_t> row_source;  // one entry a row (source, delay)
  std::vector<std::uint16_t> row_delay;
  std::vector<std::vector<R>> row;
  std::vector<std::vector<double>> row_double;
  std::vector<std::vector<Step>> row_step;
  std::vector<std::vector<R>> target;
  std::vector<std::uint32_t> counts;  // spikes of each target since regulation asked last
  std::vector<Step> post_stamp;       // spikes of targets that are still needed, by stamp
  std::vector<std::uint32_t> post_target;
  std::array<std::vector<R>, 3> post_value;
  Step clock = -1;
  std::vector<Step> sent_step;  // events that wait with the weight they were sent with
  std::vector<std::uint32_t> sent_post;
  std::vector<std::uint16_t> sent_channel;
  std::vector<R> sent_value;
  std::vector<Step> reward_step;
  std::vector<double> reward_level;
};

// Something done to the weights of a plastic projection at each multiple of `every` steps.
struct Regulation {
  enum class Kind : int { normalise, scale } kind = Kind::normalise;
  std::size_t projection = 0;
  Step every = 1;
  double total = 1;               // normalise: sum of each target's weights
  double rate = 1, strength = 0;  // scale: by 1 + strength (1 - r / rate), r in Hz
};

struct SpikesInFlight {
  std::vector<Step> stamps;
  std::vector<Gid> gids;
};

template <class R>
class Simulator {
 public:
  // Called now and then with the step reached; true stops the run there.
  using Poll = std::function<bool(Step)>;

  // threads: of each run; adapt: fewer for networks too small to gain from them. ranks: the
  // processes that share the network; all of them must make the same calls, and arrays by element
  // or synapse are then those of what this one owns.
  Simulator(double dt, std::uint64_t seed, int threads, bool adapt = false,
            std::unique_ptr<Communicator> ranks = nullptr);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  double dt() const { return dt_; }
  std::uint64_t seed() const { return seed_; }
  int threads() const { return threads_; }
  Step now() const { return now_; }
  bool busy() const { return busy_; }
  Range own(std::size_t population) const;
  ExchangeStatistics exchange_statistics() const {
    return exchange_ ? exchange_->statistics() : ExchangeStatistics{};
  }

  // Building. Indices are given in order of creation.
  std::size_t add_neurons(std::size_t model, std::size_t n, const ParameterValues& parameters,
                          bool subtract);
  std::size_t add_events(std::size_t n, std::vector<Step> stamps,
                         std::vector<std::uint32_t> elements);
  std::size_t add_poisson(std::size_t n, std::span<const double> rates);
  // total: synapses onto all targets, where the table has fewer.
  std::size_t connect(std::size_t pre, std::size_t post, SynapseTable<R> table, Receptor receptor,
                      const std::optional<Plasticity>& rule, std::optional<Step> born = {},
                      std::function<std::size_t()> total = {});
  // By a rule: static synapses are drawn when they are laid out, where that cannot fail.
  std::size_t connect(std::size_t pre, std::size_t post, Drawing<R> drawing, Receptor receptor,
                      const std::optional<Plasticity>& rule);
  void inject_poisson(std::size_t population, const std::vector<double>& rates,
                      const std::vector<double>& weights, int channel);
  void inject_current(std::size_t population, std::vector<R> values, std::size_t columns,
                      Step start);
  void inject_noise(std::size_t population, const std::vector<double>& mean,
                    const std::vector<double>& std, Step every, Step start);

  // Between runs.
  Population<R>& neurons(std::size_t population);
  void set_events(std::size_t population, std::vector<Step> stamps,
                  std::vector<std::uint32_t> elements);
  void set_rates(std::size_t population, std::span<const double> rates);
  std::size_t projection_size(std::size_t projection) const {
    return projections_[projection].size;
  }
  std::size_t projection_total(std::size_t projection) const {  // of all processes
    const Projection& p = projections_[projection];
    return p.total ? p.total() : p.size;
  }
  std::uint32_t next_projection() const { return static_cast<std::uint32_t>(projections_.size()); }
  SynapseTable<R> synapses(std::size_t projection) {  // weights as of now
    require_idle();
    return read_synapses(projection);
  }
  std::vector<R> weights(std::size_t projection) {  // as of now
    require_idle();
    return read_weights(projection);
  }
  void set_weights(std::size_t projection, std::span<const R> weights) {
    require_idle();
    if (projections_[projection].facts) {
      agree();  // with the other processes on the sign that weights keep
    }
    write_weights(projection, weights);
  }
  // Scales each target's weights to that sum, now.
  void normalise(std::size_t projection, double total);
  void regulate(const Regulation& regulation);
  // The same rule with other amplitudes, from now on.
  void set_amplitudes(std::size_t projection, const std::vector<double>& parameters);
  void set_reward(std::size_t projection, Step step, double level);
  double reward(std::size_t projection) const {
    return projections_[projection].reward->level(now_);
  }
  std::string describe_storage(std::size_t projection) const;
  std::size_t synapse_bytes() const;

  std::size_t record_spikes(std::size_t population, std::vector<bool> wanted);
  std::size_t record_state(std::size_t population, std::size_t state,
                           std::vector<std::uint32_t> elements, Step every);
  std::size_t record_weights(std::size_t projection, Step every);
  SpikeRecorder& spike_recorder(std::size_t k) { return spike_recorders_[k]; }
  StateRecorder<R>& state_recorder(std::size_t k) { return state_recorders_[k]; }
  WeightRecorder<R>& weight_recorder(std::size_t k) { return weight_recorders_[k]; }

  // Lays out partitions and stores; run() does it when needed. Partitions are split evenly over the
  // threads.
  void prepare();
  // Advances by `steps`; returns the steps done (fewer if `poll` stopped it). Throws
  // std::logic_error if running already.
  Step run(Step steps, const Poll& poll);
  // Back to step 0, or on from another: initial states, no spikes in flight, no traces; plastic
  // weights kept as they are now or initial.
  void reset(bool keep_weights, Step at = 0);

  // What an exact copy needs beside parameters, states and synapses.
  PlasticState<R> plastic_state(std::size_t projection) {
    require_idle();
    return read_plastic_state(projection);
  }
  void set_plastic_state(std::size_t projection, const PlasticState<R>& state);
  std::vector<R> initial_weights(std::size_t projection) const {
    return projections_[projection].initial_weights;
  }
  void set_initial_weights(std::size_t projection, std::vector<R> weights) {
    projections_[projection].initial_weights = std::move(weights);
  }
  // States at step 0, which reset() goes back to; those of now while the network has not run.
  std::vector<R> initial_state(std::size_t population, std::size_t state) const;
  bool has_run(std::size_t population) const { return !nodes_[population].initial.empty(); }
  void set_initial_state(std::size_t population, std::size_t state, std::vector<R> values);
  Step born(std::size_t projection) const { return projections_[projection].born; }
  SpikesInFlight in_flight() const;
  void set_clock(Step now, const SpikesInFlight& spikes);

 private:
  struct Node {
    std::size_t size = 0;
    Gid first_gid = 0;
    std::unique_ptr<Population<R>> neurons;
    std::optional<EventSource> events;
    std::optional<PoissonSource> poisson;
    std::vector<std::unique_ptr<Injector<R>>> injectors;
    bool external = false;
    std::vector<std::vector<R>> initial;  // states at step 0
  };
  struct Projection {
    std::size_t pre = 0, post = 0, size = 0;
    Receptor receptor = Receptor::by_sign;
    std::optional<Plasticity> rule;
    PlasticLayout layout = PlasticLayout::history;
    int one_channel = -1;                  // of a plastic one, for all weights it may get
    int sign = 0;                          // that its weights keep
    std::uint16_t one_delay = 0;           // of all its synapses, or 0
    std::unique_ptr<RewardSignal> reward;  // if the rule asks for it
    Step born = 0;                         // spikes up to this stamp do not use it
    Step shortest = 1, longest = 1;
    std::function<std::size_t()> total;  // synapses of all processes, where `size` is not that
    std::optional<TableFacts> facts;     // of a plastic one whose layout is not chosen yet
    // Where the synapses are: in a table, until they are laid out; or in the stores. A rule's
    // static ones may instead be drawn, again and again, until weights are set, or read
    // before they are laid out.
    std::optional<SynapseTable<R>> table;
    std::optional<Drawing<R>> drawing;
    bool in_stores = false;
    std::optional<PlasticState<R>> plastic;  // that goes with the table
    std::vector<std::pair<std::uint64_t, std::uint64_t>>
        reorder;                     // (canonical, as stored) where they differ
    std::size_t store = 0;           // index into Partition::stores
    std::vector<R> initial_weights;  // plastic ones, for reset
  };
  struct Slice {
    std::size_t node;
    std::uint32_t begin, end;  // elements; whole blocks
    std::uint32_t local;       // first place in the partition's buffers
    StepArgs<R> args;
    StepFunction<R> step = nullptr;
    std::vector<PoissonDrive<R>> drives;    // the injectors that the step draws itself
    std::vector<PlasticStore<R>*> plastic;  // stores that want its spikes
    std::vector<std::size_t> spike_recorders, state_recorders;
  };
  // What a partition tells the others after a slice of time. That it is there is the meeting
  // itself: no other barrier, and in the usual case of few spikes two cache lines carry everything.
  struct alignas(128) Mail {
    std::atomic<Step> stop{-1};  // the step that the slice ended at
    const Gid* spikes = nullptr;
    const std::size_t* ends = nullptr;  // where each step's spikes end; null: one step
    std::uint32_t count = 0;
    std::array<Gid, 24> few;
  };
  struct alignas(128) Partition {
    std::vector<Slice> slices;
    std::array<Buffer<R>, max_channels>
        input;  // during a run: the input states of all neurons, and the early buffer
    std::vector<std::unique_ptr<SynapseStore<R>>> stores;
    std::array<std::vector<Gid>, 2> spikes;            // of a slice of time, double-buffered
    std::array<std::vector<std::size_t>, 2> step_end;  // where each step's spikes end
    Buffer<Gid> scratch;
    // Double-buffered: a slot is written again only after every reader has answered with the slice
    // in between.
    std::unique_ptr<std::array<Mail, 2>> mail;
  };
  struct Entry {  // of a walk in stored order
    std::uint32_t post;
    SynapseRef<R> synapse;
    std::size_t partition;
  };

  void require_idle() const;
  Projection& add_projection(std::size_t pre, std::size_t post, std::size_t size, Receptor receptor,
                             std::optional<Step> born);
  const SynapseTable<R>& materialise(Projection& projection);
  // Holds the network for one thread while it is laid out or runs.
  class Use {
   public:
    explicit Use(std::atomic<bool>& busy);
    ~Use() { busy_ = false; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    std::atomic<bool>& busy_;
  };
  SynapseTable<R> read_synapses(std::size_t projection);
  std::vector<R> read_weights(std::size_t projection);
  void write_weights(std::size_t projection, std::span<const R> weights);
  PlasticState<R> read_plastic_state(std::size_t projection);
  void write_plastic_state(std::size_t projection, const PlasticState<R>& state);
  std::vector<R> read_plastic_weights(const Projection& projection);
  void finish(const Projection& projection);
  void scale(const Projection& projection, const Regulation& how);
  void apply_regulations();
  void choose_storage(Projection& projection, const TableFacts& facts);
  void agree();
  void share_dirtiness();
  void make_ready();
  void sample_weights();
  Node& add_node(std::size_t n);
  std::size_t place_stores();
  std::size_t segment_length() const;
  void lay_out(std::size_t n_stores);
  void build_stores();
  void unload_stores();
  void bind_slices();
  void requeue();
  Step longest_delay() const;
  Feed<R> feed_of(const Projection& projection) const;  // but for the table and the slice
  void find_reorder(Projection& projection);
  void walk(const Projection& projection,
            const std::function<void(std::uint64_t, std::uint32_t, const Entry&)>& visitor);
  template <class T>
  static void to_canonical(const Projection& projection, std::vector<T>& values) {
    std::vector<T> moved;
    for (const auto& [canonical, stored] : projection.reorder) {
      moved.push_back(values[stored]);
    }
    for (std::size_t k = 0; k < moved.size(); ++k) {
      values[projection.reorder[k].first] = moved[k];
    }
  }
  // The partition's part of a plastic projection, or none.
  PlasticStore<R>* plastic_store(const Projection& projection, std::size_t partition);
  const Slice& slice_of(const Projection& projection,
                        std::size_t partition) const;  // of its targets

  void allot_records(Step end);
  void trim_records();
  bool run_span(Step end, const Poll& poll);  // whether poll stopped it
  void advance(std::size_t partition, Step begin, Step end, int parity);
  void complete(std::size_t partition, Step step);
  void deliver(Partition& partition, Step step, bool early);
  void advance_slice(std::size_t partition, Slice& slice, Step step, std::vector<Gid>& spikes);
  void bind_arrays();
  void return_inputs();
  void sample_states(Slice& slice, Step stamp);
  void forget_old_spikes(Step step);
  void post(Partition& partition, int parity, Step begin, Step stop);
  std::span<const Gid> collect(Step index, int parity, std::vector<Gid>& merged,
                               std::vector<Gid>& scratch) const;

  double dt_;
  std::uint64_t seed_;
  int threads_;
  Step now_ = 0;
  std::atomic<bool> busy_{false};
  bool adapt_, dirty_ = true;
  Gid sources_ = 0;  // gids given out
  std::uint32_t injectors_ = 0;
  std::vector<Node> nodes_;
  std::vector<Projection> projections_;
  std::vector<Partition> partitions_;
  std::vector<Step> store_born_;
  Step slice_steps_ = 1, longest_delay_ = 1;  // of all processes
  std::vector<SpikeRecorder> spike_recorders_;
  std::vector<StateRecorder<R>> state_recorders_;
  std::vector<WeightRecorder<R>> weight_recorders_;
  std::vector<Regulation> regulations_;
  std::unique_ptr<Communicator> ranks_;  // or none: this process is alone
  std::unique_ptr<SpikeExchange> exchange_;

  // Written by one thread in every step, so it must not share cache lines with what the others
  // read.
  alignas(128) SpikesInFlight history_;  // spikes that may still be in flight, by stamp and gid
  std::size_t history_limit_ = 65536;
};

}  // namespace spikelet
