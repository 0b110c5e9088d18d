#include "spikelet/network/simulator.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "network/poller.hpp"
#include "spikelet/core/fetch.hpp"
#include "spikelet/core/memory.hpp"
#include "spikelet/network/plastic_check.hpp"

namespace spikelet {
namespace {

// Throws std::length_error if what is recorded until `end` needs more memory than is left.
template <class R>
void require_memory(const SimulatorParts<R>& parts, Step end) {
  double bytes = 0;
  const auto add = [&](const auto& recorder, std::size_t columns) {
    const RecordingWindow& window = recorder.window;
    const Step first = std::max(parts.network.now, window.start), last = std::min(end, window.stop);
    if (!window.paused && first < last) {
      bytes += static_cast<double>(last / recorder.every - first / recorder.every) *
               (sizeof(Step) + sizeof(R) * static_cast<double>(columns));
    }
  };
  for (const StateRecorder<R>& recorder : parts.recorders.states) {
    add(recorder, recorder.elements.size());
  }
  for (const WeightRecorder<R>& recorder : parts.recorders.weights) {
    add(recorder, parts.network.projections[recorder.projection].size);
  }
  if (!fits_in_memory(bytes, parts.network.promised)) {
    std::ostringstream message;
    message.precision(3);
    message << "run: the samples of states and weights would need " << bytes / 1e9
            << " GB; this machine has " << available_memory() / 1e9
            << " GB left: record fewer elements, less often (every=), or to a file (to=)";
    throw std::length_error(message.str());
  }
}

}  // namespace

template <class R>
Simulator<R>::Simulator(double dt, std::uint64_t seed, int threads, bool adapt,
                        std::unique_ptr<Communicator> ranks, bool paced)
    : Guarded<Parts>(
          "the network",
          "build it again, or load a checkpoint; what was recorded before can still be read", dt,
          seed, threads, adapt, paced, std::move(ranks)),
      dt_(dt),
      seed_(seed),
      threads_(threads) {}

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
void Simulator<R>::set_parameters(std::size_t population, const ParameterViews& parameters,
                                  bool subtract, ParameterSet changed) {
  Use use = this->brief();
  use.change("setting parameters", [&] {
    Node<R>& node = use->network.nodes[population];
    node.neurons->set_parameters(parameters, subtract,
                                 node.initial.empty() ? std::span<R>{} : std::span(node.initial[0]),
                                 changed);
    use->network.kernels_due = use->network.now;
  });
}

template <class R>
SynapseTable<R> Simulator<R>::synapses(std::size_t projection, bool with_weights) {
  Use use = this->brief();
  return use->access.synapses(loaded(use, projection), with_weights);
}

template <class R>
std::vector<R> Simulator<R>::weights(std::size_t projection) {
  Use use = this->brief();
  return use->access.weights(loaded(use, projection));
}

template <class R>
void Simulator<R>::set_weights(std::size_t projection, std::span<const R> weights) {
  Use use = this->brief();
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
  Use use = this->brief();
  use.change("setting the reward",
             [&] { use->network.projections[projection].reward->set(step, level); });
}

template <class R>
void Simulator<R>::set_plastic_state(std::size_t k, const PlasticState<R>& state,
                                     std::optional<std::vector<R>> initial) {
  Use use = this->brief();
  Projection<R>& projection = use->network.projections[k];
  if (!projection.rule) {
    throw std::invalid_argument("set_plastic_state: the projection must be plastic");
  }
  if (projection.facts) {
    use.lengthen();
    use->network.agree();  // with the other processes on the layout
  }
  check_plastic_state(use->network, projection, state);
  if (initial && initial->size() != projection.size) {
    throw std::invalid_argument("initial weights must have one value for each synapse");
  }
  use.change("setting a plastic state", [&] {
    if (projection.reward) {
      projection.reward->clear();
      for (std::size_t n = 0; n < state.reward_step.size(); ++n) {
        projection.reward->set(state.reward_step[n], state.reward_level[n]);
      }
    }
    use->access.set_plastic_state(projection, state);
  });
  if (initial) {
    projection.initial_weights = std::move(*initial);
  }
}

template <class R>
void Simulator<R>::set_initial_state(std::size_t population, std::size_t state,
                                     std::vector<R> values) {
  Use use = this->brief();
  use.change("setting an initial state",
             [&] { use->network.set_initial_state(population, state, std::move(values)); });
}

template <class R>
void Simulator<R>::set_clock(Step now, const SpikesInFlight& spikes) {
  Use use = this->brief();
  use->set_clock(now, spikes);
  now_ = now;
}

// These are lengthy.
// --------------------------------------------------------------------------------

template <class R>
void Simulator<R>::prepare() {
  Use use = this->lengthy_even_if_broken();
  make_ready(use, {Call::prepare});
}

template <class R>
void Simulator<R>::fetch(int stage) noexcept {
  if (stage == 0) {
    fetch_object(*this);
    return;
  }
  try {
    this->look_even_if_broken()->fetch(stage);
  } catch (...) {  // in use by another thread, as the run will say
  }
}

template <class R>
void Simulator<R>::meet(Step steps, std::int64_t plan) {
  Use use = this->lengthy_even_if_broken();
  share(use, {.what = Call::run, .argument = steps, .plan = plan}, [] {});
}

template <class R>
std::vector<std::pair<std::string_view, std::vector<R>>> Simulator<R>::traces(
    std::size_t projection) {
  Use use = this->lengthy_even_if_broken();
  make_ready(use, {Call::read, static_cast<std::int64_t>(projection)});
  return use->access.plastic().traces(use->network.projections[projection]);
}

template <class R>
void Simulator<R>::normalise(std::size_t projection, double total) {
  Use use = this->lengthy_even_if_broken();
  make_ready(use, {Call::normalise, static_cast<std::int64_t>(projection)});
  use.change("normalising weights",
             [&] { use->access.plastic().normalise(use->network.projections[projection], total); });
}

template <class R>
void Simulator<R>::set_amplitudes(std::size_t projection, const std::vector<double>& parameters) {
  Use use = this->lengthy_even_if_broken();
  make_ready(use, {Call::set_amplitudes, static_cast<std::int64_t>(projection)});
  use.change("setting amplitudes", [&] {
    use->access.plastic().set_amplitudes(use->network.projections[projection], parameters);
  });
}

template <class R>
void Simulator<R>::signal(std::size_t projection, double value) {
  Use use = this->lengthy_even_if_broken();
  make_ready(use, {Call::set_amplitudes, static_cast<std::int64_t>(projection)});
  use.change("a signal",
             [&] { use->access.plastic().signal(use->network.projections[projection], value); });
}

template <class R>
Step Simulator<R>::run(Step steps, const Poll& poll, int threads) {
  Use use = this->lengthy_even_if_broken();
  Parts& parts = *use;
  Network<R>& network = parts.network;
  const Step first = network.now, end = first + steps;
  typename Network<R>::InitialStates initial;
  try {
    make_ready(use, {Call::run, steps}, [&] {
      require_memory(parts, end);
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
      if (network.now == begin && !parts.ranks) {  // stopped before it began
        return;
      }
      attempt([&] {
        network.require_numbers();
        parts.give_signals();
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
  Use use = this->brief();
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
