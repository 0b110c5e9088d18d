// Networks of neurons that programs move, and the step itself.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/program_run.hpp"
#include "spikelet/network/simulator.hpp"
#include "support/programs.hpp"
#include "support/values.hpp"

namespace test_core_program_run {

namespace {

using namespace spikelet;
using programs::Writer;

constexpr double dt = 0.1;

template <class R>
SynapseTable<R> table(std::size_t n_pre, const std::vector<std::uint32_t>& pre,
                      const std::vector<std::uint32_t>& post, const std::vector<R>& weight,
                      const std::vector<std::uint16_t>& delay) {
  return SynapseTable<R>::from_lists(n_pre, pre, post, weight, delay);
}

// Spikes and states of a network after some steps.
template <class R>
struct Outcome {
  std::vector<Step> stamps;
  std::vector<std::uint32_t> ids;
  std::vector<std::vector<R>> states;
  std::vector<R> trace;

  bool same(const Outcome& other) const {
    bool all = stamps == other.stamps && ids == other.ids && test::same_bits(trace, other.trace);
    for (std::size_t k = 0; k < states.size(); ++k) {
      all = all && test::same_bits(states[k], other.states[k]);
    }
    return all;
  }
};

// 300 recurrent neurons with a Poisson drive.
template <class R, class Add>
Outcome<R> recurrent(Add&& add, int threads, const std::vector<Step>& cuts, std::size_t states) {
  constexpr std::size_t n = 300;
  Simulator<R> sim(dt, 7, threads, false);
  const std::size_t a = add(sim, n);
  for (const double weight : {90.0, -50.0}) {
    const double rate = weight > 0 ? 8000 : 2000;
    sim.brief()->network.inject(a, {}, [&](const InputSite& site) {
      return std::make_unique<PoissonInput<R>>(site, std::span(&rate, 1), false,
                                               std::span(&weight, 1));
    });
  }
  std::vector<std::uint32_t> pre, post;
  std::vector<R> weight;
  for (std::uint32_t k = 0; k < 9000; ++k) {
    const Words w = Stream(8, Purpose::values, 1).words(k, 0);
    pre.push_back(w[0] % n);
    post.push_back(w[1] % n);
    weight.push_back(w[2] % 5 == 0 ? R(-120) : R(30));
  }
  sim.brief()->network.connect(a, a, table<R>(n, pre, post, weight, {15}), Receptor::by_sign, {});
  const std::size_t spikes = sim.brief()->record_spikes(a, {});
  const std::size_t trace = sim.brief()->record_state(a, 0, {0, 64, 299}, 1);
  for (const Step steps : cuts) {
    sim.run(steps, {});
  }
  const auto log = sim.look()->recorders.spikes[spikes].share();
  Outcome<R> found{log->stamps.to_vector(),
                   log->elements.to_vector(),
                   {},
                   sim.look()->recorded_states(trace).values};
  for (std::size_t k = 0; k < states; ++k) {
    found.states.push_back(sim.look()->network.neurons(a).raw_state(k));
  }
  return found;
}

// A neuron whose only state is made by the given instructions, of n elements.
template <class R>
std::vector<R> state_after(Writer& w, std::size_t n, Step steps, int threads = 1) {
  Simulator<R> sim(dt, 5, threads, false);
  sim.brief()->network.add_program(w.shared(), n, {{}, {0}});
  sim.run(steps, {});
  return sim.look()->network.neurons(0).state(0);
}

}  // namespace

TEST_CASE_TEMPLATE("a program with a kernel's operations gives its bits, for any threads and cuts",
                   R, float, double) {
  for (const bool each : {false, true}) {  // thresholds and currents
    std::vector<double> V_th{15}, I_e{50};
    for (std::size_t i = 1; each && i < 300; ++i) {
      V_th.push_back(14 + 0.1 * static_cast<double>(i % 20));
      I_e.push_back(static_cast<double>(i % 90));
    }
    const auto kernel = [&](Simulator<R>& sim, std::size_t n) {
      return sim.brief()->network.add_neurons(
          find_model("LIF"), n, {{0}, V_th, {2}, {2}, {0}, {100}, {20}, {250}, {2}, {3}, I_e},
          false);
    };
    const auto program = [&](Simulator<R>& sim, std::size_t n) {
      ProgramValues values = programs::lif_values(dt, 20, 250, 2, 3, 40, 1, 2, 2);
      const std::size_t number = sim.brief()->network.add_program(programs::lif(), n, values);
      values.coefficients[6] = I_e;
      values.coefficients[7] = V_th;
      sim.brief()->network.neurons(number).set_coefficients(values);
      return number;
    };
    const auto expected = recurrent<R>(kernel, 1, {500}, 3);
    CHECK(expected.stamps.size() > 1000);
    for (const int threads : {1, 3}) {
      CHECK(recurrent<R>(program, threads, {500}, 3).same(expected));
      CHECK(recurrent<R>(program, threads, {1, 99, 64, 336}, 3).same(expected));
    }
  }
}

TEST_CASE_TEMPLATE("draws are those of the node's stream, each kind and slot on its own", R, float,
                   double) {
  for (const DrawKind kind : {DrawKind::uniform, DrawKind::normal}) {
    for (const std::size_t which : {0u, 1u}) {
      Writer w({"x"});
      w.parts.draws.assign(2, kind);
      w.step(Opcode::MOV, 0, {w.draw(which)});
      const auto got = state_after<R>(w, 200, 12, 2);
      const Stream stream(5, Purpose::program, 0);
      for (std::uint32_t i = 0; i < 200; ++i) {
        const Words x = stream.at(i, 11 + (static_cast<Step>(which) << 56));
        const double u = uniform(x[0], x[1]);
        CHECK(got[i] == static_cast<R>(kind == DrawKind::uniform ? u : normal_quantile(u)));
      }
    }
  }
}

TEST_CASE("time is that of the step's start, however often it is used") {
  Writer w({"x", "y"});
  w.parts.constants.push_back(2);
  w.step(Opcode::MULADD, 0, {w.time(), w.constant(0), w.time()}).step(Opcode::SIN, 1, {w.time()});
  Simulator<double> sim(dt, 1, 1);
  sim.brief()->network.add_program(w.shared(), 3, {{}, {0}});
  sim.run(25, {});
  const double t = 24 * dt;
  CHECK(sim.look()->network.neurons(0).state(0)[2] == t * 2 + t);
  CHECK(sim.look()->network.neurons(0).state(1)[2] == std::sin(t));
}

TEST_CASE("a neuron that spikes is reset alone, and held for t_ref") {
  // x grows by 1 unless held; from its own threshold on it spikes, and counts in y.
  Writer w({"x", "y"}, 1);
  w.parts.constants.assign({1, 0});
  w.step(Opcode::ADD, w.reg(0), {0, w.constant(0)})
      .step(Opcode::SELECT, 0, {w.held(), 0, w.reg(0)})
      .step(Opcode::LT, w.reg(1), {0, w.coefficient(0)})
      .step(Opcode::NOT, w.reg(1), {w.reg(1)})
      .reset(Opcode::SELECT, 0, {w.spiked(), w.constant(1), 0})
      .reset(Opcode::ADD, w.reg(0), {1, w.constant(0)})
      .reset(Opcode::SELECT, 1, {w.spiked(), w.reg(0), 1});
  w.parts.spiked = w.reg(1);
  constexpr std::size_t n = 150;
  ProgramValues values{{std::vector<double>(n)}, std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i) {
    values.coefficients[0][i] = static_cast<double>(1 + i % 7);
    values.t_ref[i] = dt * static_cast<double>(i % 3);
  }
  Simulator<float> sim(dt, 1, 1);
  sim.brief()->network.add_program(w.shared(), n, values);
  const std::size_t r = sim.brief()->record_spikes(0, {});
  sim.run(200, {});
  std::vector<int> x(n), y(n), held(n);
  std::size_t spikes = 0;
  for (int step = 0; step < 200; ++step) {
    for (std::size_t i = 0; i < n; ++i) {
      if (held[i] > 0) {
        --held[i];
      } else if (++x[i] >= static_cast<int>(1 + i % 7)) {
        x[i] = 0;
        held[i] = static_cast<int>(i % 3);
        ++y[i];
        ++spikes;
      }
    }
  }
  CHECK(sim.look()->recorders.count(RecorderKind::spikes, r) == spikes);
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(sim.look()->network.neurons(0).state(0)[i] == static_cast<float>(x[i]));
    CHECK(sim.look()->network.neurons(0).state(1)[i] == static_cast<float>(y[i]));
    CHECK(sim.look()->network.neurons(0).held(sim.now())[i] == held[i]);
  }
}

TEST_CASE_TEMPLATE("a state that is no number stops the run, and is named", R, float, double) {
  for (const bool spikes : {false, true}) {
    for (const Step steps : {Step{40}, Step{200}}) {
      CAPTURE(spikes);
      CAPTURE(steps);
      Writer w({"x", "y"}, 1);
      w.step(Opcode::MUL, 1, {1, w.coefficient(0)});
      if (spikes) {  // as equations do it: a number that is none counts as one that spikes
        w.parts.constants.push_back(1e30);
        w.step(Opcode::LT, w.reg(0), {1, w.constant(0)}).step(Opcode::NOT, w.reg(0), {w.reg(0)});
        w.parts.spiked = w.reg(0);
      }
      constexpr std::size_t n = 100;
      ProgramValues values{{std::vector<double>(n, 1.0)}, {0}};
      values.coefficients[0][77] = 1e200;
      Simulator<R> sim(dt, 1, 2, false);
      sim.brief()->network.add_neurons(find_model("LIFDelta"), 3,
                                       {{0}, {15}, {0}, {2}, {0}, {100}, {20}, {250}, {0}}, false);
      const std::size_t node = sim.brief()->network.add_program(w.shared(), n, values);
      sim.brief()->network.neurons(node).set_state(1, std::vector<R>(n, R(1)));
      const std::size_t r = sim.brief()->record_state(0, 0, {0}, 1);
      try {
        sim.run(steps, {});
        FAIL("it went on");
      } catch (const Divergence& found) {
        CHECK(found.node == node);
        CHECK(found.state == 1);
        CHECK(found.element == 77);
        CHECK(!std::isfinite(found.value));
        // At once if it spikes; else at step 0, 64, ... or at the end.
        const Step end = sizeof(R) == 4 ? 1 : spikes ? 2 : steps == 40 ? 40 : 65;
        CHECK(found.step == end);
      }
      CHECK_THROWS(sim.run(1, {}));
      CHECK(sim.look_even_if_broken()->recorders.count(RecorderKind::state, r) <= 66);
    }
  }
}

TEST_CASE_TEMPLATE("as many receptors as there may be, early and late, from all kinds of sources",
                   R, float, double) {
  // State k < 32 sums what its late receptor gets, state 32 + k the early receptor's.
  std::vector<std::string> names(64, "x");
  Writer w(names);
  for (int k = 0; k < 32; ++k) {
    w.parts.receptors.push_back({"late", k, k % 2 == 1});
    w.parts.receptors.push_back({"early", -1, k % 2 == 1});
  }
  for (std::size_t k = 0; k < 32; ++k) {
    w.step(Opcode::ADD, 32 + k, {32 + k, w.input(k)});
  }
  constexpr std::size_t n = 70;
  Simulator<R> sim(dt, 1, 2, false);
  const std::size_t a = sim.brief()->network.add_program(w.shared(), n, {{}, {0}});
  const std::size_t source = sim.brief()->network.add_events(1, {1, 3}, {0, 0});
  Plasticity plastic;
  plastic.rule = find_plasticity("STDP.additive");
  plastic.parameters = {20, 20, 0, 0, 0, 100};
  for (int k = 0; k < 64; ++k) {
    const R weight = static_cast<R>(k + 1);
    sim.brief()->network.connect(source, a, table<R>(1, {0, 0}, {3, 69}, {weight, weight / 2}, {2}),
                                 Receptor{k}, {});
    sim.brief()->network.connect(source, a, table<R>(1, {0}, {5}, {weight}, {2}), Receptor{k},
                                 plastic);
    const double rate = 1e4, hundredth = 0.01 * (k + 1);
    sim.brief()->network.inject(a, {}, [&](const InputSite& site) {
      return std::make_unique<PoissonInput<R>>(site, std::span(&rate, 1), false,
                                               std::span(&hundredth, 1), Receptor{k});
    });
  }
  CHECK_THROWS_AS(
      sim.brief()->network.connect(source, a, table<R>(1, {0}, {0}, {1}, {2}), Receptor{64}, {}),
      std::invalid_argument);
  CHECK_THROWS_AS(
      sim.brief()->network.connect(source, a, table<R>(1, {0}, {0}, {-1}, {2}), Receptor{2}, {}),
      std::invalid_argument);  // it counts magnitudes
  sim.run(10, {});
  for (int k = 0; k < 64; ++k) {
    const auto state = static_cast<std::size_t>(k % 2 == 0 ? k / 2 : 32 + k / 2);
    const std::vector<R> x = sim.look()->network.neurons(a).state(state);
    const double unit = 0.01 * (k + 1);
    const auto rest = [&](std::size_t i, double events) {  // what Poisson events have added
      const double count = (static_cast<double>(x[i]) - events) / unit;
      CHECK(std::abs(count - std::round(count)) < 1e-2 * (1 + std::abs(events)));
      return count;
    };
    CHECK(rest(3, 2.0 * (k + 1)) > -0.5);
    CHECK(rest(69, 1.0 * (k + 1)) > -0.5);
    CHECK(rest(5, 2.0 * (k + 1)) > -0.5);
    double sum = 0;
    for (std::size_t i = 6; i < 69; ++i) {
      sum += rest(i, 0);
    }
    CHECK(sum > 450);  // 630 expected
    CHECK(sum < 800);
  }
}

TEST_CASE_TEMPLATE("blocks at rest are skipped, and it changes no bit", R, float, double) {
  Outcome<R> found[2];
  for (const bool skip : {false, true}) {
    ProgramParts parts = programs::fly()->parts();
    parts.time = !skip;
    const auto program = std::make_shared<const Program>(parts);
    REQUIRE(program->may_rest() == skip);
    constexpr std::size_t n = 1000;
    Simulator<R> sim(dt, 3, 2, false);
    const std::size_t a = sim.brief()->network.add_program(program, n, programs::fly_values(dt));
    sim.brief()->network.neurons(a).set_state(0, std::vector<R>(n, R(-52)));
    std::vector<std::uint32_t> pre, post;
    std::vector<R> weight;
    for (std::uint32_t k = 0; k < 4000; ++k) {
      const Words w = Stream(8, Purpose::values, 2).words(k, 0);
      pre.push_back(w[0] % 130);  // so that others are never reached
      post.push_back(w[1] % 200);
      weight.push_back(w[2] % 4 == 0 ? R(-60) : R(60));
    }
    sim.brief()->network.connect(a, a, table<R>(n, pre, post, weight, {18}), Receptor{0}, {});
    const std::size_t kicks =
        sim.brief()->network.add_events(2, {100, 700, 3000, 3001, 3900}, {0, 1, 0, 1, 1});
    sim.brief()->network.connect(kicks, a, table<R>(2, {0, 1, 1}, {3, 4, 700}, {10, 10, 10}, {5}),
                                 Receptor{1}, {});
    const std::size_t spikes = sim.brief()->record_spikes(a, {});
    const std::size_t trace = sim.brief()->record_state(a, 1, {3, 100, 700, 900}, 1);
    sim.run(3500, {});
    sim.run(500, {});
    const auto log = sim.look()->recorders.spikes[spikes].share();
    const auto states = sim.look()->recorded_states(trace);
    const auto state = [&](std::size_t k) { return sim.look()->network.neurons(a).state(k); };
    found[skip ? 1 : 0] = {
        log->stamps.to_vector(), log->elements.to_vector(), {state(0), state(1)}, states.values};
  }
  CHECK(found[0].stamps.size() > 20);
  CHECK(found[1].same(found[0]));
}

TEST_CASE_TEMPLATE("steps that know which blocks were reached give the bits of those that look", R,
                   float, double) {
  Outcome<R> found[2];
  for (const bool looks : {false, true}) {
    constexpr std::size_t n = 2000;
    Simulator<R> sim(dt, 3, 1, false);
    const std::size_t a =
        sim.brief()->network.add_program(programs::fly(), n, programs::fly_values(dt));
    sim.brief()->network.neurons(a).set_state(0, std::vector<R>(n, R(-52)));
    std::vector<std::uint32_t> pre, post;
    std::vector<R> weight;
    for (std::uint32_t k = 0; k < 60000; ++k) {  // long rows, which are lines
      const Words w = Stream(8, Purpose::values, 2).words(k, 0);
      pre.push_back(w[0] % 100);
      post.push_back(w[1] % n);
      weight.push_back(w[2] % 4 == 0 ? R(-20) : R(20));
    }
    sim.brief()->network.connect(a, a, table<R>(n, pre, post, weight, {18}), Receptor{0}, {});
    const std::size_t kicks =
        sim.brief()->network.add_events(2, {100, 700, 3000, 3001, 3900}, {0, 1, 0, 1, 1});
    std::vector<std::uint32_t> from(40, 0), to(40);
    std::iota(to.begin(), to.end(), 60u);
    sim.brief()->network.connect(kicks, a, table<R>(2, from, to, std::vector<R>(40, R(10)), {5}),
                                 Receptor{1}, {});
    if (looks) {  // a row that is packed: nothing is known then
      sim.brief()->network.connect(kicks, a, table<R>(2, {1}, {1999}, {0}, {5}), Receptor{1}, {});
      for (std::uint32_t k = 0; k < 30; ++k) {
        sim.brief()->network.connect(
            kicks, a, table<R>(2, {1}, {k * 60}, {0}, {static_cast<std::uint16_t>(5 + k)}),
            Receptor{1}, {});
      }
    }
    const std::size_t spikes = sim.brief()->record_spikes(a, {});
    sim.run(4000, {});
    const auto log = sim.look()->recorders.spikes[spikes].share();
    const auto state = [&](std::size_t k) { return sim.look()->network.neurons(a).state(k); };
    found[looks ? 1 : 0] = {
        log->stamps.to_vector(), log->elements.to_vector(), {state(0), state(1)}, {}};
  }
  CHECK(found[0].stamps.size() > 100);
  CHECK(found[1].same(found[0]));
}

TEST_CASE("a block rests from the first step that changes nothing until something reaches it") {
  constexpr std::size_t n = 256;
  Population<float> neurons(programs::fly(), n, own_range(0, n, 0, 1), 0, dt,
                            programs::fly_values(dt));
  neurons.set_state(0, std::vector<float>(n, -52.0F));
  Buffer<float> kicks(n);
  StepArgs<float> args = neurons.step_args(0);
  ProgramArrays<float> arrays = neurons.program_arrays();
  arrays.channel.resize(max_channels);
  arrays.channel[excitatory_channel] = arrays.state[1];
  arrays.channel[4] = kicks.data();
  arrays.end = n;
  ProgramRun<float> run(neurons.program(), arrays, 0, dt, 1);
  args.program = &run;
  std::vector<Gid> out(n);
  const FlushDenormals guard;
  const auto steps = [&](int count) {
    for (; count > 0; --count, ++args.now, ++args.step) {
      neurons.step_function(false)(args, 0, n, out.data());
    }
  };
  steps(1000);
  using Resting = std::vector<std::uint8_t>;
  CHECK(run.resting == Resting{1, 1, 1, 1});
  kicks[70] = 1;
  arrays.state[1][200] = 0.5F;
  steps(1);
  CHECK(kicks[70] == 0);
  CHECK(run.resting == Resting{1, 0, 1, 0});
  steps(20000);  // until g has left the range of numbers
  CHECK(run.resting == Resting{1, 1, 1, 1});
  // A current or a drive ends all rest.
  const std::vector<float> current(n, 0.0F);
  args.external = current.data();
  steps(1);
  CHECK(run.resting == Resting{0, 0, 0, 0});
}

TEST_CASE("neurons rest whatever the padding of their block does") {
  constexpr std::size_t n = 70;
  Population<float> neurons(programs::fly(), n, own_range(0, n, 0, 1), 0, dt,
                            programs::fly_values(dt));
  neurons.set_state(0, std::vector<float>(n, -52.0F));
  StepArgs<float> args = neurons.step_args(0);
  ProgramArrays<float> arrays = neurons.program_arrays();
  Buffer<float> kicks(2 * block_size);
  arrays.channel.resize(max_channels);
  arrays.channel[excitatory_channel] = arrays.state[1];
  arrays.channel[4] = kicks.data();
  arrays.end = 2 * block_size;
  ProgramRun<float> run(neurons.program(), arrays, 0, dt, 1);
  args.program = &run;
  std::vector<Gid> out(2 * block_size);
  const FlushDenormals guard;
  for (int k = 0; k < 1000; ++k, ++args.now, ++args.step) {
    arrays.state[0][n] = static_cast<float>(-k % 7);  // moves in each step
    neurons.step_function(false)(args, 0, 2 * block_size, out.data());
  }
  CHECK(run.resting == std::vector<std::uint8_t>{1, 1});
}

TEST_CASE_TEMPLATE("all levels give the same bits", R, float, double) {
  const auto step = [](SimdLevel level, const std::shared_ptr<const Program>& program,
                       const ProgramValues& values, double low, double high) {
    constexpr std::size_t n = 700;
    Population<R> neurons(program, n, own_range(0, n, 0, 1), 0, dt, values);
    std::vector<R> v(n);
    for (std::size_t i = 0; i < n; ++i) {
      v[i] = static_cast<R>(low + (high - low) * static_cast<double>(i) / n);
    }
    neurons.set_state(0, v);
    const std::size_t padded = neurons.padded();
    std::vector<Buffer<R>> early;
    StepArgs<R> args = neurons.step_args(0);
    ProgramArrays<R> arrays = neurons.program_arrays();
    arrays.channel.resize(max_channels);
    for (const int channel : program->receptors().early()) {
      early.emplace_back(padded);
      arrays.channel[static_cast<std::size_t>(channel)] = early.back().data();
    }
    for (const auto& [channel, state] : program->receptors().late()) {
      arrays.channel[static_cast<std::size_t>(channel)] =
          arrays.state[static_cast<std::size_t>(state)];
    }
    arrays.end = padded;
    const ProgramKernels<R>& level_kernels = kernels(level).program<R>();
    ProgramRun<R> run(program, arrays, 0, dt, 1, &level_kernels);
    args.program = &run;
    Outcome<R> found;
    std::vector<Gid> out(padded);
    const FlushDenormals guard;
    for (; args.now < 300; ++args.now, ++args.step) {
      const Gid* end = level_kernels.step(args, 0, padded, out.data());
      for (const Gid* gid = out.data(); gid != end; ++gid) {
        found.stamps.push_back(args.step);
        found.ids.push_back(*gid);
      }
    }
    for (std::size_t k = 0; k < neurons.state_count(); ++k) {
      found.states.push_back(neurons.raw_state(k));
    }
    return found;
  };
  struct Model {
    std::shared_ptr<const Program> program;
    ProgramValues values;
    double low, high;
  };
  const Model models_[]{
      {programs::adex(), programs::adex_values(dt, 700), -70, -50},
      {programs::hodgkin_huxley(), programs::hodgkin_huxley_values(dt, 0), -70, -50},
      {programs::fly(), programs::fly_values(dt), -52, -44},
      {programs::lif(), programs::lif_values(dt, 20, 250, 2, 3, 500, 15, 2, 2), 0, 20},
  };
  for (const Model& model : models_) {
    const auto expected =
        step(SimdLevel::baseline, model.program, model.values, model.low, model.high);
    CHECK(expected.stamps.size() > 10);
    for (const SimdLevel level : available_simd_levels()) {
      CHECK(step(level, model.program, model.values, model.low, model.high).same(expected));
    }
  }
}

}  // namespace test_core_program_run
