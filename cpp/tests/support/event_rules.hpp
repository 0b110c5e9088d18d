// Pair STDP as programs: w, the trace x of the source and the trace y of the target.
#pragma once

#include <memory>

#include "spikelet/core/event_rule.hpp"
#include "support/programs.hpp"

namespace event_rules {

using namespace spikelet;

// Coefficients: the amplitude. Not clipped.
inline EventRule::Parts pair_parts(double tau) {
  using Keeper = EventRule::Keeper;
  EventRule::Parts parts;
  parts.variables = {{"w", Keeper::synapse}, {"x", Keeper::source}, {"y", Keeper::target}};
  parts.rates = {{1, 1, -1 / tau}, {2, 2, -1 / tau}};
  parts.order = {0, 1, 2};
  const auto changes = [](std::size_t trace, Opcode sign) {
    programs::Writer writer({"w", "x", "y"}, 1);
    const auto product = writer.reg(0);
    writer.step(Opcode::MUL, product, {trace, writer.coefficient(0)});
    return writer.step(sign, 0, {0, product}).shared();
  };
  const auto jumps = [](std::size_t trace) {
    programs::Writer writer({"w", "x", "y"});
    writer.parts.constants.assign(1, 1.0);
    return writer.step(Opcode::ADD, trace, {trace, writer.constant(0)}).shared();
  };
  parts.programs = {changes(2, Opcode::SUB), changes(1, Opcode::ADD), jumps(1), jumps(2),
                    programs::Writer({"w", "x", "y"}).shared()};
  return parts;
}

}  // namespace event_rules
