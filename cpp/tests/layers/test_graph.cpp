#include <doctest/doctest.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "spikelet/layers/engine.hpp"
#include "spikelet/layers/graph.hpp"

using namespace spikelet::layers;

TEST_CASE("an extent counts channels and pixels") {
  CHECK(Extent{3, 4, 5}.size() == 60);
  CHECK(Extent{7, 1, 1}.size() == 7);
  CHECK(Extent{0, 4, 5}.size() == 0);
  CHECK(Extent{3, 4, 5} == Extent{3, 4, 5});
  CHECK(Extent{3, 4, 5} != Extent{3, 5, 4});
}

TEST_CASE_TEMPLATE("each kind of node gives what its description says", R, float, double) {
  const Windows whole{{0}, {2}, {2}};
  Conv sum;
  sum.kernel_height = sum.kernel_width = 1;
  sum.weights = {1, 2, 3, 4, 5, 6, 7, 8};
  sum.bias = {-0.5};
  Conv sharpen;
  sharpen.kernel_height = sharpen.kernel_width = 3;
  sharpen.top = sharpen.left = 1;
  sharpen.weights = {0, -1, 0, -1, 4, -1, 0, -1, 0};
  const Graph graph{
      {Input{}, {}, {1, 2, 2}},
      {AveragePool{whole, whole}, {0}, {1, 1, 1}},
      {MaxPool{whole, whole, false}, {0}, {1, 1, 1}},
      {Upsample{2, 2}, {1}, {1, 2, 2}},
      {Add{}, {0, 3}, {1, 2, 2}},
      {Concat{}, {0, 4}, {2, 2, 2}},
      {Affine{{2, -1}, {0, 5}}, {5}, {2, 2, 2}},
      {Relu{{6}, 0}, {6}, {2, 2, 2}},
      {Flatten{}, {7}, {8, 1, 1}},
      {Conv{sharpen}, {0}, {1, 2, 2}},
      {Relu{{4}, 2}, {0}, {1, 2, 2}},
      {Conv{sum}, {8}, {1, 1, 1}},
  };
  const std::vector<std::vector<R>> expected{
      {1, 2, 3, 4},
      {R(2.5)},
      {4},
      {R(2.5), R(2.5), R(2.5), R(2.5)},
      {R(3.5), R(4.5), R(5.5), R(6.5)},
      {1, 2, 3, 4, R(3.5), R(4.5), R(5.5), R(6.5)},
      {2, 4, 6, 8, R(1.5), R(0.5), R(-0.5), R(-1.5)},
      {2, 4, 6, 6, R(1.5), R(0.5), 0, 0},
      {2, 4, 6, 6, R(1.5), R(0.5), 0, 0},
      {-1, 3, 7, 11},
      {2, 2, 4, 4},  // two steps up to 4; halves round up
      {R(2 + 8 + 18 + 24 + 7.5 + 3 - 0.5)},
  };
  std::vector<std::pair<std::size_t, What>> wanted;
  std::vector<std::vector<R>> got;
  std::vector<Record<R>> records;
  for (std::size_t k = 0; k < graph.size(); ++k) {
    wanted.emplace_back(k, What::mean);
    got.emplace_back(graph[k].shape.size());
  }
  for (std::size_t k = 0; k < graph.size(); ++k) {
    records.push_back({k, What::mean, got[k].data()});
  }
  const Engine<R> engine(graph, InputForm::constant, false, false, wanted);
  const std::vector<R> image{1, 2, 3, 4};
  Batch<R> batch{};
  batch.analog = image.data();
  batch.count = 1;
  batch.steps = 3;
  std::vector<NodeCounts> counts(graph.size());
  CHECK(engine.run(batch, records, 1, counts) == 1);
  for (std::size_t k = 0; k < graph.size(); ++k) {
    CAPTURE(k);
    CHECK(got[k] == expected[k]);
  }
}
