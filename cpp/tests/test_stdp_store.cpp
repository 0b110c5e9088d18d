// Pair STDP against a loop over all pairs of spikes, written down from the contract (design.md, 3).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/stdp_store.hpp"

namespace {

using namespace spikelet;

constexpr std::uint32_t n_pre = 12, n_post = 10, local = 3;
constexpr Gid pre_gid = 5, post_gid = 100;
constexpr double dt = 0.1;
constexpr Step steps = 900, longest = 40;

struct Trains {
  std::vector<std::vector<Step>> pre{n_pre},
      post{n_post};  // stamps by element; pre ones may repeat
};

Trains random_trains(double p_pre, double p_post) {
  Trains trains;
  const Stream stream(41, Purpose::values, 0);
  for (Step stamp = 1; stamp <= steps; ++stamp) {
    for (std::uint32_t i = 0; i < n_pre; ++i) {
      const double u = uniform(stream.at(i, stamp)[0]);
      trains.pre[i].insert(trains.pre[i].end(), u < p_pre / 20 ? 2 : u < p_pre ? 1 : 0, stamp);
    }
    for (std::uint32_t j = 0; j < n_post; ++j) {
      if (uniform(stream.at(1000 + j, stamp)[0]) < p_post) {
        trains.post[j].push_back(stamp);
      }
    }
  }
  return trains;
}

template <class R>
SynapseTable<R> random_table() {
  const Stream stream(42, Purpose::values, 0);
  std::vector<std::uint32_t> pre, post;
  std::vector<R> weight;
  std::vector<std::uint16_t> delay;
  for (std::size_t k = 0; k < 150; ++k) {
    const Words w = stream.words(k, 0);
    pre.push_back(w[0] % n_pre);
    post.push_back(w[1] % n_post);
    weight.push_back(static_cast<R>(uniform(w[2])));
    delay.push_back(static_cast<std::uint16_t>(k % 3 == 0 ? 1 : 1 + w[3] % longest));
  }
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight, delay);
}

// Weight at `now`, and the weights sent by pre spikes so far, from all pairs.
double naive(double w, const std::vector<Step>& pre, const std::vector<Step>& post, Step d,
             Step now, const PairRule& rule, std::vector<double>* sent = nullptr) {
  const auto potentiate = [&](Step x) {  // by a post that acts at x
    double sum = 0;
    for (const Step s : pre) {
      sum += s < x || (s == x && rule.tie_potentiates)
                 ? std::exp(-static_cast<double>(x - s) * dt / rule.tau_plus)
                 : 0;
    }
    w = std::min(w + rule.A_plus * sum, rule.w_max);
  };
  std::set<Step> times(pre.begin(), pre.end());
  for (const Step t : post) {
    times.insert(t + d);
  }
  for (const Step time : times) {
    if (time > now) {
      break;
    }
    const bool acts = std::count(post.begin(), post.end(), time - d) > 0;
    if (acts && !rule.tie_potentiates) {
      potentiate(time);
    }
    for (auto n = std::count(pre.begin(), pre.end(), time); n > 0; --n) {
      double sum = 0;
      for (const Step t : post) {
        sum +=
            t + d < time ? std::exp(-static_cast<double>(time - t - d) * dt / rule.tau_minus) : 0;
      }
      w = std::max(w - rule.A_minus * sum, rule.w_min);
      if (sent != nullptr) {
        sent->push_back(w);
      }
    }
    if (acts && rule.tie_potentiates) {
      potentiate(time);
    }
  }
  return w;
}

// A store driven as the engine drives it; `settle_every` > 0 settles now and then.
template <class R>
struct Driver {
  Driver(const PairRule& rule, const Trains& spikes, Step settle_every)
      : table(random_table<R>()),
        trains(spikes),
        settle(settle_every),
        store(feed(), rule, dt, longest + 32) {}

  Feed<R> feed() const {
    Feed<R> f;
    f.table = &table;
    f.pre_gid = pre_gid;
    f.post_end = n_post;
    f.local = local;
    f.receptor = Receptor::excitatory;  // also below 0
    return f;
  }

  // Runs steps up to `end`; adds up what is sent, by target.
  void run(Step end) {
    for (; now < end; ++now) {
      for (std::uint32_t j = 0; j < n_post; ++j) {
        if (std::binary_search(trains.post[j].begin(), trains.post[j].end(), now + 1)) {
          const Gid gid = post_gid + j;
          store.note_posts({&gid, 1}, post_gid, now + 1);
        }
      }
      const std::array<R*, max_channels> pointers{input.data(), nullptr, nullptr};
      store.deliver(now, pointers, true);
      store.deliver(now, pointers, false);
      if (settle > 0 && now % settle == 0) {
        store.settle(now + 1);
      }
      for (std::uint32_t i = 0; i < n_pre; ++i) {
        const auto [from, to] =
            std::equal_range(trains.pre[i].begin(), trains.pre[i].end(), now + 1);
        for (auto it = from; it != to; ++it) {
          store.enqueue(pre_gid + i, now + 1, now + 1);
        }
      }
    }
  }

  // Calls f(source, target, delay, weight at now, initial weight) for each synapse.
  template <class F>
  void for_each(F&& f) {
    for (std::uint32_t i = 0; i < n_pre; ++i) {
      std::vector<bool> used(table.size());
      std::vector<Step> recent;
      for (const Step s : trains.pre[i]) {
        if (s <= now && s > now - longest) {
          recent.push_back(s);
        }
      }
      store.visit(pre_gid + i, [&](const SynapseRef<R>& synapse) {
        // In the order of the table among those of the same target and delay.
        std::size_t k = table.row[i];
        while (used[k] || table.post[k] + local != synapse.target ||
               table.delay_of(k) != synapse.delay) {
          ++k;
        }
        used[k] = true;
        f(i, table.post[k], Step{synapse.delay}, store.weight_now(synapse, recent, now),
          table.weight_of(k));
      });
    }
  }
  std::vector<R> weights() {
    std::vector<R> all;
    for_each([&](auto, auto, auto, R w, R) { all.push_back(w); });
    return all;
  }

  SynapseTable<R> table;
  const Trains& trains;
  Step settle, now = 0;
  StdpStore<R> store;
  std::vector<R> input = std::vector<R>(local + n_post);
};

PairRule rule_of(bool tie, bool bounds) {
  PairRule rule;
  rule.tau_plus = 17;
  rule.tau_minus = 34;
  rule.A_plus = 0.02;
  rule.A_minus = 0.012;
  rule.w_min = bounds ? 0.0 : -1000.0;
  rule.w_max = bounds ? 1.0 : 1000.0;
  rule.tie_potentiates = tie;
  return rule;
}

}  // namespace

TEST_CASE_TEMPLATE("weights at any time are those of a loop over all pairs", R, float, double) {
  const double tolerance = sizeof(R) == 4 ? 1e-3 : 1e-11;
  const Trains trains = random_trains(0.03, 0.03);
  for (const bool tie : {true, false}) {
    for (const bool bounds : {true, false}) {
      CAPTURE(tie);
      CAPTURE(bounds);
      const PairRule rule = rule_of(tie, bounds);
      Driver<R> driver(rule, trains, 0);
      for (const Step now : {1, 2, 41, 300, 301, 777, 900}) {
        CAPTURE(now);
        driver.run(now);
        double error = 0;
        int changed = 0;
        driver.for_each([&](std::uint32_t i, std::uint32_t j, Step d, R w, R initial) {
          const double expected =
              naive(static_cast<double>(initial), trains.pre[i], trains.post[j], d, now, rule);
          error = std::max(error, std::abs(static_cast<double>(w) - expected));
          changed += w != initial ? 1 : 0;
        });
        CHECK(error < tolerance);
        CHECK((now < 900 || changed == 150));
      }
    }
  }
}

TEST_CASE("what is sent is the weight at the pre stamp") {
  const Trains trains = random_trains(0.03, 0.03);
  for (const bool tie : {true, false}) {
    const PairRule rule = rule_of(tie, true);
    Driver<double> driver(rule, trains, 0);
    driver.run(steps);
    std::vector<double> expected(local + n_post);
    driver.for_each([&](std::uint32_t i, std::uint32_t j, Step d, double, double initial) {
      std::vector<double> sent;
      // Sent by the stamps whose arrival lies within the run.
      naive(initial, trains.pre[i], trains.post[j], d, steps - d, rule, &sent);
      for (const double w : sent) {
        expected[local + j] += w;
      }
    });
    for (std::size_t k = 0; k < expected.size(); ++k) {
      CHECK(driver.input[k] == doctest::Approx(expected[k]).epsilon(1e-11));
    }
  }
}

TEST_CASE_TEMPLATE("settling changes no bit, neither of weights nor of what is sent", R, float,
                   double) {
  const Trains trains = random_trains(0.05, 0.04);
  for (const bool tie : {true, false}) {
    Driver<R> plain(rule_of(tie, true), trains, 0);
    for (const Step every : {1, 7, 100}) {
      CAPTURE(every);
      Driver<R> settled(rule_of(tie, true), trains, every);
      for (const Step now : {50, 400, 900}) {
        settled.run(now);
        if (now > plain.now) {
          plain.run(now);
        }
        if (now == plain.now) {
          const auto a = plain.weights(), b = settled.weights();
          CHECK(std::memcmp(a.data(), b.data(), a.size() * sizeof(R)) == 0);
        }
      }
      CHECK(plain.input == settled.input);
    }
  }
}

TEST_CASE("clear forgets spikes and traces, and keeps the weights") {
  const Trains trains = random_trains(0.05, 0.04);
  Driver<double> driver(rule_of(true, true), trains, 0);
  driver.run(500);
  driver.store.settle(500);
  std::vector<double> stored;
  driver.store.visit(pre_gid, [&](const SynapseRef<double>& s) { stored.push_back(*s.weight); });
  driver.store.clear();
  std::vector<double> after;
  driver.store.visit(pre_gid, [&](const SynapseRef<double>& s) {
    after.push_back(driver.store.weight_now(s, {}, 500));
  });
  CHECK(after == stored);
  for (std::uint32_t j = 0; j < n_post; ++j) {
    CHECK(driver.store.history(j).empty());
  }
}
