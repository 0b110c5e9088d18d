// What all plastic stores promise: the layout they are chosen for; reading and copying change no
// bit of what follows.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "spikelet/network/plastic_store.hpp"
#include "support/plastic_cases.hpp"
#include "support/values.hpp"

namespace test_network_plastic_store {

namespace {

using namespace plastic_test;
using test::same_bits;

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const PlasticLayout layout : {PlasticLayout::history, PlasticLayout::queued,
                                     PlasticLayout::closed_rows, PlasticLayout::dense_block}) {
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
  for (std::size_t k = all.size(); k-- > 0;) {
    if (all[k].layout != PlasticLayout::dense_block && (k + 1 == all.size() || k % 3 == 0)) {
      all.push_back(all[k]);
      all.back().few = true;
    }
  }
  return all;
}

RewardSignal make_reward() {
  RewardSignal reward(dt, 5, 20, 0.2);
  for (const Step step : {0, 150, 151, 600, 1200}) {
    reward.set(step, 0.1 * static_cast<double>(step % 7));
  }
  return reward;
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
      for (std::size_t k = 0; k < source[c].size(); ++k) {
        target[c][k] = source[c][k];
      }
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
      CHECK(loaded.store->counts() == original.store->counts());
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
    CHECK(used.store->counts() == std::vector<std::uint32_t>(used.store->targets().size()));
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

TEST_CASE_TEMPLATE("weights and what is sent, onto a few scattered targets", R, float, double) {
  for (const PlasticLayout layout :
       {PlasticLayout::history, PlasticLayout::queued, PlasticLayout::closed_rows}) {
    compare_all<R>(layout, false, 0.03, true);
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
    const TargetNumbers& targets = driver.store->targets();
    const std::size_t n = targets.size();
    CHECK(n == (what.few ? 3 : n_post - slice_begin));
    std::vector<double> sums(n), expected(n), factors(n), scaled;
    for (std::size_t j = 0; j < n; ++j) {
      factors[j] = 0.5 + 0.02 * static_cast<double>(j);
    }
    const double high = what.rule == "TsodyksMarkram" ? 1e9 : 1;
    driver.for_each([&](std::uint32_t, std::uint32_t j, Step, double w, double) {
      expected[targets.of(j)] += w;
      scaled.push_back(std::min(w * factors[targets.of(j)], high));
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
      if (targets.of(j) == targets.none) {
        continue;
      }
      counts[targets.of(j)] = static_cast<std::uint32_t>(std::count_if(
          trains.post[j].begin(), trains.post[j].end(), [](Step s) { return s <= 300; }));
    }
    CHECK(driver.store->counts() == counts);
  }
}

TEST_CASE("weights can be brought up to date while spikes are in flight") {
  const Trains trains = random_trains(0.03, 0.03);
  for (const PlasticLayout layout : {PlasticLayout::history, PlasticLayout::queued,
                                     PlasticLayout::closed_rows, PlasticLayout::dense_block}) {
    for (const bool tie : {true, false}) {
      for (const double axonal : {0.0, 0.4}) {
        if (layout == PlasticLayout::queued && axonal > 0) {
          continue;  // it is for dendritic delays
        }
        const std::string name(layout_name(layout));
        CAPTURE(name);
        CAPTURE(tie);
        CAPTURE(axonal);
        Case what{layout};
        what.tie = tie;
        what.axonal = axonal;
        Driver<double> driver(what, trains);
        for (Step now = 3; now < 1400; now += now % 2 == 0 ? 1 : 36) {
          driver.run(now);
          driver.store->finish(now);
        }
        driver.run(1400);
        const auto [of_weights, of_input] = errors(driver);
        CHECK(of_weights < 1e-11);
        CHECK(of_input < 1e-11);
      }
    }
  }
}

TEST_CASE("several spikes of a source at one stamp") {
  Trains trains;
  for (std::uint32_t i = 0; i < n_pre; ++i) {
    trains.pre[i] = {10, 10, 10, 60, 60, 200, 200, 200, 200, 1000, 1000};
  }
  for (std::uint32_t j = 0; j < n_post; ++j) {
    trains.post[j] = {5, 10, 10 + j % 9, 55, 193, 207, 990};
    std::sort(trains.post[j].begin(), trains.post[j].end());
    trains.post[j].erase(std::unique(trains.post[j].begin(), trains.post[j].end()),
                         trains.post[j].end());
  }
  for (const PlasticLayout layout : {PlasticLayout::history, PlasticLayout::queued,
                                     PlasticLayout::closed_rows, PlasticLayout::dense_block}) {
    for (Case what : cases_of(layout)) {
      for (const bool tie : {true, false}) {
        what.tie = tie;
        CAPTURE(what.rule);
        const int pairing = static_cast<int>(what.pairing);
        CAPTURE(pairing);
        CAPTURE(tie);
        const std::string name(layout_name(layout));
        CAPTURE(name);
        Driver<double> driver(what, trains);
        for (const Step now : {17, 67, 1100}) {
          driver.run(now);
          const auto [of_weights, of_input] = errors(driver);
          CHECK(of_weights < 1e-11);
          CHECK(of_input < 1e-11);
        }
      }
    }
  }
}

TEST_CASE("the layout follows from delays, rows, pairing and rule") {
  const auto choose = [](const char* rule, Pairing pairing, bool one_delay, bool full,
                         bool one_channel) {
    return choose_layout({find_plasticity(rule), {}, pairing, true, 0}, one_delay, full,
                         one_channel, false, 16);
  };
  using enum PlasticLayout;
  const auto all = Pairing::all_to_all;
  CHECK(choose("STDP.additive", all, true, true, true) == dense_block);
  CHECK(choose("STDP.additive", all, true, false, true) == closed_rows);
  CHECK(choose("STDP.additive", Pairing::nearest_symmetric, true, false, true) == closed_rows);
  CHECK(choose("STDP.additive", Pairing::nearest_pre_centered, true, true, true) == history);
  CHECK(choose("STDP.additive", Pairing::nearest_restricted, true, true, true) == history);
  CHECK(choose("STDP.additive", all, false, true, true) == history);
  CHECK(choose("STDP.additive", all, true, true, false) == history);
  for (const char* rule : {"STDP.multiplicative", "STDP.power", "STDP.power_law"}) {
    CHECK(choose(rule, all, true, true, true) == dense_block);
    CHECK(choose(rule, all, true, false, true) == history);
  }
  for (const char* rule : {"TripletSTDP", "InhibitorySTDP", "DiehlCookSTDP"}) {
    CHECK(choose(rule, all, true, true, true) == dense_block);
    CHECK(choose(rule, all, true, false, true) == closed_rows);
  }
  CHECK(choose("RewardSTDP", all, true, true, true) == history);
  for (const bool any : {false, true}) {
    CHECK(choose("TsodyksMarkram", all, any, any, any) == scaled_rows);
  }
  const auto choose_by = [](const char* rule, double axonal, std::uint16_t longest,
                            bool few_by_delay = true, bool one_delay = false) {
    return choose_layout({find_plasticity(rule), {}, Pairing::all_to_all, true, axonal}, one_delay,
                         false, false, few_by_delay, longest);
  };
  CHECK(choose_by("STDP.additive", 0, 16) == queued);
  CHECK(choose_by("STDP.additive", 0, 16, false) == history);
  CHECK(choose_by("STDP.additive", 0, 16, true, true) == history);
  CHECK(choose_by("STDP.additive", 0.1, 16) == history);  // an axonal part
  CHECK(choose_by("STDP.additive", 0.1, 4) == queued);    // which is none for so short delays
  CHECK(choose_by("RewardSTDP", 0, 16) == history);
  CHECK(choose_by("TsodyksMarkram", 0, 16) == scaled_rows);
}

TEST_CASE("make_plastic_store makes the requested layout, and each has a name") {
  const Trains trains;
  std::set<std::string_view> names;
  for (const PlasticLayout layout :
       {PlasticLayout::history, PlasticLayout::queued, PlasticLayout::closed_rows,
        PlasticLayout::dense_block, PlasticLayout::scaled_rows}) {
    Case what{layout};
    if (layout == PlasticLayout::scaled_rows) {
      what.rule = "TsodyksMarkram";
      what.parameters = {0.5, 80, 0, 0};
    }
    Driver<float> driver(what, trains);
    CHECK(driver.store->layout() == layout);
    names.insert(layout_name(layout));
    CHECK(driver.store->clone()->layout() == layout);
    CHECK(driver.store->targets().size() == n_post - slice_begin);
    CHECK(driver.store->bytes() > 4 * 200);
  }
  CHECK(names.size() == 5);
}

}  // namespace test_network_plastic_store
