#include <doctest/doctest.h>

#include <numeric>

#include "network/line_rows.hpp"

namespace test_network_line_rows {

namespace {

using namespace spikelet;

constexpr std::uint32_t elements = 70'000;  // wide

template <class R>
RowEntries<R> row_of(int size, std::uint16_t delay, std::uint32_t first_target) {
  RowEntries<R> row;
  for (int k = 0; k < size; ++k) {
    row.push_back({first_target + static_cast<std::uint32_t>(k), delay, R(k + 1)});
  }
  return row;
}

}  // namespace

TEST_CASE_TEMPLATE("a segment takes whole lines and arrives after its delay", R, float, double) {
  constexpr int size = Line<R>::size;
  LineRows<R, Line<R>> rows(elements, {2, 100, 3, 40});
  RowEntries<R> row = row_of<R>(size + 1, 2, 69'000);  // two lines
  const auto later = row_of<R>(1, 4, 7);
  row.insert(row.end(), later.begin(), later.end());
  rows.append(3, row);
  rows.append(5, row_of<R>(40 * size, 2, 100));  // more lines than one entry of a list notes
  rows.close(40);
  CHECK(rows.bytes() >= 43 * sizeof(Line<R>));

  std::vector<R> input(elements + spare);
  const std::vector<Gid> sources{3, 4, 5};
  rows.enqueue(sources, 10, 10);
  for (Step step = 10; step < 16; ++step) {
    std::ranges::fill(input, R(0));
    rows.prepare(step);
    rows.deliver(step, input.data());
    const R sum = std::accumulate(input.begin(), input.begin() + elements, R(0));
    constexpr int large = 40 * size;
    CHECK(sum == (step == 11   ? R((size + 1) * (size + 2) / 2 + large * (large + 1) / 2)
                  : step == 13 ? R(1)
                               : R(0)));
    CHECK(input[69'000 + size] == (step == 11 ? R(size + 1) : R(0)));
  }
}

TEST_CASE_TEMPLATE("a line of one weight ends where the weight changes", R, float, double) {
  LineRows<R, SharedLine<R>> rows(1000, {1, 3, 1, 2});
  rows.append(0, {{5, 1, R(2)}, {6, 1, R(2)}, {5, 1, R(3)}});
  rows.close(33);
  std::vector<R> input(1000 + spare);
  const Gid source = 0;
  rows.enqueue({&source, 1}, 1, 1);
  rows.prepare(1);
  std::vector<std::uint64_t> blocks(1);
  CHECK(rows.mark_reached(blocks));
  CHECK((blocks[0] & 1) == 1);
  rows.deliver(1, input.data());
  CHECK(input[5] == R(5));
  CHECK(input[6] == R(2));
  std::size_t lines = 0;
  const R* last = nullptr;
  rows.visit(0, [&](const SynapseRef<R>& synapse) {
    CHECK(synapse.shared);
    lines += synapse.weight != last ? 1 : 0;
    last = synapse.weight;
  });
  CHECK(lines == 2);
}

}  // namespace test_network_line_rows
