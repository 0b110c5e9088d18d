#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "spikelet/layers/engine.hpp"
#include "spikelet/layers/graph.hpp"

namespace test_layers_graph {

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
      {Gather{{0, 1, 2, 3, 4, 5, 6, 7}}, {7}, {8, 1, 1}},
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
  const Engine<R> engine(graph, false, wanted);
  const std::vector<R> image{1, 2, 3, 4};
  Batch<R> batch{};
  batch.inputs = {{image.data()}};
  batch.count = 1;
  batch.steps = 3;
  std::vector<NodeCounts> counts(graph.size());
  CHECK(engine.run(batch, records, 1, counts) == 1);
  for (std::size_t k = 0; k < graph.size(); ++k) {
    CAPTURE(k);
    CHECK(got[k] == expected[k]);
  }
}

TEST_CASE("a node that does not fit its inputs is refused") {
  const Graph input{{Input{}, {}, {2, 4, 4}}};
  const auto refused = [&](const Node& node) {
    CHECK_THROWS_AS(check(input, node), std::invalid_argument);
  };
  const std::size_t huge = std::size_t{1} << 62;
  const Conv conv{std::vector<double>(3 * 2 * 9), {}, 3, 3, 1, 1, 1, 1, 1, 1, 1};
  CHECK_NOTHROW(check(input, {conv, {0}, {3, 4, 4}}));
  refused({conv, {0}, {4, 4, 4}});     // weights of 3 channels
  refused({conv, {1}, {3, 4, 4}});     // no such node
  refused({conv, {}, {3, 4, 4}});      // no input
  refused({conv, {0}, {3, huge, 4}});  // sizes whose product overflows
  refused({conv, {0}, {3, 0, 4}});     // nothing
  refused({Input{}, {0}, {2, 4, 4}});  // an input that has one
  refused({Input{InputForm::spikes, {1, 2, 3}}, {}, {2, 4, 4}});
  CHECK_NOTHROW(check(input, {Input{}, {}, {3, 1, 1}}));
  const Graph more{{Input{}, {}, {2, 4, 4}}, {Relu{}, {0}, {2, 4, 4}}};
  CHECK_THROWS_AS(check(more, {Input{}, {}, {2, 4, 4}}), std::invalid_argument);  // behind others
  Conv bad = conv;
  bad.stride_y = 0;
  refused({bad, {0}, {3, 4, 4}});
  bad = conv;
  bad.top = huge;
  refused({bad, {0}, {3, 4, 4}});
  bad = conv;
  bad.groups = 0;
  refused({bad, {0}, {3, 4, 4}});
  bad = conv;
  bad.bias = {1};
  refused({bad, {0}, {3, 4, 4}});
  const Windows halves{{0, 2}, {2, 4}, {2, 2}};
  CHECK_NOTHROW(check(input, {AveragePool{halves, halves}, {0}, {2, 2, 2}}));
  refused({AveragePool{halves, {{0, 2}, {2, 5}, {2, 2}}}, {0}, {2, 2, 2}});  // beyond the input
  refused({AveragePool{halves, {{0, 2}, {2, 4}, {2}}}, {0}, {2, 2, 2}});     // a divisor is missing
  refused({MaxPool{halves, {{0, 2}, {0, 4}, {}}, false}, {0}, {2, 2, 2}});   // an empty window
  refused({Add{}, {0, 0}, {2, 4, 5}});
  refused({Concat{}, {0, 0}, {5, 4, 4}});
  refused({Upsample{2, huge}, {0}, {2, 8, 8}});
  refused({Affine{{1}, {}}, {0}, {2, 4, 4}});
  refused({Relu{{1, 2, 3}, 0}, {0}, {2, 4, 4}});
  const Neuron neuron{{1}, {0}, {1}, false, 0, 1, 1, false, false, 1, {}, {}, {}};
  CHECK_NOTHROW(check(input, {neuron, {0}, {2, 4, 4}}));
  Neuron wrong = neuron;
  wrong.threshold = {};
  refused({wrong, {0}, {2, 4, 4}});
  wrong = neuron;
  wrong.differential = true;  // needs signed spikes
  refused({wrong, {0}, {2, 4, 4}});
  wrong = neuron;
  wrong.pace = {1, 2, 3};
  refused({wrong, {0}, {2, 4, 4}});
  Dynamics dynamics{Dynamics::Reset::subtract, {{{0.5}, {1}, {0}, {}, {}, {}, {0}}}};
  Neuron own = neuron;
  own.dynamics = dynamics;
  CHECK_NOTHROW(check(input, {own, {0}, {2, 4, 4}}));
  own.threshold = {};  // sends its potential
  CHECK_NOTHROW(check(input, {own, {0}, {2, 4, 4}}));
  using enum Dynamics::Parameter;
  for (const auto p : {drive, syn_decay, pull, boost}) {  // missing, or without its companions
    wrong = own;
    wrong.dynamics->values[p] = p == drive ? std::vector<double>{} : std::vector<double>{1};
    refused({wrong, {0}, {2, 4, 4}});
  }
  own.dynamics->values[decay] = std::vector<double>(32, 0.5);
  CHECK_NOTHROW(check(input, {own, {0}, {2, 4, 4}}));
  own.dynamics->values[decay] = {1, 2, 3};
  refused({own, {0}, {2, 4, 4}});
  refused({Delay{{1, 2, 3}}, {0}, {2, 4, 4}});
  refused({Delay{{1u << 31}}, {0}, {2, 4, 4}});
}

TEST_CASE("only a delay of at least one step may come before its input") {
  const auto loop = [](std::vector<std::uint32_t> steps, std::vector<std::size_t> inputs,
                       Extent shape = {2, 1, 1}) {
    return Graph{{Input{}, {}, {2, 1, 1}},
                 {Delay{std::move(steps)}, std::move(inputs), shape},
                 {Add{}, {0, 1}, {2, 1, 1}}};
  };
  CHECK_NOTHROW(check(loop({1}, {2})));
  CHECK(loops_of(loop({1, 3}, {2})) == std::vector<std::pair<std::size_t, std::size_t>>{{1, 3}});
  CHECK(loops_of(loop({1}, {0})).empty());
  for (const Graph& graph : {loop({0}, {2}), loop({1, 0}, {2}), loop({1}, {}), loop({1}, {3}),
                             loop({1}, {2}, {1, 1, 1})}) {
    CHECK_THROWS_AS(check(graph), std::invalid_argument);
  }
  Graph waiting = loop({1}, {3});
  waiting.push_back({Relu{}, {2}, {2, 1, 1}});
  CHECK_NOTHROW(check(waiting));
  CHECK_THROWS_AS(Engine<float>(waiting, false, {}), std::invalid_argument);  // for all steps
}

TEST_CASE("an engine refuses batches and records that its graph does not have") {
  const Neuron neuron{{1}, {0}, {1}, false, 0, 1, 1, false, false, 1, {1, 1}, {1, 1}, {}};
  const Graph graph{{Input{InputForm::spikes}, {}, {1, 1, 1}}, {neuron, {0}, {1, 1, 1}}};
  using Records = std::vector<std::pair<std::size_t, What>>;
  const auto make = [&](const Graph& nodes, const Records& records) {
    return Engine<float>(nodes, false, records);
  };
  CHECK_THROWS_AS(make({}, {}), std::invalid_argument);
  CHECK_THROWS_AS(make(graph, {{2, What::mean}}), std::invalid_argument);
  CHECK_THROWS_AS(make(graph, {{0, What::potential}}), std::invalid_argument);
  const Engine<float> engine = make(graph, {});
  const std::vector<std::int8_t> spikes{1, -1, 1};
  const std::vector<float> analog{1, 1, 1};
  std::vector<NodeCounts> counts(2);
  Batch<float> batch{};
  batch.count = 1;
  batch.steps = 2;
  CHECK_THROWS_AS(engine.run(batch, {}, 1, counts), std::invalid_argument);  // no input
  batch.inputs = {{analog.data()}};
  CHECK_THROWS_AS(engine.run(batch, {}, 1, counts), std::invalid_argument);  // of another form
  batch.inputs = {{nullptr, spikes.data()}, {nullptr, spikes.data()}};
  CHECK_THROWS_AS(engine.run(batch, {}, 1, counts), std::invalid_argument);  // two inputs
  batch.inputs.pop_back();
  CHECK_THROWS_AS(engine.run(batch, {}, 0, counts), std::invalid_argument);  // no thread
  CHECK_THROWS_AS(engine.run(batch, {}, 1, counts), std::invalid_argument);  // a spike of -1
  batch.delay = 2;
  CHECK_THROWS_AS(engine.run(batch, {}, 1, counts), std::invalid_argument);  // no step is left
  batch.delay = 0;
  batch.steps = 3;
  CHECK_THROWS_AS(engine.run(batch, {}, 1, counts), std::invalid_argument);  // pace has 2 steps
  batch.steps = std::size_t{1} << 60;
  CHECK_THROWS_AS(engine.run(batch, {}, 1, counts), std::invalid_argument);
}

}  // namespace test_layers_graph
