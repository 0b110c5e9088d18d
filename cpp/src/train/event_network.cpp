#include "spikelet/train/event_network.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "event_flow.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::train {
namespace {

constexpr double no_more = std::numeric_limits<double>::infinity();

// A spike that arrives at a neuron. Sources 0 .. n_in - 1 are inputs, those after them the neurons.
struct Arrival {
  double time;
  std::uint32_t source, spike;  // which synapse, and which spike of the sample

  bool operator<(const Arrival& other) const {
    return std::tie(time, source, spike) < std::tie(other.time, other.source, other.spike);
  }
  bool operator>(const Arrival& other) const { return other < *this; }
};

void require_finite(const char* name, const EventSynapses& synapses, std::size_t n_out,
                    std::size_t n_in) {
  const auto& [weights, delays] = synapses;
  const std::string shape = "[" + std::to_string(n_out) + ", " + std::to_string(n_in) + "]";
  if (!weights.empty() && weights.size() != n_out * n_in) {
    refuse(std::string(name) + "weights must be " + shape);
  }
  if (!delays.empty() && delays.size() != weights.size()) {
    refuse(std::string(name) + "delays must be " + shape);
  }
  if (!std::all_of(weights.begin(), weights.end(), [](double w) { return std::isfinite(w); })) {
    refuse(std::string(name) + "weights must be finite");
  }
  for (const double d : delays) {
    if (!(std::isfinite(d) && d >= 0)) {
      refuse(std::string(name) + "delays must be finite and >= 0, got " + std::to_string(d));
    }
  }
}

void check(const EventNetwork& net) {
  require_finite("", net.input, net.n_out, net.n_in);
  require_finite("recurrent ", net.recurrent, net.n_out, net.n_out);
  if (net.input.weights.size() != net.n_in * net.n_out) {
    refuse("weights must be [" + std::to_string(net.n_out) + ", " + std::to_string(net.n_in) + "]");
  }
}

// What reaches one neuron, and its synapses by source.
struct Fan {
  std::size_t n_in, n_out;
  const double *weights, *delays, *recurrent, *recurrent_delays;

  Fan(const EventNetwork& net, std::size_t o)
      : n_in(net.n_in),
        n_out(net.n_out),
        weights(row(net.input.weights, o, net.n_in)),
        delays(row(net.input.delays, o, net.n_in)),
        recurrent(row(net.recurrent.weights, o, net.n_out)),
        recurrent_delays(row(net.recurrent.delays, o, net.n_out)) {}

  static const double* row(std::span<const double> values, std::size_t o, std::size_t n) {
    return values.empty() ? nullptr : values.data() + o * n;
  }
  double weight(std::uint32_t source) const {
    return source < n_in ? weights[source] : recurrent[source - n_in];
  }
  Arrival from_input(double time, std::int64_t id, std::size_t spike) const {
    const auto source = static_cast<std::size_t>(id);
    return {delays == nullptr ? time : time + delays[source], static_cast<std::uint32_t>(source),
            static_cast<std::uint32_t>(spike)};
  }
  Arrival from_neuron(double time, std::int64_t id, std::size_t spike) const {
    const auto source = static_cast<std::size_t>(id);
    return {recurrent_delays == nullptr ? time : time + recurrent_delays[source],
            static_cast<std::uint32_t>(n_in + source), static_cast<std::uint32_t>(spike)};
  }
};

// The spikes of one sample.
struct Sample {
  std::span<const double> times;
  std::span<const std::int64_t> ids;

  Sample(const EventView& spikes, std::size_t sample) {
    const auto begin = static_cast<std::size_t>(spikes.offsets[sample]);
    const auto n = static_cast<std::size_t>(spikes.offsets[sample + 1]) - begin;
    times = spikes.times.subspan(begin, n);
    ids = spikes.ids.subspan(begin, n);
  }
  std::size_t size() const { return times.size(); }
};

// The arrivals of the input at one neuron up to a time, in their order.
void arrivals_of(const Fan& fan, const Sample& input, double last, std::vector<Arrival>& out) {
  out.clear();
  for (std::size_t k = 0; k < input.size(); ++k) {
    const Arrival arrival = fan.from_input(input.times[k], input.ids[k], k);
    if (arrival.time <= last) {
      out.push_back(arrival);
    }
  }
  if (fan.delays != nullptr) {
    std::sort(out.begin(), out.end());
  }
}

// One neuron between its events: from (t, v, i) to the next arrival or its next spike.
class Walker {
 public:
  // Spikes of other neurons come in between.
  void start(const Flow& flow, const Fan& fan, const Sample& input, std::int64_t id) {
    arrivals_of(fan, input, flow.lif().t_max, given_);
    later_.clear();
    k_ = spikes_ = 0;
    id_ = id;
    t_ = v_ = i_ = 0;
    aim(flow);
  }
  double next() const { return next_; }  // of its next event; infinite if there is none

  // Goes to the next event; returns whether it is a spike, which `out` gets.
  bool go(const Flow& flow, const Fan& fan, Spike& out) {
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
      i_ = i_end_ + fan.weight(pop().source);
      while (arrival() == t_) {
        i_ += fan.weight(pop().source);
      }
    }
    aim(flow);
    return spikes;
  }

  void add(const Flow& flow, const Arrival& arrival) {
    if (!(arrival.time <= flow.lif().t_max)) {
      return;
    }
    later_.push_back(arrival);
    std::push_heap(later_.begin(), later_.end(), std::greater<>{});
    if (arrival.time < end_) {
      aim(flow);
    }
  }

 private:
  double arrival() const {
    const double given = k_ < given_.size() ? given_[k_].time : no_more;
    return later_.empty() ? given : std::min(given, later_.front().time);
  }
  Arrival pop() {
    if (later_.empty() || (k_ < given_.size() && given_[k_] < later_.front())) {
      return given_[k_++];
    }
    std::pop_heap(later_.begin(), later_.end(), std::greater<>{});
    const Arrival last = later_.back();
    later_.pop_back();
    return last;
  }

  // Finds the next event.
  void aim(const Flow& flow) {
    const double arriving = arrival();
    end_ = std::min(arriving, flow.lif().t_max);
    const Decay d = flow(end_ - t_);
    v_end_ = v_ * d.mem + i_ * d.across;
    i_end_ = i_ * d.syn;
    crosses_ = false;
    next_ = arriving;  // no_more, if the sample ends before
    if (flow.may_cross(i_, v_end_, i_end_)) {
      i_spike_ = i_;
      const double s = flow.cross(v_, i_spike_, end_ - t_, v_end_, i_end_);
      if (s >= 0) {
        crosses_ = true;
        next_ = std::min(t_ + s, end_);
      }
    }
  }

  std::vector<Arrival> given_, later_;  // sorted; a heap
  std::size_t k_ = 0, spikes_ = 0;
  std::int64_t id_ = 0;
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

std::vector<Spike> forward_sample(const Flow& flow, const EventNetwork& net, const Sample& input) {
  std::vector<Spike> spikes;
  Spike spike{};
  if (net.recurrent.weights.empty()) {  // neurons are independent
    Walker walker;
    for (std::size_t o = 0; o < net.n_out; ++o) {
      const Fan fan(net, o);
      walker.start(flow, fan, input, static_cast<std::int64_t>(o));
      while (walker.next() < no_more) {
        if (walker.go(flow, fan, spike)) {
          spikes.push_back(spike);
        }
      }
    }
    in_order(spikes);
    return spikes;
  }
  std::vector<Walker> walkers(net.n_out);
  Earliest earliest(net.n_out);
  for (std::size_t o = 0; o < net.n_out; ++o) {
    walkers[o].start(flow, Fan(net, o), input, static_cast<std::int64_t>(o));
    earliest.set(o, walkers[o].next());
  }
  while (earliest.time() < no_more) {
    const std::size_t o = earliest.first();
    const bool spiked = walkers[o].go(flow, Fan(net, o), spike);
    earliest.set(o, walkers[o].next());
    if (spiked) {
      for (std::size_t to = 0; to < net.n_out; ++to) {
        walkers[to].add(flow, Fan(net, to).from_neuron(spike.time, spike.id, spikes.size()));
        earliest.set(to, walkers[to].next());
      }
      spikes.push_back(spike);
    }
  }
  in_order(spikes);  // of equal times, by neuron
  return spikes;
}

// Sums of one part of the batch.
struct Sums {
  std::vector<double> weights, delays, recurrent_weights, recurrent_delays;

  explicit Sums(const EventNetwork& net)
      : weights(net.input.weights.size()),
        delays(net.input.weights.size()),
        recurrent_weights(net.recurrent.weights.size()),
        recurrent_delays(net.recurrent.weights.size()) {}

  void add(const Sums& other) {
    const auto sum = [](std::vector<double>& to, const std::vector<double>& from) {
      std::transform(to.begin(), to.end(), from.begin(), to.begin(), std::plus<>{});
    };
    sum(weights, other.weights);
    sum(delays, other.delays);
    sum(recurrent_weights, other.recurrent_weights);
    sum(recurrent_delays, other.recurrent_delays);
  }
};

// One neuron backwards in time, from its last spike on: p_v = dL/dV and p_i = dL/dI. A change of V
// just before a spike moves the spike by -dV/V'; what follows is then later by as much, which
// changes V after it by V'(after) times that: V' = (I - v_threshold)/tau_mem before, I/tau_mem
// after the reset to 0. A later arrival is more current and less potential.
struct Reverse {
  std::vector<Arrival> arrivals;
  std::size_t left = 0;  // arrivals still ahead
  double t = 0, p_v = 0, p_i = 0;
  bool active = false;  // there was a spike

  void pass_spike(const Flow& flow, double time, double current, double gradient) {
    if (active) {
      back(flow(t - time), p_v, p_i);
    }
    const double tau_mem = flow.lif().tau_mem, threshold = flow.lif().v_threshold;
    p_v = (p_v * current - gradient * tau_mem) / (current - threshold);
    t = time;
    active = true;
  }

  // Passes the arrivals that follow a spike at `time`.
  void pass_arrivals(const Flow& flow, const Fan& fan, std::size_t o, double time, Sums& sums,
                     std::span<double> input_times, std::span<double> spike_times) {
    const double per_mem = 1 / flow.lif().tau_mem, per_syn = 1 / flow.lif().tau_syn;
    for (; left > 0 && arrivals[left - 1].time >= time; --left) {
      if (!active) {
        continue;
      }
      const auto [at, source, spike] = arrivals[left - 1];
      if (at < t) {
        back(flow(t - at), p_v, p_i);
        t = at;
      }
      const double later = fan.weight(source) * (p_i * per_syn - p_v * per_mem);
      if (source < fan.n_in) {
        sums.weights[o * fan.n_in + source] += p_i;
        sums.delays[o * fan.n_in + source] += later;
        input_times[spike] += later;
      } else {
        const std::size_t synapse = o * fan.n_out + source - fan.n_in;
        sums.recurrent_weights[synapse] += p_i;
        sums.recurrent_delays[synapse] += later;
        spike_times[spike] += later;
      }
    }
  }
};

void backward_sample(const Flow& flow, const EventNetwork& net, const Sample& input,
                     const Sample& output, std::span<const double> currents,
                     std::span<const double> gradients, Sums& sums, std::span<double> input_times) {
  const double t_max = flow.lif().t_max;
  const bool recurrent = !net.recurrent.weights.empty();
  std::vector<double> by_time(gradients.begin(), gradients.end());
  std::vector<Reverse> neurons(net.n_out);
  for (std::size_t o = 0; o < net.n_out; ++o) {
    Reverse& neuron = neurons[o];
    const Fan fan(net, o);
    arrivals_of(fan, input, t_max, neuron.arrivals);
    for (std::size_t j = 0; recurrent && j < output.size(); ++j) {
      const Arrival arrival = fan.from_neuron(output.times[j], output.ids[j], j);
      if (arrival.time <= t_max) {
        neuron.arrivals.push_back(arrival);
      }
    }
    if (recurrent) {
      std::sort(neuron.arrivals.begin(), neuron.arrivals.end());
    }
    neuron.left = neuron.arrivals.size();
  }
  // By spikes, the last one first. Where neurons reach each other, all of them pass what follows a
  // spike before its own gradient is known.
  for (std::size_t j = output.size(); j-- > 0;) {
    const auto p = static_cast<std::size_t>(output.ids[j]);
    for (std::size_t o = recurrent ? 0 : p; o < (recurrent ? net.n_out : p + 1); ++o) {
      neurons[o].pass_arrivals(flow, Fan(net, o), o, output.times[j], sums, input_times, by_time);
    }
    neurons[p].pass_spike(flow, output.times[j], currents[j], by_time[j]);
  }
  for (std::size_t o = 0; o < net.n_out; ++o) {
    neurons[o].pass_arrivals(flow, Fan(net, o), o, -no_more, sums, input_times, by_time);
  }
}

}  // namespace

EventOutput event_forward(const EventLif& lif, const EventView& input, const EventNetwork& net,
                          int threads) {
  const Flow flow(lif);
  check(input, net.n_in);
  check(net);
  threads = team(threads, input.times.size(), net.n_out);
  const std::size_t samples = input.offsets.size() - 1;
  std::vector<std::vector<Spike>> found(samples);
  parallel_for(threads, samples,
               [&](std::size_t b) { found[b] = forward_sample(flow, net, Sample(input, b)); });
  return joined(found);
}

EventNetworkGradients event_backward(const EventLif& lif, const EventView& input,
                                     const EventNetwork& net, const EventView& output,
                                     std::span<const double> currents,
                                     std::span<const double> time_gradients, int threads) {
  const Flow flow(lif);
  check(input, net.n_in);
  check(output, net.n_out);
  check(net);
  threads = team(threads, input.times.size(), net.n_out);
  if (output.offsets.size() != input.offsets.size()) {
    refuse("output must have as many samples as input");
  }
  if (currents.size() != output.times.size() || time_gradients.size() != output.times.size()) {
    refuse("currents and gradients must have one value for each output spike");
  }
  const std::size_t samples = input.offsets.size() - 1;
  const std::size_t each = std::max<std::size_t>(1, (samples + chunks - 1) / chunks);
  const std::size_t parts = (samples + each - 1) / each;

  Sums total(net);
  std::vector<double> times(input.times.size());
  std::vector<Sums> sums(parts, total);
  parallel_for(threads, parts, [&](std::size_t part) {
    for (std::size_t b = part * each; b < std::min(samples, (part + 1) * each); ++b) {
      const Sample given(input, b), sent(output, b);
      const auto from = static_cast<std::size_t>(output.offsets[b]);
      const auto at = static_cast<std::size_t>(input.offsets[b]);
      backward_sample(flow, net, given, sent, currents.subspan(from, sent.size()),
                      time_gradients.subspan(from, sent.size()), sums[part],
                      std::span(times).subspan(at, given.size()));
    }
  });
  for (const Sums& sum : sums) {
    total.add(sum);
  }
  return {std::move(total.weights), std::move(total.delays), std::move(total.recurrent_weights),
          std::move(total.recurrent_delays), std::move(times)};
}

}  // namespace spikelet::train
