#include <doctest/doctest.h>

#include <set>

#include "core/levels.hpp"
#include "layers/kernels.hpp"
#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"
#include "train/kernels.hpp"

namespace test_core_levels {

using namespace spikelet;

TEST_CASE("tables are chosen in the order of the levels") {
  const int tables[]{10, 20, 30};
  CHECK(choose(SimdLevel::baseline, tables[0]) == 10);
  CHECK(choose(SimdLevel::baseline, tables[0], tables[1], tables[2]) == 10);
  CHECK(choose(SimdLevel::v3, tables[0], tables[1], tables[2]) == 20);
  CHECK(choose(SimdLevel::v4, tables[0], tables[1], tables[2]) == 30);
}

TEST_CASE("each level has kernels of its own, with vectors of its own width") {
  std::set<const void*> core, layers, train;
  for (const SimdLevel level : available_simd_levels()) {
    core.insert(&kernels(level));
    layers.insert(&layers::level_table(level));
    train.insert(&train::level_table(level));
    // How many lines are summed in registers follows from the width.
    CHECK(std::get<train::SparseKernels<float>>(train::level_table(level)).most_lines ==
          (level == SimdLevel::baseline ? 2 : 4));
    CHECK(std::get<train::TileKernels>(train::level_table(level)).most_lines ==
          (level == SimdLevel::v4 ? 4 : 1));
  }
  CHECK(core.size() == available_simd_levels().size());
  CHECK(layers.size() == core.size());
  CHECK(train.size() == core.size());
}

TEST_CASE("kernels run at the level in use") {
  CHECK(&kernels() == &kernels(simd_level()));
  CHECK(&layers::level_table() == &layers::level_table(simd_level()));
  CHECK(&train::level_table() == &train::level_table(simd_level()));
}

}  // namespace test_core_levels
