// RowTable: the header of each source, found by its number.
#include <doctest/doctest.h>

#include "network/static_rows.hpp"

namespace test_network_static_rows {

namespace {

using namespace spikelet;

struct Row {
  std::uint32_t first, count;
  Row emptied() const { return {first, 0}; }
};

RowTable<Row> table_of(const std::vector<Gid>& sources) {
  RowTable<Row> table;
  for (std::uint32_t k = 0; k < sources.size(); ++k) {
    table.append(sources[k], {10 * k, k + 1});
  }
  table.close({10 * static_cast<std::uint32_t>(sources.size()), 0});
  return table;
}

}  // namespace

TEST_CASE("a source finds its row, and the row knows where the next one begins") {
  const std::vector<Gid> close{5, 6, 9, 11};
  std::vector<Gid> far;
  for (Gid k = 0; k < 40; ++k) {
    far.push_back(3 + 1000 * k);
  }
  for (const auto& sources : {close, far}) {
    const auto table = table_of(sources);
    CHECK(!table.empty());
    table.prefetch(sources);
    for (std::uint32_t k = 0; k < sources.size(); ++k) {
      const Row* row = table.find(sources[k]);
      REQUIRE(row != nullptr);
      CHECK(row->first == 10 * k);
      CHECK(row->count == k + 1);
      CHECK(row[1].first == 10 * (k + 1));
    }
    CHECK(table.find(sources.front() - 1) == nullptr);
    CHECK(table.find(sources.back() + 1) == nullptr);
  }
}

TEST_CASE("a source between others has an empty row, or none where rows are few") {
  const auto close = table_of({5, 6, 9, 11});
  REQUIRE(close.find(8) != nullptr);
  CHECK(close.find(8)->count == 0);
  CHECK(close.find(8)->first == 20);
  std::vector<Gid> sources;
  for (Gid k = 0; k < 40; ++k) {
    sources.push_back(1000 * k);
  }
  const auto far = table_of(sources);
  CHECK(far.find(1500) == nullptr);
  CHECK(far.bytes() < 1000 * 40);
}

TEST_CASE("runs of one delay") {
  const RowEntries<float> row{{1, 2, 0.f}, {2, 2, 0.f}, {3, 2, 0.f}, {4, 5, 0.f}, {5, 9, 0.f}};
  std::vector<std::pair<std::size_t, std::size_t>> runs;
  for_segments(row, 2, [&](std::size_t begin, std::size_t end) { runs.emplace_back(begin, end); });
  CHECK(runs == std::vector<std::pair<std::size_t, std::size_t>>{{0, 2}, {2, 3}, {3, 4}, {4, 5}});
}

}  // namespace test_network_static_rows
