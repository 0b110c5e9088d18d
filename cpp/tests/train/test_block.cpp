#include <doctest/doctest.h>

#include <vector>

#include "train/block.hpp"

namespace test_train_block {

using namespace spikelet::train;

TEST_CASE_TEMPLATE("a block has one value for each neuron, or copies of the shared one", R, float,
                   double) {
  const R leak = 4;
  const std::vector<R> threshold{R(0.5), R(1), R(2)};
  Cell<R> cell;
  cell.leak = {&leak, 1, 1};
  cell.threshold = {threshold.data(), 3, 2};  // 0 0 1 1 2 2 0 0 ...
  for (const bool inverted : {false, true}) {
    cell.leak_inverted = inverted;
    BlockLanes<R> block(cell, 10);
    for (const std::size_t first : {0u, 3u}) {
      const Lanes<R>& lanes = block.at(first, 10);
      CHECK(lanes.leak.step == 0);
      for (std::size_t k = 0; k < padding; ++k) {
        CHECK(lanes.leak.values[k] == (inverted ? R(0.25) : R(4)));
      }
      CHECK(lanes.threshold.step == 1);
      for (std::size_t m = 0; m < 10; ++m) {
        CHECK(lanes.threshold.values[m] == threshold[(first + m) / 2 % 3]);
      }
      CHECK(lanes.syn_decay.values == nullptr);  // the cell has no synapse
      CHECK(lanes.boost.values == nullptr);
    }
  }
}

TEST_CASE("states that are not given are read as 0") {
  Cell<float> cell;
  cell.synapse = true;
  BlockState<float> block(cell, 4);
  const std::vector<float> v{1, 2, 3, 4, 5};
  for (int round = 0; round < 2; ++round) {
    block.read({v.data(), nullptr, nullptr}, 2, 3);
    const State<float> state = block.state();
    CHECK(std::vector<float>(state.v, state.v + 3) == std::vector<float>{3, 4, 5});
    CHECK(std::vector<float>(state.i, state.i + 3) == std::vector<float>{0, 0, 0});
    state.v[0] = 9;
    state.i[1] = 7;
  }
  std::vector<float> to(5), i(5);
  block.write({to.data(), i.data(), nullptr}, 2, 3);
  CHECK(to == std::vector<float>{0, 0, 9, 4, 5});
  CHECK(i == std::vector<float>{0, 0, 0, 7, 0});
  block.write({nullptr, nullptr, nullptr}, 0, 4);
}

TEST_CASE("the backward pass needs states where the charged potential does not give them") {
  const auto rich = [](When when, Reset reset, bool adaptive = false) {
    Cell<double> cell;
    cell.when = when;
    cell.reset = reset;
    cell.adaptive = adaptive;
    return is_rich(cell);
  };
  for (const Reset reset : {Reset::subtract, Reset::value, Reset::none}) {
    CHECK(!rich(When::same, reset));
    CHECK(rich(When::same, reset, true));
  }
  CHECK(!rich(When::next, Reset::subtract));
  CHECK(rich(When::next, Reset::value));
  CHECK(!rich(When::next, Reset::none));
  CHECK(rich(When::both, Reset::subtract));
}

TEST_CASE_TEMPLATE("a time constant is inverted only where that is exact", R, float, double) {
  for (const R tau : {R(0.5), R(1), R(2), R(3), R(20), R(64)}) {
    CAPTURE(tau);
    Cell<R> cell;
    cell.leak = {&tau, 1, 1};
    cell.charge = Charge::relax;
    CHECK(prepared(cell).leak_inverted == (tau != R(3) && tau != R(20)));
    cell.charge = Charge::decay;  // there the leak is no time constant
    CHECK(!prepared(cell).leak_inverted);
  }
  const std::vector<R> each{2, 4};
  Cell<R> cell;
  cell.charge = Charge::relax;
  cell.leak = {each.data(), 2, 1};
  CHECK(!prepared(cell).leak_inverted);
}

}  // namespace test_train_block
