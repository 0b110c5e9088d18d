#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "spikelet/network/table_facts.hpp"

namespace test_network_table_facts {

using namespace spikelet;

TEST_CASE(
    "a restricted table keeps only owned targets; its facts include whether its rows are full") {
  const std::vector<std::uint32_t> pre{0, 0, 0, 2, 2, 2}, post{0, 64, 100, 0, 64, 100};
  const std::vector<double> weight{1, 2, 3, 4, 5, 6};
  const std::vector<std::uint16_t> delay{7};
  auto table = SynapseTable<double>::from_lists(3, pre, post, weight, delay);
  table.restrict_to({64, 128});
  CHECK(table.row == std::vector<std::uint64_t>{0, 2, 2, 4});
  CHECK(std::vector<std::uint32_t>(table.post.begin(), table.post.end()) ==
        std::vector<std::uint32_t>{64, 100, 64, 100});
  CHECK(std::vector<double>(table.weight.begin(), table.weight.end()) ==
        std::vector<double>{2, 3, 5, 6});
  CHECK(table.delay.size() == 1);

  const auto facts = [](std::vector<std::uint32_t> from, std::vector<std::uint32_t> to, Range own,
                        std::size_t n) {
    const std::vector<double> one{1};
    const std::vector<std::uint16_t> d{1};
    return TableFacts(SynapseTable<double>::from_lists(4, from, to, one, d), own, n);
  };
  CHECK(facts({0, 0, 1, 1}, {0, 1, 0, 1}, {0, 64}, 2).full_rows());
  CHECK(facts({1, 1, 2, 2}, {0, 1, 0, 1}, {0, 64}, 2).full_rows());
  CHECK(!facts({0, 0, 2, 2}, {0, 1, 0, 1}, {0, 64}, 2).full_rows());  // a gap
  CHECK(!facts({0, 0, 1}, {0, 1, 0}, {0, 64}, 2).full_rows());
  CHECK(!facts({}, {}, {0, 64}, 2).full_rows());
  CHECK(facts({0, 0}, {64, 65}, {64, 128}, 66).full_rows());
}

TEST_CASE("facts include the longest delay, and whether a source has few synapses of each") {
  const auto facts = [](std::size_t sources, std::size_t synapses, std::uint16_t delays) {
    std::vector<std::uint32_t> pre, post;
    std::vector<std::uint16_t> delay;
    for (std::uint32_t i = 0; i < sources; ++i) {
      for (std::uint32_t k = 0; k < synapses; ++k) {
        pre.push_back(2 * i);  // others have none
        post.push_back(k);
        delay.push_back(static_cast<std::uint16_t>(1 + k % delays));
      }
    }
    return TableFacts(
        SynapseTable<double>::from_lists(2 * sources, pre, post, std::vector<double>{1}, delay),
        {0, 1024}, 1000);
  };
  CHECK(facts(3, 10, 5).few_by_delay());
  CHECK(facts(3, 10, 5).longest_delay() == 5);
  CHECK(facts(3, 255, 2).few_by_delay());
  CHECK(!facts(3, 256, 2).few_by_delay());
  CHECK(facts(3, 256, 3).few_by_delay());
  CHECK(!facts(1, 128, 1).few_by_delay());
  CHECK(!facts(0, 0, 1).few_by_delay());  // a process without synapses leaves it to the others
  CHECK(facts(0, 0, 1).longest_delay() == 1);
}

}  // namespace test_network_table_facts
