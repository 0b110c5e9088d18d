// Convolutional layers with spiking neurons between them.
#include "layered.hpp"

#include <cmath>
#include <memory>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/layers/engine.hpp"

namespace {

using namespace spikelet;
using namespace spikelet::layers;

std::vector<double> normal(std::size_t n, std::uint32_t object, double mean, double spread) {
  const Stream stream(1, Purpose::values, object);
  std::vector<double> out;
  for (std::size_t i = 0; i < n; ++i) {
    const auto words = stream.words(i, 0);
    out.push_back(mean + spread * (uniform(words[0]) + uniform(words[1]) - 1.0) * std::sqrt(6.0));
  }
  return out;
}

// Three 3x3 convolutions with neurons, the second with a shortcut; 16, 32 and 64 channels.
Graph stack() {
  Graph graph;
  graph.push_back({Input{}, {}, {3, 16, 16}});
  std::uint32_t object = 0;
  const auto add = [&](std::size_t from, std::size_t channels, std::size_t stride, bool shortcut) {
    const Extent in = graph[from].shape;
    const Extent out{channels, in.height / stride, in.width / stride};
    const double fan = 9.0 * static_cast<double>(in.channels);
    Conv conv{normal(channels * in.channels * 9, object++, 0.0, 2 / std::sqrt(fan)),
              normal(channels, object++, 0.05, 0.02), 3, 3};
    conv.stride_y = conv.stride_x = stride;
    conv.top = conv.left = 1;
    graph.push_back({conv, {from}, out});
    std::size_t current = graph.size() - 1;
    if (shortcut) {
      graph.push_back({Add{}, {current, from}, out});
      ++current;
    }
    Neuron neuron{{1.0}, {0.5}, {1.0}, false, 0, 1, 1, false, false, 1, {}, {}, {}};
    graph.push_back({neuron, {current}, out});
    return graph.size() - 1;
  };
  std::size_t last = add(0, 16, 1, false);
  last = add(last, 16, 1, true);
  last = add(last, 32, 2, false);
  last = add(last, 32, 1, true);
  last = add(last, 64, 2, false);
  add(last, 64, 1, true);
  return graph;
}

Work layered(bool whole) {
  struct Scene {
    Graph graph = stack();
    std::vector<float> x;
    std::unique_ptr<Engine<float>> engine;
  };
  auto scene = std::make_shared<Scene>();
  for (const double v : normal(scene->graph[0].shape.size(), 99, 0, 1)) {
    scene->x.push_back(static_cast<float>(v));
  }
  const std::vector<std::pair<std::size_t, What>> kept{{scene->graph.size() - 1, What::mean}};
  scene->engine = std::make_unique<Engine<float>>(scene->graph, whole, kept);
  return [scene] {
    std::vector<NodeCounts> counts(scene->graph.size());
    Batch<float> batch;
    batch.inputs = {{scene->x.data()}};
    batch.count = 1;
    batch.steps = 16;
    scene->engine->run(batch, {}, 1, counts);
    std::size_t additions = 0;
    for (const NodeCounts& node : counts) {
      additions += node.additions;
    }
    return additions;
  };
}

}  // namespace

Work layered_single() { return layered(false); }
Work layered_whole() { return layered(true); }
