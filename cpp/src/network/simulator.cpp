#include "spikelet/network/simulator.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace spikelet {
// Asks `poll` about fifty times a second, without reading the clock in every interval.
class Poller {
 public:
  bool operator()(const Poll& poll, Step step) {
    if (!poll || ++intervals_ < every_) {
      return false;
    }
    intervals_ = 0;
    const auto time = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = time - last_;
    if (passed.count() < 0.01) {
      every_ = std::min<std::uint64_t>(2 * every_, 1u << 20);
      return false;
    }
    every_ = passed.count() > 0.03 ? std::max<std::uint64_t>(every_ / 2, 1) : every_;
    last_ = time;
    return poll(step);
  }

 private:
  std::uint64_t intervals_ = 0, every_ = 1;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Holds the network for one thread while it is laid out or runs.
template <class R>
class Simulator<R>::Use {
 public:
  explicit Use(std::atomic<bool>& busy) : busy_(busy) {
    if (busy_.exchange(true)) {
      throw std::logic_error("the network is running in another thread");
    }
  }
  ~Use() { busy_ = false; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  std::atomic<bool>& busy_;
};

template <class R>
Simulator<R>::Simulator(double dt, std::uint64_t seed, int threads, bool adapt,
                        std::unique_ptr<Communicator> ranks)
    : ranks_(std::move(ranks)),
      exchange_(ranks_ ? std::make_unique<SpikeExchange>(*ranks_) : nullptr),
      network_(dt, seed, threads, ranks_.get()),
      layout_(network_, adapt),
      access_(network_, layout_),
      loop_(network_, layout_, recorders_, flight_, exchange_.get()) {}

template <class R>
Simulator<R>::~Simulator() = default;

template <class R>
void Simulator<R>::require_idle() const {
  if (busy_) {
    throw std::logic_error("the network is running in another thread");
  }
}

// Rebuilds the layout if the network has changed.
template <class R>
void Simulator<R>::make_ready() {
  network_.share_changes();
  if (!network_.changed) {
    return;
  }
  access_.unload();
  network_.agree();
  layout_.build();
  network_.changed = false;
  access_.load();
  layout_.bind(recorders_);
  layout_.enqueue(flight_);
#if defined(__GLIBC__)
  malloc_trim(0);  // tables are gone; their memory need not stay
#endif
}

// A projection whose weights can be read. A plastic state that waits for its stores decides what
// the weights are by now.
template <class R>
Projection<R>& Simulator<R>::loaded(std::size_t projection) {
  require_idle();
  if (network_.projections[projection].plastic) {
    make_ready();
  }
  return network_.projections[projection];
}

template <class R>
std::size_t Simulator<R>::add_neurons(std::size_t model, std::size_t n,
                                      const ParameterValues& parameters, bool subtract) {
  require_idle();
  return network_.add_neurons(model, n, parameters, subtract);
}

template <class R>
std::size_t Simulator<R>::add_events(std::size_t n, std::vector<Step> stamps,
                                     std::vector<std::uint32_t> elements) {
  require_idle();
  return network_.add_events(n, std::move(stamps), std::move(elements));
}

template <class R>
std::size_t Simulator<R>::add_poisson(std::size_t n, std::span<const double> rates) {
  require_idle();
  return network_.add_poisson(n, rates);
}

template <class R>
std::size_t Simulator<R>::connect(std::size_t pre, std::size_t post, SynapseTable<R> table,
                                  Receptor receptor, const std::optional<Plasticity>& rule,
                                  std::optional<Step> born, std::function<std::size_t()> total) {
  require_idle();
  return network_.connect(pre, post, std::move(table), receptor, rule, born, std::move(total));
}

template <class R>
std::size_t Simulator<R>::connect(std::size_t pre, std::size_t post, Drawing<R> drawing,
                                  Receptor receptor, const std::optional<Plasticity>& rule) {
  require_idle();
  return network_.connect(pre, post, std::move(drawing), receptor, rule);
}

template <class R>
void Simulator<R>::inject_poisson(std::size_t population, const std::vector<double>& rates,
                                  const std::vector<double>& weights, int channel) {
  require_idle();
  network_.inject_poisson(population, rates, weights, channel);
}

template <class R>
void Simulator<R>::inject_current(std::size_t population, std::vector<R> values,
                                  std::size_t columns, Step start) {
  require_idle();
  network_.inject_current(population, std::move(values), columns, start);
}

template <class R>
void Simulator<R>::inject_noise(std::size_t population, const std::vector<double>& mean,
                                const std::vector<double>& std, Step every, Step start) {
  require_idle();
  network_.inject_noise(population, mean, std, every, start);
}

template <class R>
std::size_t Simulator<R>::record_spikes(std::size_t population, std::vector<bool> wanted) {
  require_idle();
  recorders_.spikes.emplace_back(population, std::move(wanted));
  return recorders_.spikes.size() - 1;
}

template <class R>
std::size_t Simulator<R>::record_state(std::size_t population, std::size_t state,
                                       std::vector<std::uint32_t> elements, Step every) {
  require_idle();
  recorders_.states.push_back({population, state, std::move(elements), every, {}, {}});
  return recorders_.states.size() - 1;
}

template <class R>
std::size_t Simulator<R>::record_weights(std::size_t projection, Step every) {
  require_idle();
  recorders_.weights.push_back({projection, every, {}, {}});
  return recorders_.weights.size() - 1;
}

template <class R>
void Simulator<R>::regulate(const Regulation& regulation) {
  require_idle();
  const Projection<R>& projection = network_.projections[regulation.projection];
  SpikeInterval interval{network_.now, access_.counts(projection)};
  interval.before.resize(network_.nodes[projection.post].size);  // there may be none yet
  regulations_.push_back(regulation);
  intervals_.push_back(std::move(interval));
}

template <class R>
void Simulator<R>::prepare() {
  const Use use(busy_);
  make_ready();
}

template <class R>
Step Simulator<R>::run(Step steps, const Poll& poll) {
  const Use use(busy_);
  make_ready();
  layout_.bind(recorders_);
  network_.keep_initial_states();
  const Step first = network_.now, end = first + steps;
  Poller poller;
  const Poll timed = [&](Step step) { return poller(poll, step); };
  for (bool stopped = false; network_.now < end && !stopped;) {
    for (Node<R>& node : network_.nodes) {
      if (node.neurons) {
        node.neurons->rebase(network_.now);
      }
    }
    stopped = loop_.run(next_stop(end), timed);
    apply_regulations();
    sample_weights();
  }
  return network_.now - first;
}

// Cuts a run where weights are sampled or regulated, and before the refractory clocks (32 bits)
// could overflow.
template <class R>
Step Simulator<R>::next_stop(Step end) const {
  const Step now = network_.now;
  Step stop = std::min(end, now + (Step{1} << 29));
  for (const WeightRecorder<R>& recorder : recorders_.weights) {
    stop = std::min(stop, (now / recorder.every + 1) * recorder.every);
  }
  for (const Regulation& regulation : regulations_) {
    stop = std::min(stop, (now / regulation.every + 1) * regulation.every);
  }
  return stop;
}

template <class R>
void Simulator<R>::apply_regulations() {
  for (std::size_t k = 0; k < regulations_.size(); ++k) {
    const Regulation& how = regulations_[k];
    if (network_.now % how.every != 0) {
      continue;
    }
    const Projection<R>& projection = network_.projections[how.projection];
    if (how.kind == Regulation::Kind::normalise) {
      access_.plastic().normalise(projection, how.total);
    } else {
      access_.plastic().scale(projection, how, intervals_[k]);
    }
  }
}

template <class R>
void Simulator<R>::sample_weights() {
  for (WeightRecorder<R>& recorder : recorders_.weights) {
    if (network_.now % recorder.every == 0) {
      const std::vector<R> values = access_.weights(network_.projections[recorder.projection]);
      recorder.stamps.push_back(network_.now);
      recorder.values.insert(recorder.values.end(), values.begin(), values.end());
    }
  }
}

template <class R>
void Simulator<R>::reset(bool keep_weights, Step at) {
  require_idle();
  const Step born = at == 0 ? -1 : at;
  std::vector<std::vector<R>> kept(network_.projections.size());
  for (std::size_t k = 0; k < kept.size(); ++k) {
    const Projection<R>& projection = network_.projections[k];
    if (!projection.rule) {
      continue;
    }
    if (!keep_weights) {
      kept[k] = projection.initial_weights;
    } else if (!projection.in_stores) {
      kept[k] = weights(k);
    } else {
      access_.plastic().finish(projection);  // the stores keep them
    }
  }
  flight_ = {};
  network_.restart(at, born);
  layout_.restart(born);
  for (std::size_t k = 0; k < kept.size(); ++k) {
    if (!kept[k].empty()) {
      access_.set_weights(network_.projections[k], kept[k]);
    }
  }
  for (SpikeInterval& interval : intervals_) {
    interval.begin = at;
    std::fill(interval.before.begin(), interval.before.end(), 0u);
  }
  recorders_.clear();
}

template <class R>
Population<R>& Simulator<R>::neurons(std::size_t population) {
  require_idle();
  return *network_.nodes[population].neurons;
}

template <class R>
SpikeRecorder& Simulator<R>::spike_recorder(std::size_t k) {
  require_idle();
  return recorders_.spikes[k];
}

template <class R>
StateRecorder<R>& Simulator<R>::state_recorder(std::size_t k) {
  require_idle();
  return recorders_.states[k];
}

template <class R>
WeightRecorder<R>& Simulator<R>::weight_recorder(std::size_t k) {
  require_idle();
  return recorders_.weights[k];
}

template <class R>
void Simulator<R>::set_events(std::size_t population, std::vector<Step> stamps,
                              std::vector<std::uint32_t> elements) {
  require_idle();
  network_.nodes[population].events.emplace(std::move(stamps), std::move(elements));
}

template <class R>
void Simulator<R>::set_rates(std::size_t population, std::span<const double> rates) {
  require_idle();
  network_.nodes[population].poisson->set_rates(rates, network_.dt);
}

template <class R>
std::size_t Simulator<R>::projection_size(std::size_t projection) const {
  return network_.projections[projection].size;
}

template <class R>
std::size_t Simulator<R>::projection_total(std::size_t k) const {
  const Projection<R>& projection = network_.projections[k];
  return projection.total ? projection.total() : projection.size;
}

template <class R>
std::uint32_t Simulator<R>::next_projection() const {
  return static_cast<std::uint32_t>(network_.projections.size());
}

template <class R>
SynapseTable<R> Simulator<R>::synapses(std::size_t projection) {
  return access_.synapses(loaded(projection));
}

template <class R>
std::vector<R> Simulator<R>::weights(std::size_t projection) {
  return access_.weights(loaded(projection));
}

template <class R>
void Simulator<R>::set_weights(std::size_t projection, std::span<const R> weights) {
  require_idle();
  if (network_.projections[projection].facts) {
    network_.agree();  // with the other processes on the sign that weights keep
  }
  access_.set_weights(loaded(projection), weights);
}

template <class R>
std::vector<std::pair<std::string_view, std::vector<R>>> Simulator<R>::traces(
    std::size_t projection) {
  const Use use(busy_);
  make_ready();
  return access_.plastic().traces(network_.projections[projection]);
}

template <class R>
void Simulator<R>::normalise(std::size_t projection, double total) {
  const Use use(busy_);
  make_ready();
  access_.plastic().normalise(network_.projections[projection], total);
}

template <class R>
void Simulator<R>::set_amplitudes(std::size_t projection, const std::vector<double>& parameters) {
  const Use use(busy_);
  make_ready();
  access_.plastic().set_amplitudes(network_.projections[projection], parameters);
}

template <class R>
void Simulator<R>::set_reward(std::size_t projection, Step step, double level) {
  require_idle();
  network_.projections[projection].reward->set(step, level);
}

template <class R>
double Simulator<R>::reward(std::size_t projection) const {
  return network_.projections[projection].reward->level(network_.now);
}

template <class R>
std::string Simulator<R>::describe_storage(std::size_t projection) const {
  return access_.describe(network_.projections[projection]);
}

template <class R>
std::size_t Simulator<R>::synapse_bytes() const {
  return layout_.synapse_bytes();
}

template <class R>
PlasticState<R> Simulator<R>::plastic_state(std::size_t projection) {
  require_idle();
  return access_.plastic_state(network_.projections[projection]);
}

template <class R>
void Simulator<R>::set_plastic_state(std::size_t k, const PlasticState<R>& state) {
  require_idle();
  Projection<R>& projection = network_.projections[k];
  if (projection.reward) {
    projection.reward->clear();
    for (std::size_t n = 0; n < state.reward_step.size(); ++n) {
      projection.reward->set(state.reward_step[n], state.reward_level[n]);
    }
  }
  access_.set_plastic_state(projection, state);
}

template <class R>
std::vector<R> Simulator<R>::initial_weights(std::size_t projection) const {
  return network_.projections[projection].initial_weights;
}

template <class R>
void Simulator<R>::set_initial_weights(std::size_t projection, std::vector<R> weights) {
  network_.projections[projection].initial_weights = std::move(weights);
}

template <class R>
std::vector<R> Simulator<R>::initial_state(std::size_t population, std::size_t state) const {
  return network_.initial_state(population, state);
}

template <class R>
void Simulator<R>::set_initial_state(std::size_t population, std::size_t state,
                                     std::vector<R> values) {
  network_.set_initial_state(population, state, std::move(values));
}

template <class R>
Step Simulator<R>::interval_begin(std::size_t regulation) const {
  require_idle();
  return intervals_[regulation].begin;
}

template <class R>
std::vector<std::uint32_t> Simulator<R>::interval_spikes(std::size_t regulation) const {
  require_idle();
  return intervals_[regulation].spikes(
      access_.counts(network_.projections[regulations_[regulation].projection]));
}

template <class R>
void Simulator<R>::set_interval(std::size_t regulation, Step begin,
                                std::span<const std::uint32_t> spikes) {
  require_idle();
  std::vector<std::uint32_t>& before = intervals_[regulation].before;
  intervals_[regulation].begin = begin;
  const std::vector<std::uint32_t> counts =
      access_.counts(network_.projections[regulations_[regulation].projection]);
  for (std::size_t j = 0; j < before.size(); ++j) {
    before[j] = (counts.empty() ? 0 : counts[j]) - spikes[j];
  }
}

template <class R>
bool Simulator<R>::has_run(std::size_t population) const {
  return !network_.nodes[population].initial.empty();
}

template <class R>
Step Simulator<R>::born(std::size_t projection) const {
  return network_.projections[projection].born;
}

template <class R>
SpikesInFlight Simulator<R>::in_flight() const {
  require_idle();
  return flight_.after(network_.now - network_.longest_delay());
}

template <class R>
void Simulator<R>::set_clock(Step now, const SpikesInFlight& spikes) {
  require_idle();
  network_.now = now;
  flight_ = spikes;
  network_.changed = true;
}

template class Simulator<float>;
template class Simulator<double>;

}  // namespace spikelet
