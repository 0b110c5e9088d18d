#include "spikelet/network/simulator.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "network/poller.hpp"
#include "spikelet/core/fetch.hpp"
#include "spikelet/network/plastic_check.hpp"

namespace spikelet {

template <class R>
Simulator<R>::Simulator(double dt, std::uint64_t seed, int threads, bool adapt,
                        std::unique_ptr<Communicator> ranks, bool paced)
    : dt_(dt),
      seed_(seed),
      threads_(threads),
      parts_("the network",
             "build it again, or load a checkpoint; what was recorded before can still be read", dt,
             seed, threads, adapt, paced, std::move(ranks)) {}

template <class R>
Simulator<R>::~Simulator() = default;

template <class R>
template <class Prepare>
void Simulator<R>::share(Use& use, Call call, Prepare&& prepare) {
  if (use->ranks) {
    use.lengthen();  // from here on it waits for other processes
    call.recorders = use->digest();
  }
  use->network.share_changes(call, caught([&] {
                               use.require_whole();
                               prepare();
                               use->bind_inputs();
                             }));
}

template <class R>
template <class Prepare>
void Simulator<R>::make_ready(Use& use, Call call, Prepare&& prepare) {
  share(use, call, prepare);
  if (use->network.changed) {
    use->lay_out();
  }
}

template <class R>
void Simulator<R>::make_ready(Use& use, Call call) {
  make_ready(use, call, [] {});
}

// A plastic state that waits for its stores decides what the weights are by now.
template <class R>
Projection<R>& Simulator<R>::loaded(Use& use, std::size_t projection) {
  if (use->network.projections[projection].plastic) {
    make_ready(use, {Call::read, static_cast<std::int64_t>(projection)});
  }
  return use->network.projections[projection];
}

// Brief calls: other threads wait for them.
// ----------------------------------------------------------------------------------

template <class R>
Range Simulator<R>::own(std::size_t population) {
  return parts_.look()->network.own(population);
}

template <class R>
ExchangeStatistics Simulator<R>::exchange_statistics() {
  Look use = parts_.look_even_if_broken();
  return use->exchange ? use->exchange->statistics() : ExchangeStatistics{};
}

template <class R>
std::size_t Simulator<R>::add_neurons(std::size_t model, std::size_t n,
                                      const ParameterValues& parameters, bool subtract) {
  return parts_.brief()->network.add_neurons(model, n, parameters, subtract);
}

template <class R>
std::size_t Simulator<R>::add_program(std::shared_ptr<const Program> program, std::size_t n,
                                      const ProgramValues& values) {
  return parts_.brief()->network.add_program(std::move(program), n, values);
}

template <class R>
std::size_t Simulator<R>::add_events(std::size_t n, std::vector<Step> stamps,
                                     std::vector<std::uint32_t> elements) {
  return parts_.brief()->network.add_events(n, std::move(stamps), std::move(elements));
}

template <class R>
std::size_t Simulator<R>::add_poisson(std::size_t n, std::span<const double> rates) {
  return parts_.brief()->network.add_poisson(n, rates);
}

template <class R>
std::uint32_t Simulator<R>::inject(std::size_t population,
                                   std::optional<std::span<const std::uint32_t>> elements,
                                   const MakeInjector<R>& make, const InputKey& key) {
  return parts_.brief()->network.inject(population, elements, make, key);
}

template <class R>
void Simulator<R>::remove_input(std::uint32_t number) {
  parts_.brief()->network.remove_input(number);
}

template <class R>
std::vector<std::uint32_t> Simulator<R>::input_streams(std::uint32_t number) {
  return parts_.look()->network.inputs.at(number).streams;
}

template <class R>
std::uint32_t Simulator<R>::streams() {
  return parts_.look()->network.streams;
}

template <class R>
void Simulator<R>::set_streams(std::uint32_t taken) {
  parts_.brief()->network.streams = taken;
}

template <class R>
std::size_t Simulator<R>::record_spikes(std::size_t population, std::vector<bool> wanted) {
  Use use = parts_.brief();
  use->recorders.spikes.emplace_back(population, std::move(wanted));
  return use->recorders.spikes.size() - 1;
}

template <class R>
std::size_t Simulator<R>::record_state(std::size_t population, std::size_t state,
                                       std::vector<std::uint32_t> elements, Step every,
                                       bool before_reset) {
  Use use = parts_.brief();
  if (before_reset) {
    use->network.nodes[population].neurons->keep_peaks();
  }
  use->recorders.states.push_back({population, state, std::move(elements), every, before_reset});
  return use->recorders.states.size() - 1;
}

template <class R>
std::size_t Simulator<R>::record_weights(std::size_t projection, Step every) {
  Use use = parts_.brief();
  use->recorders.weights.push_back({projection, every});
  return use->recorders.weights.size() - 1;
}

template <class R>
void Simulator<R>::regulate(const Regulation& regulation) {
  parts_.brief()->regulate(regulation);
}

template <class R>
void Simulator<R>::set_regulation(std::size_t number, const Regulation& regulation) {
  parts_.brief()->set_regulation(number, regulation);
}

template <class R>
void Simulator<R>::remove_regulation(std::size_t number) {
  parts_.brief()->remove_regulation(number);
}

template <class R>
void Simulator<R>::set_parameters(std::size_t population, const ParameterViews& parameters,
                                  bool subtract, ParameterSet changed) {
  Use use = parts_.brief();
  use.change("setting parameters", [&] {
    Node<R>& node = use->network.nodes[population];
    node.neurons->set_parameters(parameters, subtract,
                                 node.initial.empty() ? std::span<R>{} : std::span(node.initial[0]),
                                 changed);
    use->network.kernels_due = use->network.now;
  });
}

template <class R>
void Simulator<R>::set_coefficients(std::size_t population, const ProgramViews& values) {
  parts_.brief()->network.nodes[population].neurons->set_coefficients(values);
}

template <class R>
std::size_t Simulator<R>::state_count(std::size_t population) {
  return parts_.look()->network.nodes[population].neurons->state_count();
}

template <class R>
std::vector<R> Simulator<R>::state(std::size_t population, std::size_t k) {
  return parts_.look()->network.nodes[population].neurons->state(k);
}

template <class R>
void Simulator<R>::set_state(std::size_t population, std::size_t k, const std::vector<R>& values) {
  parts_.brief()->network.nodes[population].neurons->set_state(k, values);
}

template <class R>
std::vector<R> Simulator<R>::raw_state(std::size_t population, std::size_t k) {
  return parts_.look()->network.nodes[population].neurons->raw_state(k);
}

template <class R>
void Simulator<R>::set_raw_state(std::size_t population, std::size_t k,
                                 const std::vector<R>& values) {
  parts_.brief()->network.nodes[population].neurons->set_raw_state(k, values);
}

template <class R>
std::vector<std::int32_t> Simulator<R>::held(std::size_t population) {
  Look use = parts_.look();
  return use->network.nodes[population].neurons->held(use->network.now);
}

template <class R>
void Simulator<R>::set_held(std::size_t population, const std::vector<std::int32_t>& steps) {
  Use use = parts_.brief();
  use->network.nodes[population].neurons->set_held(steps, use->network.now);
}

template <class R>
void Simulator<R>::set_events(std::size_t population, std::vector<Step> stamps,
                              std::vector<std::uint32_t> elements) {
  parts_.brief()->network.nodes[population].events.emplace(std::move(stamps), std::move(elements));
}

template <class R>
void Simulator<R>::set_rates(std::size_t population, std::span<const double> rates) {
  Use use = parts_.brief();
  use->network.nodes[population].poisson->set_rates(rates, use->network.dt);
}

template <class R>
void Simulator<R>::set_rates(std::size_t population, const MakeSourceRates& make) {
  Use use = parts_.brief();
  Node<R>& node = use->network.nodes[population];
  node.poisson->set_rates(make(Targets(node.size, own_range(0, node.size, 0, 1)), use->network.dt));
}

template <class R>
std::size_t Simulator<R>::projection_size(std::size_t projection) {
  return parts_.look_even_if_broken()->network.projections[projection].size;
}

template <class R>
std::uint32_t Simulator<R>::next_projection() {
  return static_cast<std::uint32_t>(parts_.look()->network.projections.size());
}

template <class R>
SynapseTable<R> Simulator<R>::synapses(std::size_t projection, bool with_weights) {
  Use use = parts_.brief();
  return use->access.synapses(loaded(use, projection), with_weights);
}

template <class R>
std::vector<R> Simulator<R>::weights(std::size_t projection) {
  Use use = parts_.brief();
  return use->access.weights(loaded(use, projection));
}

template <class R>
void Simulator<R>::set_weights(std::size_t projection, std::span<const R> weights) {
  Use use = parts_.brief();
  if (use->network.projections[projection].facts) {
    use.lengthen();
    use->network.agree();  // with the other processes on the sign that weights keep
  }
  Projection<R>& changed = loaded(use, projection);
  use->access.check(changed, weights);
  use.change("setting weights", [&] { use->set_weights(changed, weights); });
}

template <class R>
void Simulator<R>::set_reward(std::size_t projection, Step step, double level) {
  Use use = parts_.brief();
  use.change("setting the reward",
             [&] { use->network.projections[projection].reward->set(step, level); });
}

template <class R>
double Simulator<R>::reward(std::size_t projection) {
  Use use = parts_.brief();
  return use->network.projections[projection].reward->level(use->network.now);
}

template <class R>
std::string Simulator<R>::describe_storage(std::size_t projection) {
  Use use = parts_.brief();
  return use->access.describe(use->network.projections[projection]);
}

template <class R>
std::size_t Simulator<R>::synapse_bytes() {
  return parts_.look()->layout.synapse_bytes();
}

template <class R>
std::shared_ptr<const SpikeRecorder::Log> Simulator<R>::recorded_spikes(std::size_t recorder) {
  return parts_.look_even_if_broken()->recorders.spikes[recorder].share();
}

template <class R>
Samples<R> Simulator<R>::recorded_states(std::size_t recorder, const RecordingWindow& within) {
  Look use = parts_.look_even_if_broken();
  const StateRecorder<R>& from = use->recorders.states[recorder];
  return samples_within(from.stamps, from.values, from.elements.size(), within);
}

template <class R>
Samples<R> Simulator<R>::recorded_weights(std::size_t recorder, const RecordingWindow& within) {
  Look use = parts_.look_even_if_broken();
  const WeightRecorder<R>& from = use->recorders.weights[recorder];
  return samples_within(from.stamps, from.values, use->network.projections[from.projection].size,
                        within);
}

template <class R>
std::vector<Step> Simulator<R>::recorded_stamps(RecorderKind kind, std::size_t recorder) {
  return parts_.look_even_if_broken()->recorders.stamps(kind, recorder);
}

template <class R>
std::size_t Simulator<R>::recorded_count(RecorderKind kind, std::size_t recorder) {
  return parts_.look_even_if_broken()->recorders.count(kind, recorder);
}

template <class R>
void Simulator<R>::set_window(RecorderKind kind, std::size_t recorder,
                              const RecordingWindow& window) {
  parts_.brief()->recorders.set_window(kind, recorder, window);
}

template <class R>
void Simulator<R>::clear_recorder(RecorderKind kind, std::size_t recorder) {
  parts_.even_if_broken()->recorders.clear(kind, recorder);
}

template <class R>
PlasticState<R> Simulator<R>::plastic_state(std::size_t projection) {
  Use use = parts_.brief();
  return use->access.plastic_state(use->network.projections[projection]);
}

template <class R>
void Simulator<R>::set_plastic_state(std::size_t k, const PlasticState<R>& state) {
  Use use = parts_.brief();
  Projection<R>& projection = use->network.projections[k];
  if (!projection.rule) {
    throw std::invalid_argument("set_plastic_state: the projection must be plastic");
  }
  if (projection.facts) {
    use.lengthen();
    use->network.agree();  // with the other processes on the layout
  }
  check_plastic_state(use->network, projection, state);
  use.change("setting a plastic state", [&] {
    if (projection.reward) {
      projection.reward->clear();
      for (std::size_t n = 0; n < state.reward_step.size(); ++n) {
        projection.reward->set(state.reward_step[n], state.reward_level[n]);
      }
    }
    use->access.set_plastic_state(projection, state);
  });
}

template <class R>
std::vector<R> Simulator<R>::initial_weights(std::size_t projection) {
  return parts_.look()->network.projections[projection].initial_weights;
}

template <class R>
void Simulator<R>::set_initial_weights(std::size_t projection, std::vector<R> weights) {
  Use use = parts_.brief();
  Projection<R>& of = use->network.projections[projection];
  if (weights.size() != of.size) {
    throw std::invalid_argument("initial weights must have one value for each synapse");
  }
  of.initial_weights = std::move(weights);
}

template <class R>
std::vector<R> Simulator<R>::initial_state(std::size_t population, std::size_t state) {
  return parts_.look()->network.initial_state(population, state);
}

template <class R>
void Simulator<R>::set_initial_state(std::size_t population, std::size_t state,
                                     std::vector<R> values) {
  Use use = parts_.brief();
  use.change("setting an initial state",
             [&] { use->network.set_initial_state(population, state, std::move(values)); });
}

template <class R>
Step Simulator<R>::interval_begin(std::size_t regulation) {
  return parts_.look()->intervals[regulation].begin;
}

template <class R>
std::vector<std::uint32_t> Simulator<R>::interval_spikes(std::size_t regulation) {
  return parts_.brief()->interval_spikes(regulation);
}

template <class R>
void Simulator<R>::set_interval(std::size_t regulation, Step begin,
                                std::span<const std::uint32_t> spikes) {
  parts_.brief()->set_interval(regulation, begin, spikes);
}

template <class R>
bool Simulator<R>::has_run(std::size_t population) {
  return !parts_.look()->network.nodes[population].initial.empty();
}

template <class R>
Step Simulator<R>::born(std::size_t projection) {
  return parts_.look()->network.projections[projection].born;
}

template <class R>
SpikesInFlight Simulator<R>::in_flight() {
  Look use = parts_.look();
  return use->flight.after(use->network.now - use->network.longest_delay());
}

template <class R>
void Simulator<R>::set_clock(Step now, const SpikesInFlight& spikes) {
  Use use = parts_.brief();
  use->set_clock(now, spikes);
  now_ = now;
}

// These are lengthy.
// --------------------------------------------------------------------------------

template <class R>
std::size_t Simulator<R>::connect(std::size_t pre, std::size_t post, SynapseTable<R> table,
                                  Receptor receptor, const std::optional<Plasticity>& rule,
                                  std::optional<Step> born, std::function<std::size_t()> total,
                                  WeightBits bits) {
  return parts_.lengthy()->network.connect(pre, post, std::move(table), receptor, rule, born,
                                           std::move(total), bits);
}

template <class R>
std::size_t Simulator<R>::connect(std::size_t pre, std::size_t post,
                                  const std::function<Drawing<R>(std::uint32_t, Range)>& draw,
                                  Receptor receptor, const std::optional<Plasticity>& rule,
                                  WeightBits bits) {
  Use use = parts_.lengthy();
  Network<R>& network = use->network;
  const auto number = static_cast<std::uint32_t>(network.projections.size());
  return network.connect(pre, post, draw(number, network.own(post)), receptor, rule, bits);
}

template <class R>
double Simulator<R>::weight_step(std::size_t projection) {
  return parts_.look()->network.projections[projection].step;
}

template <class R>
std::size_t Simulator<R>::projection_total(std::size_t k) {
  Use use = parts_.lengthy();
  const Projection<R>& projection = use->network.projections[k];
  return projection.total ? projection.total() : projection.size;
}

template <class R>
std::size_t Simulator<R>::layouts() {
  return parts_.look()->layouts;
}

template <class R>
void Simulator<R>::prepare() {
  Use use = parts_.lengthy_even_if_broken();
  make_ready(use, {Call::prepare});
}

template <class R>
void Simulator<R>::fetch(int stage) noexcept {
  if (stage == 0) {
    fetch_object(*this);
    return;
  }
  try {
    parts_.look_even_if_broken()->fetch(stage);
  } catch (...) {  // in use by another thread, as the run will say
  }
}

template <class R>
void Simulator<R>::meet(Step steps, std::int64_t plan) {
  Use use = parts_.lengthy_even_if_broken();
  share(use, {.what = Call::run, .argument = steps, .plan = plan}, [] {});
}

template <class R>
std::vector<std::pair<std::string_view, std::vector<R>>> Simulator<R>::traces(
    std::size_t projection) {
  Use use = parts_.lengthy_even_if_broken();
  make_ready(use, {Call::read, static_cast<std::int64_t>(projection)});
  return use->access.plastic().traces(use->network.projections[projection]);
}

template <class R>
void Simulator<R>::normalise(std::size_t projection, double total) {
  Use use = parts_.lengthy_even_if_broken();
  make_ready(use, {Call::normalise, static_cast<std::int64_t>(projection)});
  use.change("normalising weights",
             [&] { use->access.plastic().normalise(use->network.projections[projection], total); });
}

template <class R>
void Simulator<R>::set_amplitudes(std::size_t projection, const std::vector<double>& parameters) {
  Use use = parts_.lengthy_even_if_broken();
  make_ready(use, {Call::set_amplitudes, static_cast<std::int64_t>(projection)});
  use.change("setting amplitudes", [&] {
    use->access.plastic().set_amplitudes(use->network.projections[projection], parameters);
  });
}

template <class R>
Step Simulator<R>::run(Step steps, const Poll& poll, int threads) {
  Use use = parts_.lengthy_even_if_broken();
  Parts& parts = *use;
  Network<R>& network = parts.network;
  const Step first = network.now, end = first + steps;
  typename Network<R>::InitialStates initial;
  try {
    make_ready(use, {Call::run, steps}, [&] {
      parts.recorders.allot(first, parts.next_stop(end));
      initial = network.initial_states();
      parts.catch_up();
    });
  } catch (...) {
    parts.recorders.trim(first);
    throw;
  }
  network.keep(std::move(initial));
  Poller poller;
  std::exception_ptr raised, error;
  auto ask = [&](Step step) {
    try {
      return poller(poll, step);
    } catch (...) {
      raised = std::current_exception();
      return true;
    }
  };
  const Poll timed = std::ref(ask);  // needs no memory
  // Other processes wait for this one, whatever fails here: they learn of it in the next exchange.
  const auto attempt = [&](auto&& work) {
    error = caught(work);
    if (error && (!parts.ranks || network.now == end)) {
      std::rethrow_exception(error);
    }
  };
  bool stopped = false, allotted = true;
  while (network.now < end && !stopped) {
    if (parts.layout.stale()) {
      network.changed = true;  // until it is laid out: a failure is tried again
      parts.lay_out();
    }
    const Step begin = network.now, stop = parts.next_stop(end);
    if (!parts.ranks && !allotted) {
      parts.recorders.allot(begin, stop);
    }
    allotted = false;
    const auto advance = [&] {
      if (parts.ranks && network.now > first) {
        attempt([&] { parts.recorders.allot(network.now, stop); });
      }
      for (Node<R>& node : network.nodes) {
        if (node.neurons) {
          node.neurons->rebase(network.now);
        }
      }
      stopped = parts.loop.run(stop, timed, error, threads);
      if (network.now == begin && !parts.ranks) {  // it wants another layout first
        return;
      }
      attempt([&] {
        network.require_numbers();
        parts.apply_regulations();
        parts.sample_weights();
      });
    };
    try {
      use.change("a run", advance);
    } catch (...) {
      now_ = network.now;
      throw;
    }
    now_ = network.now;
  }
  if (raised) {
    std::rethrow_exception(raised);
  }
  return network.now - first;
}

template <class R>
void Simulator<R>::reset(bool keep_weights, Step at) {
  Use use = parts_.brief();
  std::vector<std::vector<R>> kept(use->network.projections.size());
  for (std::size_t k = 0; k < kept.size(); ++k) {
    const Projection<R>& projection = use->network.projections[k];
    if (!projection.rule) {
      continue;
    }
    if (!keep_weights) {
      kept[k] = projection.initial_weights;
    } else if (!projection.in_stores) {
      kept[k] = use->access.weights(loaded(use, k));
    } else {
      use->access.plastic().finish(projection);  // the stores keep them
    }
  }
  use.change("a reset", [&] { use->reset(kept, at); });
  now_ = use->network.now;
}

template class Simulator<float>;
template class Simulator<double>;

}  // namespace spikelet
