#include "spikelet/network/simulator_parts.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "spikelet/core/fetch.hpp"
#include "spikelet/network/joined.hpp"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace spikelet {
namespace {

constexpr Step latest_step = Step{1} << 53;  // times are exact up to there

void check_clock(Step now, const SpikesInFlight& spikes, Gid elements) {
  if (now < 0 || now > latest_step) {
    throw std::invalid_argument("now must lie in 0 .. 2^53, got " + std::to_string(now));
  }
  if (spikes.stamps.size() != spikes.gids.size()) {
    throw std::invalid_argument("spikes in flight must have one element for each stamp");
  }
  for (std::size_t k = 0; k < spikes.stamps.size(); ++k) {
    if (spikes.stamps[k] < (k == 0 ? 0 : spikes.stamps[k - 1]) || spikes.stamps[k] > now) {
      throw std::invalid_argument("stamps of spikes in flight must ascend from 0 to now");
    }
    if (spikes.gids[k] >= elements) {
      throw std::invalid_argument("spikes in flight must come from elements of the network");
    }
  }
}

// What the layout of a small network frees, 1 MB at most, serves the next network of an ensemble.
// Given back, each page would have to be fetched anew: that took longer than all else in a layout.
template <class R>
[[maybe_unused]] bool is_small(const Network<R>& network) {
  constexpr std::size_t most = 65536;
  std::size_t size = network.elements();
  for (const Projection<R>& projection : network.projections) {
    size += projection.size;
  }
  return size <= most;
}

}  // namespace

template <class R>
SimulatorParts<R>::SimulatorParts(double dt, std::uint64_t seed, int threads, bool adapt,
                                  bool paced, std::unique_ptr<Communicator> others)
    : ranks(std::move(others)),
      exchange(ranks ? std::make_unique<SpikeExchange>(*ranks) : nullptr),
      network(dt, seed, threads, ranks.get()),
      layout(network, adapt),
      access(network, layout),
      loop(network, layout, recorders, flight, exchange.get(), paced) {}

template <class R>
void SimulatorParts<R>::lay_out() {
  network.share_error(caught([&] { access.unload(); }));
  network.agree();
  network.share_error(caught([&] {
    layout.build();
    access.load();
    layout.bind(recorders);
    layout.enqueue(flight);
  }));
  access.forget_tables();
  network.changed = network.inputs_changed = behind = false;
  network.promised = 0;
  ++layouts;
#if defined(__GLIBC__)
  if (!is_small(network)) {
    malloc_trim(0);  // tables are gone; their memory need not stay
  }
#endif
}

template <class R>
void SimulatorParts<R>::catch_up() {
  if (network.changed) {  // it is built anew
    return;
  }
  layout.bind(recorders);
  if (behind) {
    layout.resume(flight);
    behind = false;
  }
}

template <class R>
void SimulatorParts<R>::bind_inputs() {
  if (!network.changed && network.inputs_changed) {
    layout.bind_inputs();
    network.inputs_changed = false;
  }
}

template <class R>
void SimulatorParts<R>::fetch(int stage) const {
  layout.fetch(stage);
  if (joined) {
    joined->fetch(*this, stage);
  }
  if (stage == 1) {
    fetch_values(recorders.spikes);
  } else if (stage == 2) {
    for (const SpikeRecorder& recorder : recorders.spikes) {
      recorder.fetch();
    }
    fetch_line(flight.stamps.data() + flight.stamps.size());
    fetch_line(flight.gids.data() + flight.gids.size());
  } else if (stage == 3) {
    for (const SpikeRecorder& recorder : recorders.spikes) {
      recorder.fetch_ends();
    }
  }
}

template <class R>
std::int64_t SimulatorParts<R>::digest() const {
  std::uint64_t digest = 0;
  const auto note = [&](Step every, std::uint64_t what) {
    digest = (31 * digest + static_cast<std::uint64_t>(every) * 3 + what) % 0x7fffffff;
  };
  for (const WeightRecorder<R>& recorder : recorders.weights) {
    note(recorder.every, 1);
  }
  for (const Regulation& regulation : regulations) {
    note(regulation.every, 2);
  }
  return static_cast<std::int64_t>(digest);
}

template <class R>
Step SimulatorParts<R>::next_stop(Step end) const {
  const Step now = network.now;
  Step stop = std::min(end, now + (Step{1} << 29));
  for (const WeightRecorder<R>& recorder : recorders.weights) {
    stop = std::min(stop, (now / recorder.every + 1) * recorder.every);
  }
  for (const Regulation& regulation : regulations) {
    stop = std::min(stop, (now / regulation.every + 1) * regulation.every);
  }
  return signals.next(now, flight, stop);
}

template <class R>
void SimulatorParts<R>::give_signals() {
  for (const Signal& signal : signals.take(network.now, flight)) {
    access.plastic().signal(network.projections[signal.projection], signal.value);
  }
}

template <class R>
void SimulatorParts<R>::apply_regulations() {
  for (std::size_t k = 0; k < regulations.size(); ++k) {
    const Regulation& how = regulations[k];
    if (network.now % how.every != 0) {
      continue;
    }
    const Projection<R>& projection = network.projections[how.projection];
    if (how.kind == Regulation::Kind::normalise) {
      access.plastic().normalise(projection, how.total);
    } else {
      access.plastic().scale(projection, how, intervals[k]);
    }
  }
}

template <class R>
void SimulatorParts<R>::sample_weights() {
  for (WeightRecorder<R>& recorder : recorders.weights) {
    if (network.now % recorder.every == 0 && recorder.window.includes(network.now)) {
      const std::vector<R> values = access.weights(network.projections[recorder.projection]);
      recorder.note(network.now, values);
    }
  }
}

template <class R>
std::size_t SimulatorParts<R>::record_spikes(std::size_t population, std::vector<bool> wanted) {
  recorders.spikes.emplace_back(population, std::move(wanted));
  return recorders.spikes.size() - 1;
}

template <class R>
std::size_t SimulatorParts<R>::record_state(std::size_t population, std::size_t state,
                                            std::vector<std::uint32_t> elements, Step every,
                                            bool before_reset) {
  if (before_reset) {
    network.neurons(population).keep_peaks();
  }
  recorders.states.push_back({population, state, std::move(elements), every, before_reset});
  return recorders.states.size() - 1;
}

template <class R>
std::size_t SimulatorParts<R>::record_weights(std::size_t projection, Step every) {
  recorders.weights.push_back({projection, every});
  return recorders.weights.size() - 1;
}

template <class R>
Samples<R> SimulatorParts<R>::recorded_states(std::size_t recorder,
                                              const RecordingWindow& within) const {
  const StateRecorder<R>& from = recorders.states[recorder];
  return samples_within(from.stamps, from.values, from.elements.size(), within);
}

template <class R>
Samples<R> SimulatorParts<R>::recorded_weights(std::size_t recorder,
                                               const RecordingWindow& within) const {
  const WeightRecorder<R>& from = recorders.weights[recorder];
  return samples_within(from.stamps, from.values, network.projections[from.projection].size,
                        within);
}

template <class R>
SpikeInterval SimulatorParts<R>::interval_from_now(const Regulation& regulation) const {
  const Projection<R>& projection = network.projections[regulation.projection];
  SpikeInterval interval{network.now, access.counts(projection)};
  interval.before.resize(network.nodes[projection.post].size);  // there may be none yet
  return interval;
}

template <class R>
void SimulatorParts<R>::regulate(const Regulation& regulation) {
  SpikeInterval interval = interval_from_now(regulation);
  regulations.reserve(regulations.size() + 1);
  intervals.push_back(std::move(interval));
  regulations.push_back(regulation);
}

template <class R>
void SimulatorParts<R>::set_regulation(std::size_t number, const Regulation& regulation) {
  if (regulation.every != regulations[number].every) {
    intervals[number] = interval_from_now(regulation);
  }
  regulations[number] = regulation;
}

template <class R>
void SimulatorParts<R>::remove_regulation(std::size_t number) {
  const auto place = static_cast<std::ptrdiff_t>(number);
  regulations.erase(regulations.begin() + place);
  intervals.erase(intervals.begin() + place);
}

template <class R>
std::vector<std::uint32_t> SimulatorParts<R>::interval_spikes(std::size_t regulation) {
  const std::size_t projection = regulations[regulation].projection;
  return intervals[regulation].spikes(access.counts(network.projections[projection]));
}

template <class R>
void SimulatorParts<R>::set_interval(std::size_t regulation, Step begin,
                                     std::span<const std::uint32_t> spikes) {
  const std::size_t projection = regulations[regulation].projection;
  const std::vector<std::uint32_t> counts = access.counts(network.projections[projection]);
  SpikeInterval& interval = intervals[regulation];
  interval.begin = begin;
  for (std::size_t j = 0; j < interval.before.size(); ++j) {
    interval.before[j] = (counts.empty() ? 0 : counts[j]) - spikes[j];
  }
}

template <class R>
void SimulatorParts<R>::follow(const SpikeSignal& signal) {
  signals.follow(signal);
  network.longest_signal = signals.longest();
}

template <class R>
void SimulatorParts<R>::forget_signals(std::size_t projection) {
  signals.forget(projection);
  network.longest_signal = signals.longest();
}

template <class R>
SpikesInFlight SimulatorParts<R>::in_flight() const {
  return flight.after(network.now - network.longest_delay());
}

template <class R>
void SimulatorParts<R>::set_clock(Step now, const SpikesInFlight& spikes) {
  check_clock(now, spikes, network.elements());
  SpikesInFlight copy = spikes;
  copy.sort();
  flight = std::move(copy);
  network.now = now;
  ++network.edition;
  network.changed = network.inputs_changed = true;
}

template <class R>
void SimulatorParts<R>::set_weights(Projection<R>& projection, std::span<const R> weights) {
  access.set_weights(projection, weights);
  layout.renew(projection, flight);
}

template <class R>
void SimulatorParts<R>::reset(const std::vector<std::vector<R>>& weights, Step at) {
  const Step born = at == 0 ? -1 : at;
  flight = {};
  network.restart(at, born);
  layout.restart(born);
  for (std::size_t k = 0; k < weights.size(); ++k) {
    if (!weights[k].empty()) {
      set_weights(network.projections[k], weights[k]);
    }
  }
  for (SpikeInterval& interval : intervals) {
    interval.begin = at;
    std::fill(interval.before.begin(), interval.before.end(), 0u);
  }
  signals.restart(born);
  recorders.clear();
}

template struct SimulatorParts<float>;
template struct SimulatorParts<double>;

}  // namespace spikelet
