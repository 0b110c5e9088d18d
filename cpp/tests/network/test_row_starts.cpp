#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "spikelet/network/row_starts.hpp"
#include "spikelet/network/synapses.hpp"

namespace test_network_row_starts {

namespace {

using namespace spikelet;
using Starts = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("starts of rows are those of a vector, and only rows with synapses are kept") {
  for (const Starts& all :
       {Starts{0}, Starts{0, 0, 0}, Starts{0, 2, 5}, Starts{0, 0, 0, 3, 3, 4, 4, 4},
        Starts{0, 0, 1}, Starts{0, 1, 1}, Starts{0, 7}}) {
    const RowStarts row(all);
    RowStarts added(all.size() - 1);
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      for (std::uint64_t k = all[i]; k < all[i + 1]; ++k) {
        added.add(i);
      }
    }
    CHECK(added == row);
    CHECK(row.size() == all.size());
    CHECK(row.whole() == all);
    CHECK(row.back() == all.back());
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      const bool empty = all[i] == all[i + 1];
      CHECK((empty || (i >= row.first_row() && i < row.end_row())));
    }
    if (all.back() > 0) {
      CHECK(row[row.first_row()] < row[row.first_row() + 1]);
      CHECK(row[row.end_row() - 1] < row[row.end_row()]);
    } else {
      CHECK(row.first_row() == row.end_row());
    }
  }
  CHECK(RowStarts().empty());
}

TEST_CASE("a table of one of many sources has one row") {
  const std::vector<std::uint32_t> pre(3, 40'000), post{5, 1, 1};
  const std::vector<double> weight{1};
  const std::vector<std::uint16_t> delay{2};
  auto table = SynapseTable<double>::from_lists(100'000, pre, post, weight, delay);
  CHECK(table.row.size() == 100'001);
  CHECK(table.row.first_row() == 40'000);
  CHECK(table.row.end_row() == 40'001);
  CHECK(std::ranges::equal(table.post, std::vector<std::uint32_t>{1, 1, 5}));
  table.restrict_to({0, 2});
  CHECK(table.row.first_row() == 40'000);
  CHECK(table.row[40'001] == 2);
  table.restrict_to({2, 9});
  CHECK(table.row.back() == 0);
  CHECK(table.row.first_row() == table.row.end_row());
}

}  // namespace test_network_row_starts
