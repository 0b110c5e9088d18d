#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "spikelet/network/connection_rules.hpp"

namespace test_network_connection_rules {

namespace {

using namespace spikelet;
using Kind = ConnectionRule::Kind;
using Pair = std::pair<std::uint32_t, std::uint32_t>;

constexpr std::uint64_t seed = 12;

Selection all(std::size_t n) { return {n, {}, true}; }
Selection some(std::size_t n, std::vector<std::uint32_t> elements) {
  return {n, std::move(elements), false};
}

// The pairs in canonical order.
std::vector<Pair> draw(const ConnectionRule& rule, const Selection& pre, const Selection& post,
                       bool same = false, std::uint32_t projection = 0) {
  ValueSpec one;
  one.values.assign(1, 1.0);
  const auto table = Drawing<float>(rule, pre, post, same, one, one, 0.1, seed, projection).table();
  CHECK(table.row.size() == pre.population_size + 1);
  CHECK(table.row.back() == table.size());
  std::vector<Pair> pairs;
  for (std::uint32_t i = 0; i < pre.population_size; ++i) {
    for (std::size_t k = table.row[i]; k < table.row[i + 1]; ++k) {
      pairs.emplace_back(i, table.post[k]);
    }
  }
  CHECK(std::is_sorted(pairs.begin(), pairs.end()));
  return pairs;
}

int selfs(const std::vector<Pair>& pairs) {
  return static_cast<int>(
      std::count_if(pairs.begin(), pairs.end(), [](const Pair& p) { return p.first == p.second; }));
}
bool repeats(const std::vector<Pair>& pairs) {
  return std::set(pairs.begin(), pairs.end()).size() != pairs.size();
}
// How often each element occurs on one side.
std::map<std::uint32_t, int> degrees(const std::vector<Pair>& pairs, bool of_pre) {
  std::map<std::uint32_t, int> counts;
  for (const Pair& pair : pairs) {
    ++counts[of_pre ? pair.first : pair.second];
  }
  return counts;
}

constexpr Kind kinds[] = {Kind::all_to_all,     Kind::one_to_one,      Kind::fixed_probability,
                          Kind::fixed_indegree, Kind::fixed_outdegree, Kind::fixed_total_number};

ConnectionRule rule_of(Kind kind, bool self = true, bool multapses = true) {
  return {kind, 0.3, kind == Kind::fixed_total_number ? 500u : 20u, self, multapses};
}

}  // namespace

TEST_CASE("each rule makes the promised number of synapses") {
  CHECK(draw(rule_of(Kind::all_to_all), all(30), all(40)).size() == 1200);
  CHECK(draw(rule_of(Kind::all_to_all, false), all(30), all(30), true).size() == 870);
  CHECK(draw(rule_of(Kind::one_to_one), all(30), all(30)).size() == 30);
  CHECK(draw(rule_of(Kind::fixed_total_number), all(30), all(40)).size() == 500);
  const auto in = degrees(draw(rule_of(Kind::fixed_indegree), all(30), all(40)), false);
  const auto out = degrees(draw(rule_of(Kind::fixed_outdegree), all(30), all(40)), true);
  CHECK(in.size() == 40);
  CHECK(out.size() == 30);
  for (const auto& [element, degree] : in) {
    CHECK(degree == 20);
  }
  for (const auto& [element, degree] : out) {
    CHECK(degree == 20);
  }
}

TEST_CASE("fixed_probability makes a binomial number, spread evenly, and no multapses") {
  const ConnectionRule rule{Kind::fixed_probability, 0.1, 0, true, true};
  const auto pairs = draw(rule, all(500), all(400));
  const double expected = 500 * 400 * 0.1;
  CHECK(std::abs(static_cast<double>(pairs.size()) - expected) < 4 * std::sqrt(expected * 0.9));
  CHECK(!repeats(pairs));
  double chi = 0;
  for (const auto& [source, degree] : degrees(pairs, true)) {
    chi += (degree - 40.0) * (degree - 40.0) / (40 * 0.9);
  }
  CHECK(std::abs(chi - 500) < 4 * std::sqrt(2 * 500.0));
  CHECK(draw({Kind::fixed_probability, 0, 0, true, true}, all(50), all(40)).empty());
  CHECK(draw({Kind::fixed_probability, 1, 0, true, true}, all(50), all(40)).size() == 2000);
  CHECK(draw({Kind::fixed_probability, 1, 0, false, true}, all(40), all(40), true).size() == 1560);
}

TEST_CASE("self_connections and multapses can be excluded") {
  for (const Kind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    CHECK(selfs(draw(rule_of(kind, false), all(30), all(30), true)) == 0);
    CHECK(selfs(draw(rule_of(kind, true), all(30), all(30), true)) > 0);
    CHECK(!repeats(draw(rule_of(kind, true, false), all(30), all(30), true)));
    CHECK(!repeats(draw(rule_of(kind, false, false), all(30), all(30), true)));
    // Elements of different populations are never the same.
    CHECK(selfs(draw(rule_of(kind, false), all(30), all(30), false)) > 0);
  }
  CHECK(repeats(draw(rule_of(Kind::fixed_indegree), all(30), all(40))));
  CHECK(repeats(draw(rule_of(Kind::fixed_outdegree), all(30), all(40))));
  CHECK(repeats(draw(rule_of(Kind::fixed_total_number), all(30), all(40))));
}

TEST_CASE("self-connections are found among elements in any order") {
  std::vector<std::uint32_t> up(30), shuffled(30);
  for (std::uint32_t k = 0; k < 30; ++k) {
    up[k] = 2 * k;
    shuffled[k] = 2 * (k * 7 % 30);
  }
  for (const Kind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    for (const auto& pre : {up, shuffled}) {
      for (const auto& post : {up, shuffled}) {
        CHECK(selfs(draw(rule_of(kind, false), some(60, pre), some(60, post), true)) == 0);
      }
    }
  }
}

TEST_CASE("numbers up to the very last candidate") {
  const auto full = [](Kind kind, std::uint64_t number) {
    return draw({kind, 1, number, false, false}, all(12), all(12), true);
  };
  CHECK(full(Kind::fixed_indegree, 11).size() == 132);
  CHECK(full(Kind::fixed_outdegree, 11).size() == 132);
  for (const std::uint64_t number : {0u, 1u, 66u, 67u, 131u, 132u}) {
    const auto pairs = full(Kind::fixed_total_number, number);
    CHECK(pairs.size() == number);
    CHECK(!repeats(pairs));
    CHECK(selfs(pairs) == 0);
  }
  CHECK_THROWS_AS(full(Kind::fixed_indegree, 12), std::invalid_argument);
  CHECK_THROWS_AS(full(Kind::fixed_outdegree, 12), std::invalid_argument);
  CHECK_THROWS_AS(full(Kind::fixed_total_number, 133), std::invalid_argument);
  CHECK_THROWS_AS(draw(rule_of(Kind::fixed_indegree), all(0), all(3)), std::invalid_argument);
}

TEST_CASE("selections: only the listed elements take part") {
  const Selection pre = some(100, {3, 50, 7, 99}), post = some(100, {50, 3, 20});
  for (const Kind kind : kinds) {
    CAPTURE(static_cast<int>(kind));
    const bool one = kind == Kind::one_to_one;
    const Selection& to = one ? pre : post;
    const ConnectionRule rule{kind, 0.7, 2, false, true};
    for (const Pair& pair : draw(rule, pre, to, true)) {
      CHECK(std::count(pre.elements.begin(), pre.elements.end(), pair.first) == 1);
      CHECK(std::count(to.elements.begin(), to.elements.end(), pair.second) == 1);
      CHECK(pair.first != pair.second);
    }
  }
}

TEST_CASE("draws depend on seed, projection and row, and on nothing else") {
  for (const Kind kind : {Kind::fixed_probability, Kind::fixed_outdegree, Kind::fixed_indegree}) {
    const bool by_target = kind == Kind::fixed_indegree;
    const auto whole = draw(rule_of(kind), all(50), all(60));
    std::vector<Pair> part;
    for (const Pair& pair : whole) {
      const std::uint32_t row = by_target ? pair.second : pair.first;
      if (row == 41 || row == 7) {
        part.push_back(pair);
      }
    }
    const auto rows = some(by_target ? 60 : 50, {7, 41});
    CHECK(draw(rule_of(kind), by_target ? all(50) : rows, by_target ? rows : all(60)) == part);
    CHECK(draw(rule_of(kind), all(50), all(60), false, 1) != whole);
  }
}

TEST_CASE("rows drawn by slices of targets are the table, whatever the slices and threads") {
  ValueSpec weight{ValueSpec::Kind::normal, {0.0}, 1.0, 0.5, ValueSpec::Limit::redraw, 0.1, 2.0};
  ValueSpec delay{ValueSpec::Kind::normal, {0.0}, 1.5, 0.7, ValueSpec::Limit::redraw, 0.1, 9.0};
  const std::size_t n = 300, m = 9000;  // targets of three blocks
  for (const Kind kind : kinds) {
    if (kind == Kind::fixed_indegree || kind == Kind::one_to_one) {
      continue;
    }
    CAPTURE(static_cast<int>(kind));
    const ConnectionRule rule{kind, 0.05, kind == Kind::fixed_total_number ? 200000u : 300u, true,
                              true};
    const Drawing<float> drawing(rule, all(n), all(m), false, weight, delay, 0.1, seed, 3, 2);
    REQUIRE(drawing.deferrable(-10, 10));
    const auto table = drawing.table(3);
    CHECK(table.size() == drawing.size());
    CHECK(drawing.table(1).post == table.post);
    CHECK(drawing.table(1).weight == table.weight);
    int wrong = 0;
    std::vector<DrawnSynapse<float>> row;
    for (std::uint32_t i = 0; i < n; ++i) {
      row.clear();
      for (const auto& [begin, end] : {std::pair(0u, 64u), {64u, 4160u}, {4160u, 9000u}}) {
        drawing.row(i, begin, end, row);
      }
      std::stable_sort(row.begin(), row.end(), [](const auto& a, const auto& b) {
        return std::pair(a.post, a.delay) < std::pair(b.post, b.delay);
      });
      REQUIRE(row.size() == table.row[i + 1] - table.row[i]);
      for (std::size_t k = 0; k < row.size(); ++k) {
        const std::size_t at = table.row[i] + k;
        wrong += row[k].post != table.post[at] || row[k].delay != table.delay_of(at) ||
                         row[k].weight != table.weight_of(at)
                     ? 1
                     : 0;
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE(
    "a total number is drawn uniformly over blocks of targets, without self connections too") {
  for (const bool self : {true, false}) {
    const std::size_t n = 5000;  // two blocks, the second one smaller
    const ConnectionRule rule{Kind::fixed_total_number, 1, 400000, self, true};
    std::vector<double> by_block(2, 0.0), by_source(2, 0.0);
    for (const Pair& pair : draw(rule, all(n), all(n), true)) {
      by_block[pair.second / 4096] += 1;
      by_source[pair.first / 2500] += 1;
    }
    CHECK(std::abs(by_block[0] - 400000 * 0.8192) < 5 * std::sqrt(400000 * 0.8192 * 0.1808));
    CHECK(std::abs(by_source[0] - 200000) < 5 * std::sqrt(100000.0));
    CHECK(by_block[0] + by_block[1] == 400000);
  }
}

TEST_CASE("drawings that may fail are not deferred") {
  const auto deferrable = [](const ConnectionRule& rule, const ValueSpec& weight,
                             const ValueSpec& delay) {
    return Drawing<float>(rule, all(30), all(30), false, weight, delay, 0.1, seed, 0)
        .deferrable(-1e30, 1e30);
  };
  using Limit = ValueSpec::Limit;
  const auto normal = [](double a, double b, Limit limit = Limit::none, double low = 0,
                         double high = 0) {
    return ValueSpec{ValueSpec::Kind::normal, {0.0}, a, b, limit, low, high};
  };
  const ConnectionRule rule = rule_of(Kind::fixed_total_number);
  CHECK(deferrable(rule, normal(1, 1), normal(5, 0.1)));
  CHECK(deferrable(rule, normal(1, 1), normal(0.5, 1, Limit::redraw, 0.1, 5)));
  CHECK(!deferrable(rule, normal(1, 1), normal(1.5, 0.7)));  // some delays are below dt
  CHECK(!deferrable(rule, normal(0, 1e30), normal(5, 0.1)));
  CHECK(!deferrable(rule, normal(0, 1, Limit::redraw, 2, 3), normal(5, 0.1)));
  CHECK(!deferrable(rule_of(Kind::fixed_indegree), normal(1, 1), normal(5, 0.1)));
  CHECK(!deferrable(rule_of(Kind::fixed_total_number, true, false), normal(1, 1), normal(5, 0.1)));
}

TEST_CASE("empty populations") {
  for (const Kind kind : kinds) {
    const ConnectionRule none{kind, 0.5, 0, true, true};
    CHECK(draw(none, all(0), all(0)).empty());
    CHECK((kind == Kind::one_to_one || draw(none, all(3), all(0)).empty()));
  }
}

}  // namespace test_network_connection_rules
