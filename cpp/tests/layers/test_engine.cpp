#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "spikelet/layers/engine.hpp"
#include "support/values.hpp"

namespace test_layers_engine {

namespace {

using namespace spikelet::layers;

constexpr std::size_t inputs = 5, outputs = 20, samples = 9, steps = 30;

// Analog input, two fully connected layers of integrate-and-fire neurons, and a sum of their
// spikes.
struct Layers {
  std::vector<double> first = test::values<double>(outputs * inputs, -0.3, 0.6, 1);
  std::vector<double> second = test::values<double>(outputs * outputs, -0.2, 0.4, 2);

  Graph graph() const {
    return {{Input{}, {}, {inputs, 1, 1}},
            {dense(first), {0}, {outputs, 1, 1}},
            {neuron(), {1}, {outputs, 1, 1}},
            {dense(second), {2}, {outputs, 1, 1}},
            {neuron(), {3}, {outputs, 1, 1}}};
  }
  static Conv dense(const std::vector<double>& weights) {
    Conv conv;
    conv.weights = weights;
    conv.kernel_height = conv.kernel_width = 1;
    return conv;
  }
  static Neuron neuron() {
    Neuron n{};
    n.threshold = {1};
    n.v_init = {0.5};
    n.amplitude = {1};
    n.decay = n.gain = 1;
    n.levels = 1;
    return n;
  }
};

template <class R>
struct Result {
  std::vector<R> spikes = std::vector<R>(steps * samples * outputs);
  std::vector<R> potential = spikes, mean = std::vector<R>(samples * outputs);
  std::vector<NodeCounts> counts = std::vector<NodeCounts>(5);
};

template <class R>
Result<R> run(const std::vector<R>& images, int threads) {
  const std::vector<std::pair<std::size_t, What>> wanted{
      {4, What::spikes}, {4, What::potential}, {4, What::mean}};
  const Engine<R> engine(Layers{}.graph(), false, wanted);
  Result<R> result;
  const std::vector<Record<R>> records{{4, What::spikes, result.spikes.data()},
                                       {4, What::potential, result.potential.data()},
                                       {4, What::mean, result.mean.data()}};
  Batch<R> batch{};
  batch.inputs = {{images.data()}};
  batch.count = samples;
  batch.steps = steps;
  CHECK(engine.run(batch, records, threads, result.counts) == samples);
  return result;
}

}  // namespace

TEST_CASE(
    "layers of neurons match a plain loop over steps and neurons, for any number of threads") {
  const Layers layers;
  const auto images = test::values<double>(samples * inputs, 0, 1, 3);
  const auto result = run(images, 1);
  std::uint64_t spikes[2]{}, values = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    std::vector<double> v[2]{std::vector<double>(outputs, 0.5), std::vector<double>(outputs, 0.5)};
    std::vector<double> sent[2]{std::vector<double>(outputs), std::vector<double>(outputs)};
    std::vector<double> total(outputs);
    for (std::size_t t = 0; t < steps; ++t) {
      for (std::size_t layer = 0; layer < 2; ++layer) {
        for (std::size_t o = 0; o < outputs; ++o) {
          double sum = 0;
          for (std::size_t k = 0; k < (layer == 0 ? inputs : outputs); ++k) {
            sum += layer == 0 ? layers.first[o * inputs + k] * images[i * inputs + k]
                              : layers.second[o * outputs + k] * sent[0][k];
          }
          v[layer][o] += sum;
          sent[layer][o] = v[layer][o] >= 1 ? 1 : 0;
          v[layer][o] -= sent[layer][o];
          spikes[layer] += sent[layer][o] != 0 ? 1 : 0;
        }
      }
      for (std::size_t o = 0; o < outputs; ++o) {
        const std::size_t at = (t * samples + i) * outputs + o;
        CHECK(result.spikes[at] == sent[1][o]);
        CHECK(result.potential[at] == doctest::Approx(v[1][o]).epsilon(1e-9));
        total[o] += sent[1][o];
      }
    }
    for (std::size_t o = 0; o < outputs; ++o) {
      CHECK(result.mean[i * outputs + o] == doctest::Approx(total[o] / steps));
    }
    values += inputs * outputs;
  }
  CHECK(result.counts[2].spikes == spikes[0]);
  CHECK(result.counts[4].spikes == spikes[1]);
  CHECK(spikes[1] > 100);
  CHECK(result.counts[3].additions == spikes[0] * outputs);
  CHECK(result.counts[1].products % values == 0);  // none of the inputs is 0
  CHECK(result.counts[1].products > 0);
  for (const int threads : {2, 3, 20}) {
    const auto again = run(images, threads);
    CHECK(again.spikes == result.spikes);
    CHECK(again.potential == result.potential);
    CHECK(again.mean == result.mean);
    CHECK(again.counts[3].additions == result.counts[3].additions);
  }
}

TEST_CASE("a sample ends at the first check whose margin, or change, meets its limit") {
  const auto images = test::values<double>(samples * inputs, 0, 1, 3);
  const auto whole = run(images, 1);
  const std::vector<std::size_t> checks{2, 3, 7, 11};
  const auto so_far = [&](std::size_t i, std::size_t o, std::size_t after) {
    double sum = 0;
    for (std::size_t t = 0; t < after; ++t) {
      sum += whole.spikes[(t * samples + i) * outputs + o];
    }
    return sum / static_cast<double>(after);
  };
  for (const auto of : {Until::Of::margin, Until::Of::change}) {
    constexpr double limit = 0.12;
    std::vector<double> mean(samples * outputs), means(checks.size() * samples * outputs);
    std::vector<std::int64_t> taken(samples);
    std::vector<NodeCounts> counts(5);
    const std::vector<std::pair<std::size_t, What>> wanted{{4, What::mean}};
    const Engine<double> engine(Layers{}.graph(), false, wanted);
    CHECK(engine.is_anytime());
    Batch<double> batch{};
    batch.inputs = {{images.data()}};
    batch.count = samples;
    batch.steps = steps;
    batch.until = Until{4, of, checks, {limit, limit, limit, limit}};
    batch.so_far = means.data();
    const std::vector<Record<double>> records{{4, What::mean, mean.data()}};
    CHECK(engine.run(batch, records, 2, counts, taken) == samples);
    std::size_t early = 0;
    for (std::size_t i = 0; i < samples; ++i) {
      std::size_t end = steps;
      for (std::size_t k = 0; k < checks.size() && end == steps; ++k) {
        std::vector<double> now;
        double change = k == 0 ? 1 : 0;
        for (std::size_t o = 0; o < outputs; ++o) {
          now.push_back(so_far(i, o, checks[k]));
          change = std::max(change, k == 0 ? 1 : std::abs(now[o] - so_far(i, o, checks[k - 1])));
        }
        std::ranges::sort(now, std::greater{});
        end = of == Until::Of::margin ? (now[0] - now[1] >= limit ? checks[k] : steps)
                                      : (change < limit ? checks[k] : steps);
      }
      CHECK(taken[i] == static_cast<std::int64_t>(end));
      early += end < steps ? 1 : 0;
      for (std::size_t o = 0; o < outputs; ++o) {
        CHECK(mean[i * outputs + o] == doctest::Approx(so_far(i, o, end)));
        for (std::size_t k = 0; k < checks.size(); ++k) {
          const double kept = means[(k * samples + i) * outputs + o];
          CHECK(kept == doctest::Approx(so_far(i, o, std::min(checks[k], end))));
        }
      }
    }
    CHECK(early > 0);
    CHECK(early < samples);
    batch.until->checks = {3, 3};
    CHECK_THROWS_AS(engine.run(batch, records, 1, counts), std::invalid_argument);
    batch.until->checks = {3, steps, 5, 6};
    CHECK_THROWS_AS(engine.run(batch, records, 1, counts), std::invalid_argument);
    batch.until->node = 2;  // its mean is not recorded
    CHECK_THROWS_AS(engine.run(batch, records, 1, counts), std::invalid_argument);
  }
}

// Neurons that take their own spikes of the step before, and a sum over the last steps.
TEST_CASE("a loop matches a plain loop over steps, however the run is cut") {
  const auto weights = test::values<double>(inputs * inputs, -0.5, 0.7, 5);
  const auto x = test::values<double>(samples * inputs, 0, 0.4, 6);
  Neuron leaky = Layers::neuron();
  leaky.dynamics = Dynamics{Dynamics::Reset::value,
                            {{{0.875}, {0.5}, {0.0625}, {0.5}, {1}, {}, {-0.25}, {0.75}, {0.5}}}};
  Neuron integrator = leaky;
  integrator.threshold = {};
  const Extent shape{inputs, 1, 1};
  const Graph graph{
      {Input{}, {}, shape},    {Delay{{1}}, {4}, shape}, {Layers::dense(weights), {1}, shape},
      {Add{}, {0, 2}, shape},  {leaky, {3}, shape},      {Delay{{0, 1, 2, 3, 4}}, {4}, shape},
      {integrator, {5}, shape}};
  std::vector<double> expected, potentials;
  for (std::size_t s = 0; s < samples; ++s) {
    std::vector<std::vector<double>> sent{std::vector<double>(inputs)};
    std::vector<double> v(inputs, 0.5), i(inputs), a(inputs), u(inputs, 0.5), j(inputs);
    for (std::size_t t = 0; t < steps; ++t) {
      std::vector<double> spikes(inputs);
      for (std::size_t k = 0; k < inputs; ++k) {
        double recurrent = 0;
        for (std::size_t from = 0; from < inputs; ++from) {
          recurrent += weights[k * inputs + from] * sent.back()[from];
        }
        i[k] = 0.5 * i[k] + (recurrent + x[s * inputs + k]);
        v[k] = 0.875 * v[k] + 0.5 * i[k] + 0.0625;
        spikes[k] = v[k] >= 1 + 0.5 * a[k] ? 1 : 0;
        a[k] = 0.75 * a[k] + spikes[k];
        v[k] = spikes[k] > 0 ? -0.25 : v[k];
      }
      sent.push_back(spikes);
      for (std::size_t k = 0; k < inputs; ++k) {
        j[k] = 0.5 * j[k] + (t >= k ? sent[t + 1 - k][k] : 0);
        u[k] = 0.875 * u[k] + 0.5 * j[k] + 0.0625;
      }
      expected.insert(expected.end(), spikes.begin(), spikes.end());
      potentials.insert(potentials.end(), u.begin(), u.end());
    }
  }
  CHECK(std::ranges::count(expected, 1.0) > 100);
  const std::vector<std::pair<std::size_t, What>> wanted{
      {4, What::spikes}, {6, What::value}, {6, What::mean}};
  const Engine<double> engine(graph, false, wanted);
  for (const int threads : {1, 3}) {
    for (const bool cut : {false, true}) {
      std::vector<double> spikes(steps * samples * inputs), values(spikes), mean(samples * inputs);
      const std::vector<Record<double>> records{{4, What::spikes, spikes.data()},
                                                {6, What::value, values.data()},
                                                {6, What::mean, mean.data()}};
      Batch<double> batch{};
      batch.inputs = {{x.data()}};
      batch.count = samples;
      batch.steps = steps;
      if (cut) {
        batch.until = Until{6, Until::Of::margin, {1, 7, 8, 20}, {1e9, 1e9, 1e9, 1e9}};
      }
      std::vector<NodeCounts> counts(graph.size());
      CHECK(engine.run(batch, records, threads, counts) == samples);
      for (std::size_t s = 0; s < samples; ++s) {
        for (std::size_t k = 0; k < inputs; ++k) {
          double sum = 0;
          for (std::size_t t = 0; t < steps; ++t) {
            const std::size_t at = (t * samples + s) * inputs + k;
            const std::size_t from = (s * steps + t) * inputs + k;
            REQUIRE(spikes[at] == expected[from]);
            REQUIRE(values[at] == doctest::Approx(potentials[from]).epsilon(1e-12));
            sum += values[at];
          }
          CHECK(mean[s * inputs + k] == sum / static_cast<double>(steps));
        }
      }
    }
  }
}

TEST_CASE("a batch can be stopped and returns the number of samples done") {
  const Engine<float> engine(Layers{}.graph(), false, {});
  const auto images = test::values<float>(samples * inputs, 0, 1, 3);
  Batch<float> batch{};
  batch.inputs = {{images.data()}};
  batch.count = samples;
  batch.steps = steps;
  std::vector<NodeCounts> counts(5);
  CHECK(engine.run(batch, {}, 1, counts, {}, [](std::size_t done) { return done < 4; }) == 4);
  CHECK(engine.run(batch, {}, 1, counts, {}, [](std::size_t) { return false; }) == 0);
}

TEST_CASE("dense operations of a convolution: one product for each weight that meets an input") {
  Conv conv;
  conv.kernel_height = conv.kernel_width = 3;
  conv.top = conv.left = 1;
  conv.weights = std::vector<double>(4 * 2 * 9, 1);
  const Graph graph{{Input{}, {}, {2, 3, 3}}, {conv, {0}, {4, 3, 3}}};
  // Windows of 2, 3 and 2 along each axis, less what lies outside.
  CHECK(dense_operations(graph, 1) == 7 * 7 * 2 * 4);
  CHECK(dense_operations(graph, 0) == 0);
}

}  // namespace test_layers_engine
