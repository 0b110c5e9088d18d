// Reading, copying, scaling and clearing plastic stores: no bit of what follows may change.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "plastic_driver.hpp"

namespace {

using namespace plastic_test;

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const PlasticLayout layout :
       {PlasticLayout::history, PlasticLayout::closed_rows, PlasticLayout::dense_block}) {
    for (const bool tie : {true, false}) {
      Case c{layout};
      c.tie = tie;
      c.axonal = tie ? 0 : 0.4;
      all.push_back(c);
      c.rule = "TripletSTDP";
      c.parameters = {1.7, 3.4, 10, 12, 0.002, 0.007, 0.006, 0.002, 0, 1};
      all.push_back(c);
      c.rule = "DiehlCookSTDP";
      c.parameters = {2, 3, 4, 0.01, 0.05, 0, 1};
      c.pairing = Pairing::nearest_symmetric;
      all.push_back(c);
      if (layout == PlasticLayout::history) {
        c.rule = "STDP.power";
        c.parameters = {1.7, 3.4, 0.05, 0.03, 0, 1, 0.4, 0.7};
        for (const Pairing p : {Pairing::nearest_pre_centered, Pairing::nearest_restricted}) {
          c.pairing = p;
          all.push_back(c);
        }
        c.pairing = Pairing::all_to_all;
        c.rule = "RewardSTDP";
        c.parameters = {1.7, 3.4, 0.02, 0.012, 0, 1, 5, 20, 0.2};
        all.push_back(c);
      }
    }
  }
  Case scaled{PlasticLayout::scaled_rows};
  scaled.rule = "TsodyksMarkram";
  scaled.parameters = {0.3, 8, 5, 1};
  all.push_back(scaled);
  return all;
}

RewardSignal make_reward() {
  RewardSignal reward(dt, 5, 20, 0.2);
  for (const Step step : {0, 150, 151, 600, 1200}) {
    reward.set(step, 0.1 * static_cast<double>(step % 7));
  }
  return reward;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

#define SPIKELET_SHOW(what)                              \
  const std::string name_(layout_name((what).layout));   \
  const int pairing_ = static_cast<int>((what).pairing); \
  CAPTURE(name_);                                        \
  CAPTURE(pairing_);                                     \
  CAPTURE((what).rule);                                  \
  CAPTURE((what).tie)

// Carries over everything that an exact copy needs, as the simulator does it.
template <class R>
void copy_state(Driver<R>& from, Driver<R>& to) {
  PlasticStore<R>&a = *from.store, &b = *to.store;
  a.settle(from.now);
  const PlasticParts<R> x = a.parts(), y = b.parts();
  const auto copy = [](const auto& source, const auto& target) {
    REQUIRE(source.size() == target.size());
    for (std::size_t c = 0; c < source.size(); ++c) {
      REQUIRE(source[c].size() == target[c].size());
      std::copy(source[c].begin(), source[c].end(), target[c].begin());
    }
  };
  copy(x.synapse, y.synapse);
  copy(x.synapse_step, y.synapse_step);
  copy(x.row, y.row);
  copy(x.row_double, y.row_double);
  copy(x.row_step, y.row_step);
  copy(x.target, y.target);
  CHECK(a.rows() == b.rows());
  std::vector<PostSpike<R>> posts = a.posts();
  std::stable_sort(posts.begin(), posts.end(), [](const auto& one, const auto& other) {
    return std::pair(one.stamp, one.target) < std::pair(other.stamp, other.target);
  });
  b.set_posts(posts);
  b.counts() = a.counts();
  b.set_clock(a.clock());
  a.for_each_sent(from.now, [&](Step arrival, const Sent<R>& sent) { b.add_sent(arrival, sent); });
  to.now = from.now;
  to.input = from.input;
  for (Step stamp = std::max<Step>(1, to.now - longest); stamp <= to.now; ++stamp) {
    to.enqueue(stamp, to.now);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("reading, on copies, changes no bit of what follows", R, float, double) {
  const Trains trains = random_trains(0.05, 0.04);
  const RewardSignal reward = make_reward();
  for (const Case& what : cases()) {
    SPIKELET_SHOW(what);
    Driver<R> plain(what, trains, &reward), read(what, trains, &reward);
    plain.run(1400);
    for (Step now = 1; now < 1400; now += now < 200 ? 1 : 37) {
      read.run(now);
      read.weights();
      read.store->settle(now);  // as before the parts are read
      read.store->parts();
      read.store->posts();
    }
    read.run(1400);
    CHECK(same_bits(read.input, plain.input));
    CHECK(same_bits(read.weights(), plain.weights()));
  }
}

TEST_CASE_TEMPLATE("a copy of all parts goes on with the same bits", R, float, double) {
  const Trains trains = random_trains(0.05, 0.04);
  const RewardSignal reward = make_reward();
  for (const Case& what : cases()) {
    SPIKELET_SHOW(what);
    for (const Step cut : {0, 1, 85, 86, 700, 1203}) {
      CAPTURE(cut);
      Driver<R> original(what, trains, &reward), loaded(what, trains, &reward);
      original.run(cut);
      if (cut == 700) {  // some spikes wait with the weight they were sent with
        original.store->finish(cut);
        original.run(703);
      }
      copy_state(original, loaded);
      CHECK(same_bits(loaded.weights(), original.weights()));
      for (const Step now : {original.now + 1, original.now + 50, Step{1400}}) {
        original.run(now);
        loaded.run(now);
        CHECK(same_bits(loaded.input, original.input));
        CHECK(same_bits(loaded.weights(), original.weights()));
      }
      CHECK(loaded.store->take_counts() == original.store->take_counts());
    }
  }
}

TEST_CASE("clear forgets spikes and traces, and keeps the weights") {
  const Trains trains = random_trains(0.05, 0.04);
  const RewardSignal reward = make_reward();
  for (const Case& what : cases()) {
    SPIKELET_SHOW(what);
    Driver<double> used(what, trains, &reward), fresh(what, trains, &reward);
    used.run(1200);
    used.store->finish(1200);
    const auto weights = used.weights();
    used.store->clear();
    used.now = 0;
    std::fill(used.input.begin(), used.input.end(), 0);
    CHECK(same_bits(used.weights(), weights));
    CHECK(used.store->posts().empty());
    CHECK(used.store->take_counts() == std::vector<std::uint32_t>(slice_end - slice_begin));
    // It then behaves like a new one with these weights.
    std::copy(weights.begin(), weights.end(), fresh.store->parts().synapse[0].begin());
    used.run(1400);
    fresh.run(1400);
    CHECK(same_bits(used.input, fresh.input));
    CHECK(same_bits(used.weights(), fresh.weights()));
  }
}

TEST_CASE("no spike up to the stamp of birth counts") {
  Trains trains = random_trains(0.05, 0.04);
  for (const Case& what : cases()) {
    if (what.rule == "RewardSTDP") {
      continue;
    }
    SPIKELET_SHOW(what);
    Driver<double> late(what, trains);
    late.store->start(500);
    late.now = 500;
    late.run(1400);
    Trains rest = trains;
    for (auto* side : {&rest.pre, &rest.post}) {
      for (std::vector<Step>& stamps : *side) {
        std::erase_if(stamps, [](Step s) { return s <= 500; });
      }
    }
    Driver<double> whole(what, rest);
    whole.run(1400);
    const auto a = late.weights(), b = whole.weights();
    for (std::size_t k = 0; k < a.size(); ++k) {
      CHECK(a[k] == doctest::Approx(b[k]).epsilon(1e-12));
    }
  }
}

TEST_CASE("sums, scaling within the bounds, and counts of spikes, by target") {
  const Trains trains = random_trains(0.05, 0.04);
  const RewardSignal reward = make_reward();
  for (const Case& what : cases()) {
    SPIKELET_SHOW(what);
    Driver<double> driver(what, trains, &reward);
    driver.run(300);
    driver.store->finish(300);
    const std::size_t n = driver.store->targets();
    std::vector<double> sums(n), expected(n), factors(n), scaled;
    for (std::size_t j = 0; j < n; ++j) {
      factors[j] = 0.5 + 0.02 * static_cast<double>(j);
    }
    const double high = what.rule == "TsodyksMarkram" ? 1e9 : 1;
    driver.for_each([&](std::uint32_t, std::uint32_t j, Step, double w, double) {
      expected[j - slice_begin] += w;
      scaled.push_back(std::min(w * factors[j - slice_begin], high));
    });
    driver.store->add_weights(sums);
    for (std::size_t j = 0; j < n; ++j) {
      CHECK(sums[j] == doctest::Approx(expected[j]).epsilon(1e-13));
    }
    driver.store->scale_weights(factors);
    std::vector<double> after;
    driver.for_each([&](auto, auto, auto, double w, double) { after.push_back(w); });
    CHECK(after == scaled);
    std::vector<std::uint32_t> counts(n);
    for (std::uint32_t j = slice_begin; j < n_post; ++j) {
      counts[j - slice_begin] = static_cast<std::uint32_t>(std::count_if(
          trains.post[j].begin(), trains.post[j].end(), [](Step s) { return s <= 300; }));
    }
    CHECK(driver.store->take_counts() == counts);
    CHECK(driver.store->take_counts() == std::vector<std::uint32_t>(n));
  }
}
