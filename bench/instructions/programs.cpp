#include "programs.hpp"

#include <cmath>
#include <memory>
#include <vector>

#include "spikelet/network/simulator.hpp"
#include "support/programs.hpp"

namespace {

using namespace spikelet;

constexpr double dt = 0.1;

Work run(std::shared_ptr<const Program> program, const ProgramValues& values, std::size_t n,
         double low, double high, Step steps) {
  auto sim = std::make_shared<Simulator<float>>(dt, 1, 1);
  sim->brief()->network.add_program(std::move(program), n, values);
  std::vector<float> v(n);
  for (std::size_t i = 0; i < n; ++i) {
    v[i] = static_cast<float>(low + (high - low) * std::fmod(static_cast<double>(i) * 0.618034, 1));
  }
  sim->brief()->network.neurons(0).set_state(0, v);
  sim->run(70, {});
  return [sim, n, steps] {
    sim->run(steps, {});
    return n * static_cast<std::size_t>(steps);
  };
}

}  // namespace

// As lif_alone.
Work program_lif() {
  return run(programs::lif(), programs::lif_values(dt, 20, 200, 5, 10, 300, 1e6, 0, 2), 4000, 0, 15,
             200);
}
Work program_adex() {
  return run(programs::adex(), programs::adex_values(dt, 700), 4000, -70, -50, 100);
}
// Blocks that nothing reaches are skipped.
Work program_at_rest() {
  return run(programs::fly(), programs::fly_values(dt), 20000, -52, -52, 200);
}
