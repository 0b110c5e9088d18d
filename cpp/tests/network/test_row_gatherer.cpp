#include <doctest/doctest.h>

#include <tuple>
#include <vector>

#include "network/row_gatherer.hpp"

namespace test_network_row_gatherer {

namespace {

using namespace spikelet;

Feed<double> feed_of(const SynapseTable<double>& table, Gid first, std::uint32_t local) {
  Feed<double> feed;
  feed.table = &table;
  feed.pre_gid = first;
  feed.sources = static_cast<std::uint32_t>(table.row.size() - 1);
  feed.post_begin = 10;
  feed.post_end = 20;
  feed.local = local;
  return feed;
}

}  // namespace

TEST_CASE("a row has the entries of all projections by channel, then by delay") {
  const std::vector<std::uint32_t> pre{0, 0, 0, 0, 1};
  const std::vector<std::uint32_t> post{12, 10, 19, 20, 11};
  const std::vector<double> weight{1, -2, 3, 4, 5}, shared{7};
  const std::vector<std::uint16_t> delay{9, 2, 4, 3, 6}, one{5};
  const auto a = SynapseTable<double>::from_lists(2, pre, post, weight, delay);
  const auto b = SynapseTable<double>::from_lists(2, pre, post, shared, one);
  const std::vector<Feed<double>> feeds{feed_of(a, 100, 0), feed_of(b, 99, 40)};
  RowGatherer<double> gatherer(feeds);
  CHECK(gatherer.channels() == std::vector<int>{excitatory_channel, inhibitory_channel});
  CHECK(gatherer.delays() == std::pair<Step, Step>{2, 9});
  CHECK(!gatherer.one_weight());

  // Source 100 is the second of `b` and the first of `a`; the target 20 is outside the slice.
  const auto targets = [](const RowEntries<double>& row) {
    std::vector<std::uint32_t> all;
    for (const auto& entry : row) {
      all.push_back(entry.target);
    }
    return all;
  };
  const auto& rows = gatherer.gather(100);
  CHECK(targets(rows[0]) == std::vector<std::uint32_t>{41, 2, 9});
  CHECK(targets(rows[1]) == std::vector<std::uint32_t>{0});
  CHECK(targets(gatherer.by_delay(0)) == std::vector<std::uint32_t>{9, 41, 2});
  CHECK(gatherer.gather(101)[0].size() == 1);
  CHECK(gatherer.gather(102)[0].empty());
  CHECK(RowGatherer<double>(std::span(feeds).last(1)).one_weight());
}

TEST_CASE("a row without synapses has one delay") {
  const auto none = SynapseTable<double>::from_lists(2, {}, {}, {}, {});
  const std::vector<Feed<double>> feeds{feed_of(none, 0, 0)};
  CHECK(RowGatherer<double>(feeds).delays() == std::pair<Step, Step>{1, 1});
}

TEST_CASE("rows are in order of delay, whatever the delays of those before") {
  const std::vector<std::uint32_t> pre{0, 0, 1, 1, 1, 2, 2};
  const std::vector<std::uint32_t> post{10, 11, 12, 13, 14, 15, 16};
  const std::vector<double> weight{1};
  const std::vector<std::uint16_t> delay{2, 1, max_delay, 7, 2, 300, 3};
  const auto table = SynapseTable<double>::from_lists(3, pre, post, weight, delay);
  const std::vector<Feed<double>> feeds{feed_of(table, 0, 0)};
  RowGatherer<double> gatherer(feeds);
  const auto delays = [&](Gid source) {
    std::vector<std::uint32_t> all;
    gatherer.gather(source);
    for (const auto& entry : gatherer.by_delay(0)) {
      all.push_back(entry.delay);
    }
    return all;
  };
  CHECK(delays(0) == std::vector<std::uint32_t>{1, 2});
  CHECK(delays(1) == std::vector<std::uint32_t>{2, 7, max_delay});
  CHECK(delays(2) == std::vector<std::uint32_t>{3, 300});
}

TEST_CASE("all rows are the same after a sample, which keeps them if they are drawn and few") {
  for (const std::uint32_t degree : {1u, 7u, 300u}) {  // 300: too many to keep
    constexpr std::uint32_t sources = 300, targets = 40;
    const ConnectionRule rule{ConnectionRule::Kind::fixed_outdegree, 1, degree, true, true};
    const ValueSpec weight{ValueSpec::Kind::normal, {0.0}, 1.0, 2.0};
    const ValueSpec delay{ValueSpec::Kind::uniform, {0.0}, 0.2, 1.5};
    const Drawing<double> drawing(rule, {sources, {}, true}, {targets, {}, true}, false, weight,
                                  delay, 0.1, 3, 0);
    const std::vector<std::uint32_t> pre{0, 0, 1}, post{12, 10, 19};
    const std::vector<double> weights{1, -2, 3};
    const std::vector<std::uint16_t> delays{9, 2, 4};
    const auto table = SynapseTable<double>::from_lists(2, pre, post, weights, delays);
    Feed<double> drawn = feed_of(table, 5, 0);
    drawn.table = nullptr;
    drawn.drawing = &drawing;
    drawn.sources = sources;
    drawn.post_begin = 0;
    drawn.post_end = targets;
    const std::vector<Feed<double>> feeds{drawn, feed_of(table, 6, 64)};
    using Entry = std::tuple<Gid, std::size_t, std::uint32_t, std::uint16_t, double>;
    const auto all_of = [](RowGatherer<double>& gatherer, bool sorted) {
      std::vector<Entry> all;
      gatherer.for_all([&](Gid source, const std::vector<RowEntries<double>>& rows) {
        for (std::size_t place = 0; place < rows.size(); ++place) {
          for (const auto& e : sorted ? gatherer.by_delay(place) : rows[place]) {
            all.emplace_back(source, place, e.target, e.delay, e.weight);
          }
        }
      });
      return all;
    };
    for (const bool sorted : {false, true}) {
      RowGatherer<double> fresh(feeds), sampled(feeds);
      std::size_t seen = 0;
      CHECK(sampled.for_some([&](Gid, const auto& rows) {
        for (std::size_t place = 0; place < rows.size(); ++place) {
          seen += sampled.by_delay(place).size();
        }
      }) == 1);
      const std::vector<Entry> expected = all_of(fresh, sorted);
      CHECK(expected.size() == sources * degree + pre.size());
      CHECK(seen == expected.size());
      CHECK(all_of(sampled, sorted) == expected);
      CHECK(all_of(sampled, sorted) == expected);  // and again
    }
  }
}

}  // namespace test_network_row_gatherer
