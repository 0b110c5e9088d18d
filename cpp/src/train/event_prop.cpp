#include "spikelet/train/event_prop.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "event_flow.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::train {
namespace {

constexpr double no_more = std::numeric_limits<double>::infinity();

// Parts of the batch whose gradients are summed apart; fixed, so that sums do not depend on the
// threads.
constexpr std::size_t chunks = 16;

void check_synapses(const EventLayer& layer) {
  const std::size_t sources = layer.sources(), n = layer.n_out * sources;
  const std::string shape =
      "[" + std::to_string(layer.n_out) + ", " + std::to_string(sources) + "]";
  if (layer.weights.size() != n) {
    refuse("weights must be " + shape);
  }
  if (!layer.delays.empty() && layer.delays.size() != n) {
    refuse("delays must be " + shape);
  }
  const auto among = [&](std::size_t k) -> std::string {
    return k % sources < layer.n_in ? "" : "recurrent ";
  };
  for (std::size_t k = 0; k < n; ++k) {
    if (!std::isfinite(layer.weights[k])) {
      refuse(among(k) + "weights must be finite");
    }
  }
  for (std::size_t k = 0; k < layer.delays.size(); ++k) {
    const double delay = layer.delays[k];
    if (!(std::isfinite(delay) && delay >= 0)) {
      refuse(among(k) + "delays must be finite and >= 0, got " + std::to_string(delay));
    }
  }
}

// What both passes check first. Returns the threads to use: at most one for each 4096 pairs of an
// input spike and a neuron.
int checked(const EventView& input, const EventLayer& layer, int threads) {
  check(input, layer.n_in);
  check_synapses(layer);
  if (threads < 1) {
    refuse("threads must be >= 1, got " + std::to_string(threads));
  }
  const std::size_t worth = 1 + input.times.size() * layer.n_out / 4096;
  return static_cast<int>(std::min(worth, static_cast<std::size_t>(threads)));
}

// The spikes of one sample.
struct Sample {
  std::size_t first, size;  // in the lists of the batch
  std::span<const double> times;
  std::span<const std::int64_t> ids;

  Sample(const EventView& spikes, std::size_t sample)
      : first(static_cast<std::size_t>(spikes.offsets[sample])),
        size(static_cast<std::size_t>(spikes.offsets[sample + 1]) - first),
        times(spikes.times.subspan(first, size)),
        ids(spikes.ids.subspan(first, size)) {}
};

// A spike that arrives at a neuron: by which synapse, and which spike of the sample it is, those of
// the neurons after those of the input.
struct Arrival {
  double time;
  std::uint32_t source, spike;

  bool operator<(const Arrival& other) const {
    return std::tie(time, source, spike) < std::tie(other.time, other.source, other.spike);
  }
  bool operator>(const Arrival& other) const { return other < *this; }
};

Arrival arrival_at(const EventLayer& layer, std::size_t o, double time, std::size_t source,
                   std::size_t spike) {
  const double delay = layer.delays.empty() ? 0 : layer.delays[o * layer.sources() + source];
  return {time + delay, static_cast<std::uint32_t>(source), static_cast<std::uint32_t>(spike)};
}

// The arrivals at a neuron up to t_max, in order.
struct Arrivals {
  std::vector<Arrival> list;
  // From each arrival to the next, and from the last to t_max. Without delays one list serves all
  // neurons, which share these decays; with delays there are none.
  std::vector<Decay> gaps;

  // output: the spikes of the neurons, where they are known and reach neuron o.
  Arrivals(const Flow& flow, const EventLayer& layer, std::size_t o, const Sample& input,
           const Sample* output) {
    const double t_max = flow.lif().t_max;
    const auto add = [&](const Sample& from, std::size_t source, std::size_t spike) {
      for (std::size_t k = 0; k < from.size; ++k) {
        const Arrival arrival = arrival_at(
            layer, o, from.times[k], source + static_cast<std::size_t>(from.ids[k]), spike + k);
        if (arrival.time <= t_max) {
          list.push_back(arrival);
        }
      }
    };
    list.reserve(input.size + (output == nullptr ? 0 : output->size));
    add(input, 0, 0);
    if (output != nullptr) {
      add(*output, layer.n_in, input.size);
    }
    if (output != nullptr || !layer.delays.empty()) {
      std::sort(list.begin(), list.end());
    }
    const std::size_t n = layer.delays.empty() ? list.size() : 0;
    gaps.reserve(n);
    for (std::size_t k = 0; k < n; ++k) {
      gaps.push_back(flow((k + 1 < n ? list[k + 1].time : t_max) - list[k].time));
    }
  }
};

// The arrivals at neuron o, which `lists` keeps.
const Arrivals& arrivals_of(std::deque<Arrivals>& lists, const Flow& flow, const EventLayer& layer,
                            std::size_t o, const Sample& input, const Sample* output = nullptr) {
  if (lists.empty() || !layer.delays.empty()) {
    lists.emplace_back(flow, layer, o, input, output);
  }
  return lists.back();
}

struct Spike {
  double time;
  std::int64_t id;
  double current;
};

// One neuron between its events: from (t, v, i) to the next arrival or its next spike.
class Walker {
 public:
  Walker(const Flow& flow, const EventLayer& layer, const Arrivals& given, std::size_t o)
      : flow_(flow),
        weights_(layer.weights.data() + o * layer.sources()),
        alone_(!layer.recurrent),
        given_(given),
        id_(static_cast<std::int64_t>(o)) {
    next_ = arrival();  // at rest until then
    end_ = std::min(next_, flow.lif().t_max);
  }
  double next() const { return next_; }  // of its next event; infinite if there is none

  // Goes to the next event; returns whether it is a spike, which `out` gets.
  bool go(Spike& out) {
    t_ = next_;
    const bool spikes = crosses_;
    if (spikes) {
      if (++spikes_ > most_spikes) {
        refuse("weights make neuron " + std::to_string(id_) + " spike more than " +
               std::to_string(most_spikes) + " times in one sample");
      }
      out = {t_, id_, i_spike_};
      v_ = 0;
      i_ = i_spike_;
    } else {
      v_ = v_end_;
      i_ = i_end_ + weights_[pop().source];
      if (alone_) {
        go_straight_on();
      }
      while (arrival() == t_) {
        i_ += weights_[pop().source];
      }
    }
    aim(!spikes && alone_ && !given_.gaps.empty());
    return spikes;
  }

  void add(const Arrival& arrival) {
    if (!(arrival.time <= flow_.lif().t_max)) {
      return;
    }
    later_.push_back(arrival);
    std::push_heap(later_.begin(), later_.end(), std::greater<>{});
    if (arrival.time < end_) {
      aim();
    }
  }

 private:
  double arrival() const {
    const double given = k_ < given_.list.size() ? given_.list[k_].time : no_more;
    return later_.empty() ? given : std::min(given, later_.front().time);
  }
  Arrival pop() {
    const auto& list = given_.list;
    if (later_.empty() || (k_ < list.size() && list[k_] < later_.front())) {
      return list[k_++];
    }
    std::pop_heap(later_.begin(), later_.end(), std::greater<>{});
    const Arrival last = later_.back();
    later_.pop_back();
    return last;
  }

  // Over the arrivals before which there is no spike. A layer spends most of its time here.
  void go_straight_on() {
    const auto& [list, gaps] = given_;
    double v = v_, i = i_;
    std::size_t k = k_;
    for (; k < list.size(); ++k) {
      const Decay d = gaps.empty() ? flow_(list[k].time - list[k - 1].time) : gaps[k - 1];
      const double v_end = v * d.mem + i * d.across, i_end = i * d.syn;
      if (flow_.may_cross(i, v_end, i_end)) {
        break;
      }
      v = v_end;
      i = i_end + weights_[list[k].source];
    }
    v_ = v;
    i_ = i;
    k_ = k;
    t_ = list[k - 1].time;
  }

  // Finds the next event. at_gap: it stands at an arrival, whose gap is known.
  void aim(bool at_gap = false) {
    const double arriving = arrival();
    end_ = std::min(arriving, flow_.lif().t_max);
    const Decay d = at_gap ? given_.gaps[k_ - 1] : flow_(end_ - t_);
    v_end_ = v_ * d.mem + i_ * d.across;
    i_end_ = i_ * d.syn;
    crosses_ = false;
    next_ = arriving;  // no_more, if the sample ends before
    if (flow_.may_cross(i_, v_end_, i_end_)) {
      i_spike_ = i_;
      const double s = flow_.cross(v_, i_spike_, end_ - t_, v_end_, i_end_);
      if (s >= 0) {
        crosses_ = true;
        next_ = std::min(t_ + s, end_);
      }
    }
  }

  const Flow& flow_;
  const double* weights_;
  bool alone_;  // no spikes of other neurons come in between
  const Arrivals& given_;
  std::int64_t id_;
  std::vector<Arrival> later_;  // a heap
  std::size_t k_ = 0, spikes_ = 0;
  double t_ = 0, v_ = 0, i_ = 0;
  double end_ = no_more, v_end_ = 0, i_end_ = 0, next_ = no_more, i_spike_ = 0;
  bool crosses_ = false;
};

// The neuron whose event is next, of equal ones the first: a tournament.
class Earliest {
 public:
  explicit Earliest(std::size_t n) {
    while (leaves_ < n) {
      leaves_ *= 2;
    }
    winner_.resize(2 * leaves_);
    time_.assign(leaves_, no_more);
    for (std::size_t k = 0; k < leaves_; ++k) {
      winner_[leaves_ + k] = k;
    }
    for (std::size_t k = leaves_; k-- > 1;) {
      winner_[k] = winner_[2 * k];
    }
  }
  std::size_t first() const { return winner_[1]; }
  double time() const { return time_[first()]; }
  void set(std::size_t o, double time) {
    if (time_[o] == time) {
      return;
    }
    time_[o] = time;
    for (std::size_t k = (leaves_ + o) / 2; k > 0; k /= 2) {
      const std::size_t a = winner_[2 * k], b = winner_[2 * k + 1];
      winner_[k] = time_[b] < time_[a] ? b : a;
    }
  }

 private:
  std::size_t leaves_ = 1;
  std::vector<std::size_t> winner_;
  std::vector<double> time_;
};

std::vector<Spike> forward_sample(const Flow& flow, const EventLayer& layer, const Sample& input) {
  std::vector<Spike> spikes;
  Spike spike{};
  std::deque<Arrivals> lists;
  if (!layer.recurrent) {  // one neuron after the other
    for (std::size_t o = 0; o < layer.n_out; ++o) {
      Walker walker(flow, layer, arrivals_of(lists, flow, layer, o, input), o);
      while (walker.next() < no_more) {
        if (walker.go(spike)) {
          spikes.push_back(spike);
        }
      }
      if (lists.back().gaps.empty()) {
        lists.clear();
      }
    }
  } else {
    std::vector<Walker> walkers;
    walkers.reserve(layer.n_out);
    Earliest earliest(layer.n_out);
    for (std::size_t o = 0; o < layer.n_out; ++o) {
      walkers.emplace_back(flow, layer, arrivals_of(lists, flow, layer, o, input), o);
      earliest.set(o, walkers[o].next());
    }
    while (earliest.time() < no_more) {
      const std::size_t o = earliest.first();
      const bool spiked = walkers[o].go(spike);
      earliest.set(o, walkers[o].next());
      if (spiked) {
        for (std::size_t to = 0; to < layer.n_out; ++to) {
          walkers[to].add(
              arrival_at(layer, to, spike.time, layer.n_in + o, input.size + spikes.size()));
          earliest.set(to, walkers[to].next());
        }
        spikes.push_back(spike);
      }
    }
  }
  std::sort(spikes.begin(), spikes.end(), [](const Spike& a, const Spike& b) {
    return std::tie(a.time, a.id) < std::tie(b.time, b.id);
  });
  return spikes;
}

// Sums of one part of the batch.
struct Sums {
  std::vector<double> weights, delays;

  explicit Sums(const EventLayer& layer)
      : weights(layer.weights.size()), delays(layer.delays.size()) {}

  void add(const Sums& other) {
    std::ranges::transform(weights, other.weights, weights.begin(), std::plus<>{});
    std::ranges::transform(delays, other.delays, delays.begin(), std::plus<>{});
  }
};

// One neuron backwards in time, from its last spike on: p_v = dL/dV and p_i = dL/dI. A change of V
// just before a spike moves the spike by -dV/V'; what follows is then later by as much, which
// changes V after it by V'(after) times that: V' = (I - v_threshold)/tau_mem before, I/tau_mem
// after the reset to 0. A later arrival is more current and less potential.
struct Reverse {
  const Arrivals* arrivals = nullptr;  // none before its last spike
  std::size_t left = 0;                // arrivals still ahead
  double t = 0, p_v = 0, p_i = 0;

  void start(const Arrivals& all, double time) {
    arrivals = &all;
    t = time;
    left = static_cast<std::size_t>(std::ranges::lower_bound(all.list, time, {}, &Arrival::time) -
                                    all.list.begin());
  }

  void pass_spike(const Flow& flow, double time, double current, double gradient) {
    back(flow(t - time), p_v, p_i);
    const double tau_mem = flow.lif().tau_mem, threshold = flow.lif().v_threshold;
    p_v = (p_v * current - gradient * tau_mem) / (current - threshold);
    t = time;
  }

  // Passes the arrivals that follow a spike at `time`; adds to dL/dt of the spikes that arrive.
  void pass_arrivals(const Flow& flow, const EventLayer& layer, std::size_t o, double time,
                     Sums& sums, std::span<double> times) {
    if (arrivals == nullptr || left == 0 || arrivals->list[left - 1].time < time) {
      return;
    }
    const double per_mem = 1 / flow.lif().tau_mem, per_syn = 1 / flow.lif().tau_syn;
    const std::size_t row = o * layer.sources();
    const double* weights = layer.weights.data() + row;
    double* by_weight = sums.weights.data() + row;
    double* by_delay = sums.delays.empty() ? nullptr : sums.delays.data() + row;
    const auto& [list, gaps] = *arrivals;
    double v = p_v, i = p_i, from = t;
    std::size_t k = left;
    bool on = false;
    do {
      const auto [at, source, spike] = list[--k];
      if (at < from) {
        back(on ? gaps[k] : flow(from - at), v, i);
        from = at;
      }
      on = !gaps.empty();
      const double later = weights[source] * (i * per_syn - v * per_mem);
      by_weight[source] += i;
      if (by_delay != nullptr) {
        by_delay[source] += later;
      }
      times[spike] += later;
    } while (k > 0 && list[k - 1].time >= time);
    left = k;
    t = from;
    p_v = v;
    p_i = i;
  }
};

// Adds dL/dweights and dL/ddelays of one sample to `sums`, dL/dt of its input spikes to
// input_times.
void backward_sample(const Flow& flow, const EventLayer& layer, const Sample& input,
                     const Sample& output, std::span<const double> currents,
                     std::span<const double> gradients, Sums& sums, std::span<double> input_times) {
  std::vector<double> times(input.size + output.size);  // dL/dt of the input, then of the output
  std::ranges::copy(gradients, times.begin() + static_cast<std::ptrdiff_t>(input.size));
  std::vector<Reverse> neurons(layer.n_out);
  std::deque<Arrivals> lists;
  // By spikes, the last one first. Where neurons reach each other, all of them pass what follows a
  // spike before its own gradient is known.
  for (std::size_t j = output.size; j-- > 0;) {
    const auto p = static_cast<std::size_t>(output.ids[j]);
    const double time = output.times[j];
    const std::size_t begin = layer.recurrent ? 0 : p, end = layer.recurrent ? layer.n_out : p + 1;
    for (std::size_t o = begin; o < end; ++o) {
      neurons[o].pass_arrivals(flow, layer, o, time, sums, times);
    }
    if (neurons[p].arrivals == nullptr) {
      neurons[p].start(
          arrivals_of(lists, flow, layer, p, input, layer.recurrent ? &output : nullptr), time);
    }
    neurons[p].pass_spike(flow, time, currents[j], times[input.size + j]);
  }
  for (std::size_t o = 0; o < layer.n_out; ++o) {
    neurons[o].pass_arrivals(flow, layer, o, -no_more, sums, times);
  }
  std::copy_n(times.begin(), input.size, input_times.begin());
}

}  // namespace

void check(const EventView& spikes, std::size_t n) {
  const auto& [offsets, times, ids] = spikes;
  if (ids.size() != times.size()) {
    refuse("ids and times must have the same length, got " + std::to_string(ids.size()) + " and " +
           std::to_string(times.size()));
  }
  if (offsets.empty() || offsets.front() != 0 ||
      offsets.back() != static_cast<std::int64_t>(times.size()) ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    refuse("offsets must ascend from 0 to the number of spikes, " + std::to_string(times.size()));
  }
  for (std::size_t j = 0; j < times.size(); ++j) {
    if (!(std::isfinite(times[j]) && times[j] >= 0)) {
      refuse("times must be finite and >= 0, got " + std::to_string(times[j]) + " at index " +
             std::to_string(j));
    }
    if (ids[j] < 0 || static_cast<std::size_t>(ids[j]) >= n) {
      refuse("ids must lie in 0 .. " + std::to_string(static_cast<std::int64_t>(n) - 1) + ", got " +
             std::to_string(ids[j]) + " at index " + std::to_string(j));
    }
  }
  for (std::size_t b = 0; b + 1 < offsets.size(); ++b) {
    if (!std::is_sorted(times.begin() + offsets[b], times.begin() + offsets[b + 1])) {
      refuse("times must ascend within each sample, but do not in sample " + std::to_string(b));
    }
  }
}

EventOutput event_forward(const EventLif& lif, const EventView& input, const EventLayer& layer,
                          int threads) {
  const Flow flow(lif);
  threads = checked(input, layer, threads);
  const std::size_t samples = input.offsets.size() - 1;
  std::vector<std::vector<Spike>> found(samples);
  parallel_for(threads, samples,
               [&](std::size_t b) { found[b] = forward_sample(flow, layer, Sample(input, b)); });

  EventOutput out;
  auto& [offsets, times, ids] = out.spikes;
  offsets.push_back(0);
  for (const auto& spikes : found) {
    offsets.push_back(offsets.back() + static_cast<std::int64_t>(spikes.size()));
  }
  const auto total = static_cast<std::size_t>(offsets.back());
  times.reserve(total);
  ids.reserve(total);
  out.currents.reserve(total);
  for (const auto& spikes : found) {
    for (const Spike& spike : spikes) {
      times.push_back(spike.time);
      ids.push_back(spike.id);
      out.currents.push_back(spike.current);
    }
  }
  return out;
}

EventGradients event_backward(const EventLif& lif, const EventView& input, const EventLayer& layer,
                              const EventView& output, std::span<const double> currents,
                              std::span<const double> time_gradients, int threads) {
  const Flow flow(lif);
  threads = checked(input, layer, threads);
  check(output, layer.n_out);
  if (output.offsets.size() != input.offsets.size()) {
    refuse("output must have as many samples as input");
  }
  if (currents.size() != output.times.size() || time_gradients.size() != output.times.size()) {
    refuse("currents and gradients must have one value for each output spike");
  }
  const std::size_t samples = input.offsets.size() - 1;
  const std::size_t each = std::max<std::size_t>(1, (samples + chunks - 1) / chunks);
  const std::size_t parts = (samples + each - 1) / each;

  Sums total(layer);
  std::vector<double> times(input.times.size());
  std::mutex mutex;
  std::vector<std::optional<Sums>> done(parts);
  std::size_t next = 0;  // the part that is to be added to the total
  parallel_for(threads, parts, [&](std::size_t part) {
    Sums sums(layer);
    for (std::size_t b = part * each; b < std::min(samples, (part + 1) * each); ++b) {
      const Sample given(input, b), sent(output, b);
      backward_sample(flow, layer, given, sent, currents.subspan(sent.first, sent.size),
                      time_gradients.subspan(sent.first, sent.size), sums,
                      std::span(times).subspan(given.first, given.size));
    }
    const std::lock_guard lock(mutex);
    done[part] = std::move(sums);
    for (; next < parts && done[next]; done[next++].reset()) {
      total.add(*done[next]);
    }
  });
  return {std::move(total.weights), std::move(total.delays), std::move(times)};
}

}  // namespace spikelet::train
