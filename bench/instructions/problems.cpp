// The problems: small versions of the parts of real networks, one at a time. Sources fire at
// random, and targets of static synapses never fire, so that no change in dynamics changes the
// work. Rates are higher than in nature, because delivery problems measure events, not neurons.
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "layered.hpp"
#include "problem.hpp"
#include "programs.hpp"
#include "spikelet/network/given_currents.hpp"
#include "spikelet/network/simulator.hpp"
#include "trained.hpp"

namespace {

using namespace spikelet;
using Sim = Simulator<float>;

constexpr double dt = 0.1;
constexpr std::uint64_t seed = 1;

ValueSpec constant(double x) { return {ValueSpec::Kind::values, {x}}; }
ValueSpec uniform(double low, double high) { return {ValueSpec::Kind::uniform, {0.0}, low, high}; }
ValueSpec normal(double mean, double std, double low, double high) {
  return {ValueSpec::Kind::normal, {0.0}, mean, std, ValueSpec::Limit::redraw, low, high};
}

// From `low` to `high`, so that neurons fire at different times.
std::vector<double> ramp(std::size_t n, double low, double high) {
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i) {
    values[i] = low + (high - low) * static_cast<double>(i) / static_cast<double>(n);
  }
  return values;
}

// E_L, V_th, V_reset, t_ref, theta_plus, tau_theta, then the model's own parameters.
ParameterValues lif(std::vector<double> I_e, double V_th = -50) {
  return {{-65}, {V_th}, {-60}, {2}, {0}, {100}, {20}, {200}, {5}, {10}, std::move(I_e)};
}
constexpr double never = 1e6;  // mV

struct Built {
  std::shared_ptr<Sim> sim = std::make_shared<Sim>(dt, seed, 1);

  std::size_t size(std::size_t population) const { return sizes[population]; }
  std::size_t neurons(const char* model, std::size_t n, const ParameterValues& parameters) {
    sizes.push_back(n);
    return sim->brief()->network.add_neurons(find_model(model), n, parameters, false);
  }
  std::size_t poisson(std::size_t n, double hertz) {
    sizes.push_back(n);
    return sim->brief()->network.add_poisson(n, {&hertz, 1});
  }
  std::size_t connect(std::size_t pre, std::size_t post, const ConnectionRule& rule,
                      const ValueSpec& weight, const ValueSpec& delay,
                      const std::optional<Plasticity>& plasticity = {}) {
    auto table = Drawing<float>(rule, {size(pre), {}, true}, {size(post), {}, true}, false, weight,
                                delay, dt, seed, sim->look()->network.projections.size())
                     .table();
    return sim->brief()->network.connect(pre, post, std::move(table), Receptor::by_sign,
                                         plasticity);
  }
  void drive(std::size_t population, double hertz, double weight, int channel) const {
    const double signed_weight = channel == inhibitory_channel ? -weight : weight;
    sim->brief()->network.inject(population, {}, [&](const InputSite& site) {
      return std::make_unique<PoissonInput<float>>(site, std::span(&hertz, 1), false,
                                                   std::span(&signed_weight, 1));
    });
  }
  void noise(std::size_t population, std::optional<std::span<const std::uint32_t>> elements) const {
    const double mean = 50, std = 100;
    sim->brief()->network.inject(population, elements, [&](const InputSite& site) {
      return std::make_unique<NoiseInput<float>>(site, std::span(&mean, 1), std::span(&std, 1), 1,
                                                 0);
    });
  }
  // A step current and changing rates, the same for all and one for each, until step `end`.
  void changing(std::size_t population, std::optional<std::span<const std::uint32_t>> elements,
                Step end) const {
    const std::vector<Step> starts{0, end};
    const std::vector<float> currents{50, 0};
    const double weight = 10;
    sim->brief()->network.inject(population, elements, [&](const InputSite& site) {
      return std::make_unique<StepCurrent<float>>(site, starts, currents, 1);
    });
    for (const std::size_t columns : {std::size_t{1}, size(population)}) {
      std::vector<double> rates = ramp(columns, 4000, 8000);
      rates.resize(2 * columns, 0.0);
      sim->brief()->network.inject(population, elements, [&](const InputSite& site) {
        return std::make_unique<PoissonInput<float>>(
            site, std::make_unique<SteppedRates>(site.targets, starts, rates, columns, site.dt),
            std::span(&weight, 1));
      });
    }
  }
  // Runs `steps` steps; the work is the number of spikes of the populations times `per_spike`. A
  // few warm-up steps let all buffers grow first.
  Work run(Step steps, const std::vector<std::size_t>& populations, std::size_t per_spike) const {
    std::vector<std::size_t> recorders;
    for (const std::size_t population : populations) {
      recorders.push_back(sim->brief()->record_spikes(population, {}));
    }
    const auto spikes = [recorders](Sim& s) {
      std::size_t sum = 0;
      for (const std::size_t k : recorders) {
        sum += s.look()->recorders.count(RecorderKind::spikes, k);
      }
      return sum;
    };
    sim->run(20, {});
    const std::size_t before = spikes(*sim);
    return [s = sim, spikes, before, steps, per_spike] {
      s->run(steps, {});
      return (spikes(*s) - before) * per_spike;
    };
  }
  // Runs likewise; the work is steps times `per_step`.
  Work run(Step steps, std::size_t per_step) const {
    sim->run(20, {});
    return [s = sim, steps, per_step] {
      s->run(steps, {});
      return per_step * static_cast<std::size_t>(steps);
    };
  }

  std::vector<std::size_t> sizes;
};

ConnectionRule outdegree(std::uint64_t n) {
  return {ConnectionRule::Kind::fixed_outdegree, 1, n, false, true};
}

// --- updates

Work lif_poisson() {
  Built net;
  const std::size_t n = net.neurons("LIF", 4000, lif(ramp(4000, 200, 400)));
  net.drive(n, 8000, 10, excitatory_channel);
  return net.run(500, 4000);
}

// Without any input.
Work lif_alone() {
  Built net;
  net.neurons("LIF", 4000, lif({300}, never));
  return net.run(200, 4000);
}

// A noise current into every neuron.
Work noise() {
  Built net;
  const std::size_t n = net.neurons("LIF", 4000, lif({300}, never));
  net.noise(n, {});
  return net.run(200, 4000);
}

// Each kind of input on 20 of as many neurons; compare with lif_alone.
Work inputs_on_few() {
  Built net;
  const std::size_t n = net.neurons("LIF", 4000, lif({300}, never));
  std::vector<std::uint32_t> few;
  for (std::uint32_t i = 0; i < 4000; i += 200) {
    few.push_back(i);
  }
  net.noise(n, few);
  const std::vector<double> rates = ramp(20, 4000, 8000);
  const double weight = 10;
  const std::vector<float> current(1000, 50);
  net.sim->brief()->network.inject(n, few, [&](const InputSite& site) {
    return std::make_unique<PoissonInput<float>>(site, rates, true, std::span(&weight, 1));
  });
  net.sim->brief()->network.inject(n, few, [&](const InputSite& site) {
    return std::make_unique<CurrentInput<float>>(site, current, 1, 0);
  });
  return net.run(200, 4000);
}

// Currents and rates that change with time, into every neuron.
Work changing_inputs() {
  Built net;
  const std::size_t n = net.neurons("LIF", 4000, lif({300}, never));
  net.changing(n, {}, Window{}.end);
  return net.run(200, 4000);
}

// The same, ended long ago, a hundred times; compare with lif_alone.
Work inputs_that_are_over() {
  Built net;
  const std::size_t n = net.neurons("LIF", 4000, lif({300}, never));
  for (int k = 0; k < 100; ++k) {
    net.changing(n, {}, 10);
  }
  return net.run(200, 4000);
}

Work conductance() {
  Built net;
  const std::size_t n = net.neurons("LIFCond", 4000,
                                    {{-65},
                                     {-50},
                                     {-60},
                                     {5},
                                     {0},
                                     {100},
                                     {200},
                                     {10},
                                     {0},
                                     {-80},
                                     {5},
                                     {10},
                                     ramp(4000, 100, 200)});
  net.drive(n, 1000, 1.5, excitatory_channel);
  net.drive(n, 500, 4, inhibitory_channel);
  return net.run(400, 4000);
}

// The step loop itself, with almost no work in each step.
Work small_network() {
  Built net;
  const std::size_t noise = net.poisson(64, 20), n = net.neurons("LIF", 64, lif({0}, never));
  net.connect(noise, n, outdegree(8), constant(10), constant(dt));
  return net.run(20000, 1);
}

// --- delivery of static synapses

// As in Brunel's network: delta synapses, rows of 1000, one delay.
Work long_rows() {
  Built net;
  const std::size_t noise = net.poisson(400, 500),
                    n = net.neurons("LIFDelta", 10000,
                                    {{0}, {never}, {0}, {2}, {0}, {100}, {20}, {200}, {0}});
  net.connect(noise, n, outdegree(1000), constant(0.1), constant(1.5));
  return net.run(150, {noise}, 1000);
}

// As in the cortical microcircuit: rows of 1900 over 40 delays, two receptors, drawn weights.
Work many_delays() {
  Built net;
  const std::size_t excitatory = net.poisson(160, 500), inhibitory = net.poisson(40, 500),
                    n = net.neurons("LIF", 8000, lif({0}, never));
  net.connect(excitatory, n, outdegree(1900), normal(88, 8.8, 0, 1e3), uniform(0.1, 4));
  net.connect(inhibitory, n, outdegree(1900), normal(-350, 35, -1e4, 0), uniform(0.1, 4));
  return net.run(150, {excitatory, inhibitory}, 1900);
}

// As in CUBA: rows of 80, one delay, two receptors.
Work short_rows() {
  Built net;
  const std::size_t excitatory = net.poisson(3200, 400), inhibitory = net.poisson(800, 400),
                    n = net.neurons("LIF", 4000, lif({0}, never));
  net.connect(excitatory, n, outdegree(80), constant(16), constant(dt));
  net.connect(inhibitory, n, outdegree(80), constant(-90), constant(dt));
  return net.run(100, {excitatory, inhibitory}, 80);
}

// The same over 16 delays: five synapses per segment.
Work short_segments() {
  Built net;
  const std::size_t excitatory = net.poisson(3200, 400), inhibitory = net.poisson(800, 400),
                    n = net.neurons("LIF", 4000, lif({0}, never));
  net.connect(excitatory, n, outdegree(80), constant(16), uniform(0.1, 1.6));
  net.connect(inhibitory, n, outdegree(80), constant(-90), uniform(0.1, 1.6));
  return net.run(100, {excitatory, inhibitory}, 80);
}

// --- plastic synapses

Plasticity stdp(double axonal_fraction = 0) {
  Plasticity rule{find_plasticity("STDP.additive"), {20, 20, 0.01, 0.0105, 0, 1}};
  rule.axonal_fraction = axonal_fraction;
  return rule;
}

// Random sources onto neurons that fire from their own current. The work is source spikes times
// synapses per source.
Work plastic(PlasticLayout layout, std::size_t sources, std::size_t targets,
             const ConnectionRule& rule, const ValueSpec& delay, Step steps,
             const Plasticity& how = stdp()) {
  Built net;
  const std::size_t pre = net.poisson(sources, 100),
                    post = net.neurons("LIF", targets, lif(ramp(targets, 160, 300)));
  const std::size_t k = net.connect(pre, post, rule, uniform(0, 1), delay, how);
  const std::size_t size = net.sim->look()->network.projections[k].size;
  Work work = net.run(steps, {pre}, size / sources);
  if (net.sim->brief()->access.describe(k) != layout_name(layout)) {
    throw std::logic_error("the synapses are stored as " + net.sim->brief()->access.describe(k));
  }
  return work;
}

Work stdp_closed() {
  return plastic(PlasticLayout::closed_rows, 2000, 2000, outdegree(200), constant(1.5), 300);
}
Work stdp_dense() { return plastic(PlasticLayout::dense_block, 784, 400, {}, constant(dt), 400); }
Work stdp_queued() {  // dendritic delays: rows by source
  return plastic(PlasticLayout::queued, 2000, 2000, outdegree(100), uniform(0.5, 4), 200);
}
Work stdp_history() {  // rows by source and delay
  return plastic(PlasticLayout::history, 2000, 2000, outdegree(100), uniform(0.5, 4), 200,
                 stdp(0.5));
}

// --- building

const ConnectionRule total{ConnectionRule::Kind::fixed_total_number, 1, 150'000, true, true};

SynapseTable<float> draw_table() {
  return Drawing<float>(total, {2000, {}, true}, {1500, {}, true}, false, normal(88, 8.8, 0, 1e3),
                        normal(1.5, 0.75, dt, 1e3), dt, seed, 0)
      .table();
}

Work draw() {
  return [] { return draw_table().size(); };
}

Work layout() {
  Built net;
  const std::size_t noise = net.poisson(2000, 10), n = net.neurons("LIF", 1500, lif({0}));
  net.sim->brief()->network.connect(noise, n, draw_table(), Receptor::by_sign, {});
  return [s = net.sim] {
    s->prepare();
    return s->look()->network.projections[0].size;
  };
}

constexpr Problem all[]{
    {"lif_poisson", "neuron step", lif_poisson},
    {"lif_alone", "neuron step", lif_alone},
    {"noise", "neuron step", noise},
    {"inputs_on_few", "neuron step", inputs_on_few},
    {"changing_inputs", "neuron step", changing_inputs},
    {"inputs_that_are_over", "neuron step", inputs_that_are_over},
    {"conductance", "neuron step", conductance},
    {"small_network", "step", small_network},
    {"long_rows", "event", long_rows},
    {"many_delays", "event", many_delays},
    {"short_rows", "event", short_rows},
    {"short_segments", "event", short_segments},
    {"stdp_closed", "event", stdp_closed},
    {"stdp_dense", "event", stdp_dense},
    {"stdp_queued", "event", stdp_queued},
    {"stdp_history", "event", stdp_history},
    {"draw", "synapse", draw},
    {"layout", "synapse", layout},
    {"program_lif", "neuron step", program_lif},
    {"program_adex", "neuron step", program_adex},
    {"program_at_rest", "neuron step", program_at_rest},
    {"layered_single", "synaptic operation", layered_single},
    {"layered_whole", "synaptic operation", layered_whole},
    {"trained_kept", "neuron step", trained_kept},
    {"trained_again", "neuron step", trained_again},
    {"trained_rich", "neuron step", trained_rich},
};

}  // namespace

std::span<const Problem> problems() { return all; }
