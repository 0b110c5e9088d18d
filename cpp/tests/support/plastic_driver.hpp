// A plastic store, driven as the engine drives it, and its reference: a walk over all spikes of a
// synapse that sums every trace from scratch, written from the contract
// (docs/design_plasticity.md).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace plastic_test {

using namespace spikelet;

// The store owns a slice of the targets that ends within a block.
constexpr std::uint32_t n_pre = 12, n_post = 150, slice_begin = 64, slice_end = 192, local = 3;
constexpr Gid pre_gid = 5, post_gid = 100;
constexpr double dt = 0.1;
constexpr Step steps = 1500, longest = 40;

struct Trains {
  std::vector<std::vector<Step>> pre{n_pre}, post{n_post};  // stamps; those of a source may repeat
};

// Every fourth source is silent for long, also for longer than sums of ended epochs are kept.
inline Trains random_trains(double p_pre, double p_post) {
  Trains trains;
  const Stream stream(41, Purpose::values, 0);
  for (Step stamp = 1; stamp <= steps; ++stamp) {
    for (std::uint32_t i = 0; i < n_pre; ++i) {
      const double u = uniform(stream.at(i, stamp)[0]), p = i % 4 == 3 ? 0.001 : p_pre;
      trains.pre[i].insert(trains.pre[i].end(), u < p / 20 ? 2 : u < p ? 1 : 0, stamp);
    }
    for (std::uint32_t j = 0; j < n_post; ++j) {
      if (uniform(stream.at(1000 + j, stamp)[0]) < p_post) {
        trains.post[j].push_back(stamp);
      }
    }
  }
  return trains;
}

// Random pairs, some of them twice, or all of them; or onto a few scattered targets. delay 0: many
// different ones.
template <class R>
SynapseTable<R> make_table(bool full, bool few, std::uint16_t delay, double low, double high) {
  const Stream stream(42, Purpose::values, 0);
  std::vector<std::uint32_t> pre, post;
  std::vector<R> weight;
  std::vector<std::uint16_t> delays;
  for (std::uint32_t k = 0; k < (full ? (n_pre - 3) * n_post : 400); ++k) {
    const Words w = stream.words(k, 0);
    pre.push_back(full ? 1 + k / n_post : w[0] % n_pre);  // the first and the last have none
    post.push_back(full ? k % n_post : few ? 70 + 31 * (w[1] % 3) : w[1] % n_post);
    weight.push_back(static_cast<R>(low + (high - low) * uniform(w[2])));
    delays.push_back(static_cast<std::uint16_t>(delay > 0    ? delay
                                                : k % 3 == 0 ? 1
                                                             : 1 + w[3] % longest));
  }
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight, delays);
}

// Most pairs of the sources in the middle, some of them twice, with one delay: targets of a row lie
// close together.
template <class R>
SynapseTable<R> make_close_table(std::uint16_t delay, double low, double high) {
  const Stream stream(43, Purpose::values, 0);
  std::vector<std::uint32_t> pre, post;
  std::vector<R> weight;
  for (std::uint32_t i = 1; i + 2 < n_pre; ++i) {
    for (std::uint32_t j = 0; j < n_post; ++j) {
      const Words w = stream.words(i, j);
      for (std::uint32_t n = w[0] % 8 == 0 ? 0 : w[0] % 8 < 6 ? 1 : 2; n > 0; --n) {
        pre.push_back(i);
        post.push_back(j);
        weight.push_back(static_cast<R>(low + (high - low) * uniform(w[n])));
      }
    }
  }
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight,
                                     std::vector<std::uint16_t>(pre.size(), delay));
}

struct Case {
  PlasticLayout layout;
  std::string rule = "STDP.additive";
  std::vector<double> parameters{1.7, 3.4, 0.02, 0.012, 0, 1};
  Pairing pairing = Pairing::all_to_all;
  bool tie = true;
  double axonal = 0;
  std::uint16_t delay = 7;
  bool early = false;
  double low = 0, high = 1;  // of the weights at the start
  bool close = false;        // rows of one delay, with most targets
  bool few = false;          // targets, which are scattered

  Plasticity plasticity() const {
    return {find_plasticity(rule), parameters, pairing, tie, axonal};
  }
};

constexpr bool mixes_delays(PlasticLayout layout) {
  return layout == PlasticLayout::history || layout == PlasticLayout::queued;
}

template <class R>
struct Driver {
  Driver(const Case& which, const Trains& spikes, const RewardSignal* reward = nullptr)
      : what(which),
        table(which.close
                  ? make_close_table<R>(which.delay, which.low, which.high)
                  : make_table<R>(which.layout == PlasticLayout::dense_block, which.few,
                                  mixes_delays(which.layout) ? std::uint16_t{0} : which.delay,
                                  which.low, which.high)),
        trains(spikes) {
    feed.table = &table;
    feed.pre_gid = pre_gid;
    feed.post_begin = slice_begin;
    feed.post_end = slice_end;
    feed.local = local;
    const int channel = which.early ? early_channel : excitatory_channel;
    feed.ends = {channel, channel};  // also below 0
    feed.one_channel = feed.channel_of(R(1));
    store =
        make_plastic_store<R>(which.layout, feed, which.plasticity(), dt, longest + 32, -1, reward);
  }

  void note_posts() {
    for (std::uint32_t j = slice_begin; j < n_post; ++j) {
      if (std::binary_search(trains.post[j].begin(), trains.post[j].end(), now + 1)) {
        const Gid gid = post_gid + j;
        store->note_posts({&gid, 1}, post_gid, now + 1);
      }
    }
  }
  void enqueue(Step stamp, Step from) {
    std::vector<Gid> spikes;
    for (std::uint32_t i = 0; i < n_pre; ++i) {
      const auto [first, last] =
          std::equal_range(trains.pre[i].begin(), trains.pre[i].end(), stamp);
      spikes.insert(spikes.end(), static_cast<std::size_t>(last - first), pre_gid + i);
    }
    store->enqueue_all(spikes, stamp, from);
  }
  // Runs steps up to `end`; adds up what is sent, by target.
  void run(Step end) {
    std::array<R*, max_channels> to{};
    to[static_cast<std::size_t>(feed.one_channel)] = input.data();
    for (; now < end; ++now) {
      store->deliver(now, to, true);
      note_posts();
      store->deliver(now, to, false);
      enqueue(now + 1, now + 1);
    }
  }
  // As of now, by position in the store.
  std::vector<R> weights() const {
    const auto copy = store->clone();
    copy->finish(now);
    const std::span<R> w = copy->parts().synapse[0];
    return {w.begin(), w.end()};
  }
  // Calls f(source, target, delay, weight now, weight at the start) for each synapse.
  template <class F>
  void for_each(F&& f) {
    const std::vector<R> weight = weights();
    std::vector<bool> used(table.size());
    for (std::uint32_t i = 0; i < n_pre; ++i) {
      store->visit(pre_gid + i, [&](const SynapseRef<R>& synapse) {
        // In the order of the table among those of the same target and delay.
        std::size_t k = table.row[i];
        while (used[k] || table.post[k] - slice_begin + local != synapse.target ||
               table.delay_of(k) != synapse.delay) {
          ++k;
        }
        used[k] = true;
        f(i, table.post[k], Step{synapse.delay}, weight[synapse.position], table.weight_of(k));
      });
    }
  }

  Case what;
  SynapseTable<R> table;
  const Trains& trains;
  Feed<R> feed;
  Step now = 0;
  std::unique_ptr<PlasticStore<R>> store;
  std::vector<R> input = std::vector<R>(local + slice_end - slice_begin);
};

// The rules again, from their formulas.
struct Formulas {
  explicit Formulas(const Case& what) : name(what.rule), p(what.parameters) {
    const auto a = what.plasticity().info().time_constants(p.data());
    tau.assign(a.begin(), a.end());
  }
  double post_factor(double o2) const {
    return name == "TripletSTDP"      ? p[4] + p[6] * o2
           : name == "DiehlCookSTDP"  ? p[4] * o2
           : name == "InhibitorySTDP" ? p[1]
                                      : p[2];
  }
  double pre_factor(double r2) const {
    return name == "TripletSTDP" ? p[5] + p[7] * r2 : name == "InhibitorySTDP" ? p[1] : p[3];
  }
  double up(double w, double k) const {
    if (name == "InhibitorySTDP") {
      return std::copysign(std::min(std::abs(w) + k, p[3]), w);
    }
    if (name == "STDP.power_law") {
      return w + k * std::pow(w, p[6]);
    }
    if (name.ends_with(".signed")) {
      return moved(w, k, p[2] >= 0, 6);
    }
    return std::min(w + k * dependence((high() - w) / (high() - low()), 6), high());
  }
  double down(double w, double k) const {
    if (name == "InhibitorySTDP") {
      return std::copysign(std::max(std::min(std::abs(w) + k, p[3]) - p[1] * p[2], 0.0), w);
    }
    if (name == "STDP.power_law") {
      return std::max(w - k * w, p[4]);
    }
    if (name.ends_with(".signed")) {
      return moved(w, -k, p[3] < 0, 7);
    }
    return std::max(w - k * dependence((w - low()) / (high() - low()), 7), low());
  }
  double moved(double w, double change, bool upwards, std::size_t exponent) const {
    const double room = (upwards ? high() - w : w - low()) / (high() - low());
    const double share = name == "STDP.power.signed" ? std::pow(room, p[exponent]) : 1.0;
    return std::clamp(w + change * share, low(), high());
  }
  double dependence(double distance, std::size_t exponent) const {
    return name == "STDP.power"            ? std::pow(distance, p[exponent])
           : name == "STDP.multiplicative" ? distance
                                           : 1.0;
  }
  double low() const { return p[name == "TripletSTDP" ? 8 : name == "DiehlCookSTDP" ? 5 : 4]; }
  double high() const { return p[name == "TripletSTDP" ? 9 : name == "DiehlCookSTDP" ? 6 : 5]; }

  std::string name;
  std::vector<double> p, tau;
};

// Weight of a synapse at `now`, and the weights that it has sent by then. A modulated rule is given
// the reward minus its baseline, which stays.
inline double naive(const Case& what, double w, const std::vector<Step>& pre,
                    const std::vector<Step>& post, Step delay, Step now,
                    std::vector<double>* sent = nullptr, double reward = 0) {
  const Formulas rule(what);
  const Step dendritic = dendritic_part(delay, what.axonal), axonal = delay - dendritic;
  std::vector<Step> a, b;  // times at the synapse
  for (const Step s : pre) {
    a.push_back(s + axonal);
  }
  for (const Step t : post) {
    b.push_back(t + dendritic);
  }
  const bool latest_pre =
      what.pairing == Pairing::nearest_symmetric || what.pairing == Pairing::nearest_restricted;
  const bool latest_post = what.pairing != Pairing::all_to_all;
  // Of the times [first, last) that are past: all of them, or the latest.
  using Times = std::vector<Step>::const_iterator;
  std::set<Step> times(a.begin(), a.end());
  times.insert(b.begin(), b.end());
  const Step end = times.empty() ? 0 : std::min(now, *times.rbegin());
  // What is left of 1 after each number of steps until the end; empty without a trace.
  const auto decays = [&](double tau) {
    std::vector<double> left(tau > 0 && end >= 0 ? static_cast<std::size_t>(end) + 1 : 0);
    for (std::size_t k = 0; k < left.size(); ++k) {
      left[k] = std::exp(-static_cast<double>(k) * dt / tau);
    }
    return left;
  };
  const auto trace = [](Times first, Times last, Step time, const std::vector<double>& left,
                        bool latest) {
    double sum = 0;
    for (auto it = latest && first < last ? last - 1 : first; it < last && !left.empty(); ++it) {
      sum += left[static_cast<std::size_t>(time - *it)];
    }
    return sum;
  };
  const std::vector<double> left_pre = decays(rule.tau[trace_pre]);
  const std::vector<double> left_post = decays(rule.tau[trace_post]);
  const std::vector<double> left_pre_2 = decays(rule.tau[trace_pre_2]);
  const std::vector<double> left_post_2 = decays(rule.tau[trace_post_2]);
  const auto until = [](const std::vector<Step>& of, Step time, bool with) {
    return with ? std::upper_bound(of.begin(), of.end(), time)
                : std::lower_bound(of.begin(), of.end(), time);
  };
  double eligibility = 0;
  Step reached = 0;
  double& changed = what.plasticity().info().modulated ? eligibility : w;
  const auto pass = [&](Step time) {
    if (&changed == &eligibility) {
      const double tau = what.parameters[reward_tau_eligibility];
      const double left = std::exp(-static_cast<double>(time - reached) * dt / tau);
      w += eligibility * reward * tau * (1 - left);
      eligibility *= left;
      reached = time;
    }
  };
  const auto change = [&](double k, bool up) {
    changed = &changed == &eligibility ? eligibility + (up ? k : -k)
              : up                     ? rule.up(w, k)
                                       : rule.down(w, k);
  };
  const auto potentiate = [&](Step time) {
    auto first = a.cbegin(), last = until(a, time, what.tie);
    const auto spike = until(b, time, false);
    if (what.pairing == Pairing::nearest_pre_centered ||
        what.pairing == Pairing::nearest_restricted) {  // only sources' spikes since the last post
      first = spike == b.begin() ? first : until(a, *(spike - 1), what.tie);
    }
    const double second = trace(b.cbegin(), spike, time, left_post_2, latest_post);
    const double k = trace(first, last, time, left_pre, latest_pre);
    if (k > 0) {
      change(k * rule.post_factor(second), true);
    }
  };
  for (const Step time : times) {
    if (time > now) {
      break;
    }
    pass(time);
    const bool acts = std::binary_search(b.begin(), b.end(), time);
    if (acts && !what.tie) {
      potentiate(time);
    }
    const auto [first, last] = std::equal_range(a.cbegin(), a.cend(), time);
    for (auto it = first; it != last; ++it) {
      auto from = b.cbegin();
      const auto to = until(b, time, false);
      if (what.pairing == Pairing::nearest_restricted && it != a.begin()) {
        // Only posts since the last spike; where ties are ignored, the one at this spike makes the
        // latest before it count, whenever that was.
        const bool tied = !what.tie && acts && *(it - 1) < time;
        from = tied ? from : until(b, *(it - 1), !what.tie);
      }
      const double second = trace(a.cbegin(), it, time, left_pre_2, latest_pre);
      const double k = from < to ? trace(from, to, time, left_post, latest_post) : 0;
      change(k * rule.pre_factor(second), false);
      if (sent != nullptr) {
        sent->push_back(w);
      }
    }
    if (acts && what.tie) {
      potentiate(time);
    }
  }
  pass(std::max(now, reached));
  return w;
}

}  // namespace plastic_test
