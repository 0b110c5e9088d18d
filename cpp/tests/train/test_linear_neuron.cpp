// Neurons that are linear between spikes against a loop over single neurons.
#include <doctest/doctest.h>

#include <vector>

#include "spikelet/train/linear_neuron.hpp"
#include "support/values.hpp"

using namespace spikelet::train;

namespace {

template <class R>
struct Scene {
  std::size_t steps, count, samples;
  std::vector<R> leak, gain, drive, pull, syn_decay, syn_gain, threshold, v_reset, x;
  std::vector<R> out, v, i, v_state, i_state;
  LinearNeurons<R> neurons;

  Scene(std::size_t t, std::size_t n, std::size_t b)
      : steps(t),
        count(n),
        samples(b),
        leak(test::values<R>(n, 0.5, 0.99, 1)),
        gain(test::values<R>(n, 0.1, 1, 2)),
        drive(test::values<R>(n, -0.1, 0.2, 3)),
        pull(test::values<R>(n, 0.1, 0.5, 4)),
        syn_decay(test::values<R>(n, 0.2, 0.9, 5)),
        syn_gain(test::values<R>(n, 0.1, 1, 6)),
        threshold(test::values<R>(n, 0.3, 1, 7)),
        v_reset(test::values<R>(n, -0.5, 0.1, 8)),
        x(test::values<R>(t * n * b, -0.5, 1.5, 9)),
        out(x.size()),
        v(x.size()),
        i(x.size()),
        v_state(test::values<R>(n * b, -0.2, 0.2, 10)),
        i_state(test::values<R>(n * b, -0.2, 0.2, 11)) {
    neurons.count = n;
    neurons.leak = leak.data();
    neurons.gain = gain.data();
    neurons.drive = drive.data();
  }

  LinearRun<R> make() {
    LinearRun<R> run;
    run.steps = steps;
    run.size = count * samples;
    run.x = x.data();
    run.out = out.data();
    run.v = v.data();
    run.v_state = v_state.data();
    if (neurons.syn_decay != nullptr) {
      run.i = i.data();
      run.i_state = i_state.data();
    }
    return run;
  }

  // The expected output; the states move on.
  std::vector<R> expected() {
    std::vector<R> all;
    for (std::size_t t = 0; t < steps; ++t) {
      for (std::size_t m = 0; m < count * samples; ++m) {
        const std::size_t k = m % count;
        const R now = x[t * count * samples + m];
        R u = leak[k] * v_state[m];
        if (neurons.syn_decay != nullptr) {
          u = u + pull[k] * i_state[m];
          i_state[m] = syn_decay[k] * i_state[m] + syn_gain[k] * now;
        }
        u = u + gain[k] * now + drive[k];
        const bool spike = neurons.threshold != nullptr && u > threshold[k];
        all.push_back(neurons.threshold == nullptr ? u : spike ? neurons.height : R(0));
        v_state[m] = !spike ? u : neurons.v_reset != nullptr ? v_reset[k] : u - threshold[k];
      }
    }
    return all;
  }
};

}  // namespace

TEST_CASE_TEMPLATE("linear neurons give the bits of a loop", R, float, double) {
  for (const std::size_t count : {1u, 5u, 64u, 2500u}) {
    for (const int kind : {0, 1, 2, 3, 4}) {  // LI, LIF, with a synapse, subtracting, CubaLI
      for (const int threads : {1, 3}) {
        Scene<R> scene(40, count, 3);
        LinearNeurons<R>& c = scene.neurons;
        c.height = R(2.5);
        c.threshold = kind == 0 || kind == 4 ? nullptr : scene.threshold.data();
        c.v_reset = kind == 3 ? nullptr : scene.v_reset.data();
        if (kind >= 2) {
          c.pull = scene.pull.data();
          c.syn_decay = scene.syn_decay.data();
          c.syn_gain = scene.syn_gain.data();
        }
        Scene<R> twin = scene;
        const std::vector<R> expected = twin.expected();  // it reads only the pointers of `c`
        forward(c, scene.make(), threads);
        CHECK(test::same_bits(scene.out, expected));
        CHECK(test::same_bits(scene.v_state, twin.v_state));
        CHECK(test::same_bits(scene.i_state, twin.i_state));
        const std::size_t last = scene.v.size() - scene.v_state.size();
        CHECK(std::vector<R>(scene.v.begin() + static_cast<std::ptrdiff_t>(last), scene.v.end()) ==
              scene.v_state);
      }
    }
  }
}

TEST_CASE("steps of one run can be cut") {
  Scene<double> whole(30, 10, 2), cut(30, 10, 2);
  for (Scene<double>* s : {&whole, &cut}) {
    s->neurons.threshold = s->threshold.data();
  }
  forward(whole.neurons, whole.make(), 1);
  LinearRun<double> run = cut.make();
  run.steps = 11;
  forward(cut.neurons, run, 1);
  run = cut.make();
  run.steps = 19;
  run.x += 11 * run.size;
  run.out += 11 * run.size;
  run.v += 11 * run.size;
  forward(cut.neurons, run, 1);
  CHECK(test::same_bits(whole.out, cut.out));
  CHECK(test::same_bits(whole.v, cut.v));
}

TEST_CASE("no neurons, or no steps, change nothing") {
  Scene<double> scene(0, 4, 1);
  const std::vector<double> before = scene.v_state;
  forward(scene.neurons, scene.make(), 2);
  CHECK(scene.v_state == before);
}
