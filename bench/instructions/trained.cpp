// Forward and backward passes of neurons over time, as in training.
#include "trained.hpp"

#include <memory>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/train/neuron.hpp"

namespace {

using namespace spikelet;
using namespace spikelet::train;

constexpr std::size_t steps = 50, size = 4096;

struct Scene {
  std::vector<float> x, by_spikes, spikes, charged, by_x;
  float leak = 0.9f, threshold = 1.0f, syn_decay = 0.8f, adapt_decay = 0.95f, boost = 0.1f;
  float by_leak = 0, by_threshold = 0;
  Cell<float> cell;

  Scene() {
    const Stream stream(1, Purpose::values, 0);
    for (std::size_t i = 0; i < steps * size; ++i) {
      const auto words = stream.words(i, 0);
      x.push_back(static_cast<float>(uniform(words[0])));
      by_spikes.push_back(static_cast<float>(uniform(words[1]) - 0.5));
    }
    spikes.resize(x.size());
    charged.resize(x.size());
    by_x.resize(x.size());
    cell.gain = 0.3f;
    cell.leak = {&leak, 1, 1};
    cell.threshold = {&threshold, 1, 1};
    cell.syn_decay = {&syn_decay, 1, 1};
    cell.adapt_decay = {&adapt_decay, 1, 1};
    cell.boost = {&boost, 1, 1};
  }
};

Work trained(bool keep, bool rich) {
  auto scene = std::make_shared<Scene>();
  scene->cell.synapse = scene->cell.adaptive = rich;
  return [scene, keep, rich] {
    Forward<float> there;
    there.steps = steps;
    there.size = size;
    there.x = scene->x.data();
    there.spikes = scene->spikes.data();
    there.charged = keep ? scene->charged.data() : nullptr;
    forward(scene->cell, there, 1);
    Backward<float> back;
    back.steps = steps;
    back.size = size;
    back.x = keep ? nullptr : scene->x.data();
    back.charged = there.charged;
    back.by_spikes = scene->by_spikes.data();
    back.by_x = scene->by_x.data();
    if (rich) {
      back.by_parameters.leak = &scene->by_leak;
      back.by_parameters.threshold = &scene->by_threshold;
    }
    backward(scene->cell, back, 1);
    return steps * size;
  };
}

}  // namespace

Work trained_kept() { return trained(true, false); }
Work trained_again() { return trained(false, false); }
Work trained_rich() { return trained(false, true); }
