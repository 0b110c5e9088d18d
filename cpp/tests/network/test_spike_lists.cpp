#include <doctest/doctest.h>

#include <vector>

#include "network/spike_lists.hpp"

namespace test_network_spike_lists {

using namespace spikelet;

namespace {

constexpr std::int32_t never = TargetSpikes<double>::never;
constexpr std::uint32_t kept = TargetSpikes<double>::kept;

PostSpike<double> spike(std::uint32_t target, Step stamp) {
  const auto x = static_cast<double>(stamp);
  return {stamp, target, {x, 2 * x, 3 * x}};
}

// All spikes as stored, and the latest few as kernels see them, are these.
void check(const SpikeLists<double>& lists, const std::vector<std::vector<Step>>& expected) {
  std::vector<std::vector<Step>> found(expected.size());
  lists.for_each([&](const PostSpike<double>& post) {
    found[post.target].push_back(post.stamp);
    CHECK(post.value == spike(post.target, post.stamp).value);
  });
  CHECK(found == expected);
  const TargetSpikes<double> view = lists.view();
  for (std::uint32_t j = 0; j < expected.size(); ++j) {
    const std::vector<Step>& mine = expected[j];
    for (std::uint32_t k = 1; k <= kept; ++k) {
      const std::int32_t stamp = view.latest[(j + 1) * kept - k];
      CHECK(view.stamp[view.end[j] - k] == stamp);
      CHECK(stamp == (k > mine.size() ? never : lists.relative(mine[mine.size() - k])));
      if (k <= mine.size()) {
        const auto factor = 10 * static_cast<double>(mine[mine.size() - k]);
        CHECK(view.latest_factor[(j + 1) * kept - k] == factor);
        CHECK(view.factor[view.end[j] - k] == factor);
      }
    }
    const std::size_t n = mine.size();
    CHECK(view.newest[j].stamp == (n < 1 ? never : lists.relative(mine[n - 1])));
    CHECK(view.newest[j].trace == (n < 1 ? 0.0 : static_cast<double>(mine[n - 1])));
    CHECK(view.newest[j].stamp_before == (n < 2 ? never : lists.relative(mine[n - 2])));
    CHECK(view.newest[j].trace_before == (n < 2 ? 0.0 : static_cast<double>(mine[n - 2])));
    CHECK(view.column.stamp[j] == view.newest[j].stamp);
    CHECK(view.column.stamp_before[j] == view.newest[j].stamp_before);
    CHECK(view.column.trace[j] == view.newest[j].trace);
    CHECK(view.column.trace_before[j] == view.newest[j].trace_before);
  }
}

}  // namespace

TEST_CASE("lists of spikes grow, are found, forgotten and moved to another base") {
  SpikeLists<double> lists(3, true);
  std::vector<std::vector<Step>> expected(3);
  check(lists, expected);
  for (Step stamp = 1; stamp < 100; ++stamp) {
    for (const std::uint32_t j : {0u, 2u}) {
      if (j == 0 || stamp % 17 == 0) {
        lists.add(j, spike(j, stamp), 10 * static_cast<double>(stamp));
        expected[j].push_back(stamp);
      }
    }
  }
  check(lists, expected);
  CHECK(lists.size() == 99 + 5);
  SpikeLists<double>::Found found;
  CHECK_FALSE(lists.find(1, 50, found));
  CHECK_FALSE(lists.find(2, 16, found));
  REQUIRE(lists.find(2, 50, found));
  CHECK(found.stamp == 34);
  CHECK(found.trace == 34);
  CHECK(found.trace_2 == 68);

  lists.compact([](Step stamp) { return stamp <= 90; }, 99);
  for (std::vector<Step>& mine : expected) {
    while (mine.size() > 1 && mine[1] <= 90) {
      mine.erase(mine.begin());
    }
  }
  CHECK(expected[0].front() == 90);
  CHECK(expected[2] == std::vector<Step>{85});
  check(lists, expected);

  const Step late = Step{1} << 40;
  CHECK(lists.reaches(1000));
  CHECK_FALSE(lists.reaches(late));
  lists.compact([](Step) { return false; }, late);
  CHECK(lists.reaches(late));
  lists.add(1, spike(1, late), 10 * static_cast<double>(late));
  CHECK(lists.relative(late) == 0);
  CHECK(lists.relative(90) == never);
  CHECK(lists.view().newest[1].stamp == 0);
  lists.clear();
  CHECK(lists.size() == 0);
  check(lists, {{}, {}, {}});
}

}  // namespace test_network_spike_lists
