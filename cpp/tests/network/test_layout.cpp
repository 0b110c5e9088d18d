#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "spikelet/network/layout.hpp"
#include "support/small_network.hpp"

namespace test_network_layout {

using namespace small_network;

TEST_CASE("more targets than one partition holds: same spikes for one thread and for four") {
  const std::uint32_t n = 150000;
  std::optional<Log> expected;
  for (const int threads : {1, 4}) {
    Simulator<float> sim(dt, 1, threads);
    sim.brief()->network.add_neurons(model(), n, delta(), false);
    sim.brief()->network.add_events(1, {1}, {0});
    std::vector<std::uint32_t> pre, post;
    std::vector<std::uint16_t> delay;
    for (std::uint32_t i = 0; i < n; ++i) {  // a wave that goes through all of them
      pre.push_back(i);
      post.push_back((i + 7919) % n);
      delay.push_back(static_cast<std::uint16_t>(1 + i % 3));
    }
    sim.brief()->network.connect(0, 0, table<float>(n, pre, post, delay), Receptor::by_sign, {});
    sim.brief()->network.connect(1, 0, table<float>(1, {0, 0}, {0, 149999}, {1, 4}),
                                 Receptor::by_sign, {});
    sim.brief()->record_spikes(0, {});
    sim.run(200, {});
    const Log log = *sim.look()->recorders.spikes[0].share();
    CHECK(log.stamps.size() > 150);
    if (expected) {
      CHECK(log.stamps == expected->stamps);
      CHECK(log.elements == expected->elements);
    }
    expected = log;
  }
}

TEST_CASE("many small populations") {
  for (const int threads : {1, 3}) {
    Simulator<float> sim(dt, 1, threads);
    constexpr std::size_t n = 1500;
    for (std::size_t k = 0; k < n; ++k) {
      sim.brief()->network.add_neurons(model(), 1, delta(), false);
      sim.brief()->record_spikes(k, {});
    }
    for (std::size_t k = 0; k + 1 < n; ++k) {
      sim.brief()->network.connect(k, k + 1, table<float>(1, {0}, {0}, {2}), Receptor::by_sign, {});
    }
    const std::size_t source = sim.brief()->network.add_events(1, {1}, {0});
    sim.brief()->network.connect(source, 0, table<float>(1, {0}, {0}, {1}), Receptor::by_sign, {});
    sim.run(100, {});
    for (std::size_t k = 0; k < 49; ++k) {
      CHECK(sim.look()->recorders.spikes[k].share()->stamps ==
            std::vector<Step>{static_cast<Step>(2 + 2 * k)});
    }
    CHECK(sim.look()->recorders.spikes[60].share()->stamps.empty());
  }
}

TEST_CASE("each synapse is stored once, in its target's partition") {
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    Network<double> network(dt, 1, threads, nullptr);
    network.add_neurons(model(), 300, delta(), false);
    network.add_events(40, {}, {});
    std::vector<std::uint32_t> pre, post;
    std::vector<std::uint16_t> delay;
    for (std::uint32_t k = 0; k < 2000; ++k) {
      pre.push_back(k / 50);
      post.push_back(k * 7 % 300);  // ascending by k / 50, then in any order
      delay.push_back(static_cast<std::uint16_t>(1 + k % 5));
    }
    const auto expected = table<double>(40, pre, post, delay);
    for (const bool plastic : {false, true}) {
      network.connect(1, 0, expected, Receptor::by_sign,
                      plastic ? std::optional(additive(2)) : std::nullopt, {}, {});
    }
    network.agree();
    Layout<double> layout(network, false);
    layout.build();
    CHECK(layout.synapse_bytes() > 2 * 2000 * sizeof(double));
    for (const Projection<double>& projection : network.projections) {
      std::uint64_t next = 0;
      layout.for_each_synapse(projection, [&](std::uint64_t index, std::uint32_t source,
                                              const StoredSynapse<double>& stored) {
        REQUIRE(index == next++);
        CHECK(index >= expected.row[source]);
        CHECK(index < expected.row[source + 1]);
        CHECK(stored.post == expected.post[index]);
        CHECK(stored.synapse.delay == expected.delay_of(index));
        CHECK(*stored.synapse.weight == 1.5);
        const Slice<double>& slice = layout.targets(projection, stored.partition);
        CHECK(stored.post >= slice.begin);
        CHECK(stored.post < slice.end);
      });
      CHECK(next == expected.size());
    }
    CHECK(layout.plastic_store(network.projections[1], 0)->layout() == PlasticLayout::queued);
  }
}

TEST_CASE("each synapse of a long row is visited once, with its place in canonical order") {
  const std::uint32_t n = 400, synapses = 5000;
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    Network<double> network(dt, 1, threads, nullptr);
    network.add_neurons(model(), n, delta(), false);
    network.add_events(3, {}, {});
    std::vector<std::uint32_t> pre, post;
    std::vector<std::uint16_t> delay;
    for (std::uint32_t k = 0; k < 3 * synapses; ++k) {  // from all three, of which one has few
      pre.push_back(k < 10 ? 0 : 1 + k % 2);
      post.push_back(k * 2654435761u % n);
      delay.push_back(static_cast<std::uint16_t>(1 + post.back() % 7));  // one for each pair
    }
    const auto expected = table<double>(3, pre, post, delay);
    for (const bool plastic : {false, true}) {
      network.connect(1, 0, expected, Receptor::by_sign,
                      plastic ? std::optional(additive(2)) : std::nullopt, {}, {});
    }
    network.agree();
    Layout<double> layout(network, false);
    layout.build();
    for (const Projection<double>& projection : network.projections) {
      std::vector<int> met(expected.size());
      layout.for_each_synapse(projection, [&](std::uint64_t index, std::uint32_t source,
                                              const StoredSynapse<double>& stored) {
        REQUIRE(index < expected.size());
        ++met[index];
        CHECK(index >= expected.row[source]);
        CHECK(index < expected.row[source + 1]);
        CHECK(stored.post == expected.post[index]);
        CHECK(stored.synapse.delay == expected.delay_of(index));
      });
      CHECK(met == std::vector<int>(expected.size(), 1));
    }
  }
}

TEST_CASE("after a restart at time 0, stores are idle at once") {
  Network<double> network(dt, 1, 1, nullptr);
  network.add_neurons(model(), 3, delta(), false);
  const std::size_t source = network.add_events(1, {}, {});
  network.connect(source, 0, table<double>(1, {0}, {2}, {4}), Receptor::by_sign, {}, {}, {});
  network.agree();
  Layout<double> layout(network, false);
  layout.build();
  network.now = 1000;
  layout.enqueue({{1000}, {network.nodes[source].first_gid}});
  StoreWatch& watch = layout.partitions[0].watch;
  CHECK_FALSE(watch.idle(0, 1003));
  layout.restart(-1);
  CHECK(watch.idle(0, 1));
}

}  // namespace test_network_layout
