#include <doctest/doctest.h>

#include "core/program/calm.hpp"
#include "support/programs.hpp"

namespace test_core_program_calm {

using namespace spikelet;
using programs::Writer;

namespace {

std::vector<Instruction> calm_of(const Writer& w, int spiked = -1) {
  return calm(w.parts.step, spiked, w.program().slots());
}

Opcode opcode(const Instruction& in) { return static_cast<Opcode>(in.opcode); }

}  // namespace

TEST_CASE("what held neurons keep is neither chosen nor computed") {
  Writer w({"x", "y"});
  w.step(Opcode::NEG, w.reg(0), {0})     // of those that are not held
      .step(Opcode::ABS, w.reg(1), {1})  // of those that are
      .step(Opcode::SELECT, 0, {w.held(), w.reg(1), w.reg(0)});
  const auto left = calm_of(w);
  REQUIRE(left.size() == 2);
  CHECK(opcode(left[0]) == Opcode::NEG);
  CHECK(opcode(left[1]) == Opcode::MOV);
  CHECK(left[1].target == 0);
  CHECK(left[1].operand[0] == w.reg(0));
}

TEST_CASE("other choices, and registers that are written twice, stay") {
  Writer w({"x"});
  w.step(Opcode::LT, w.reg(0), {0, 0})
      .step(Opcode::NEG, w.reg(1), {0})
      .step(Opcode::ABS, w.reg(1), {w.reg(1)})
      .step(Opcode::SELECT, 0, {w.reg(0), 0, w.reg(1)});
  CHECK(calm_of(w).size() == 4);
}

TEST_CASE("the mask of spikes is kept, and a mask that nothing reads is not") {
  Writer w({"x"});
  w.step(Opcode::LE, w.reg(0), {0, 0}).step(Opcode::LT, w.reg(1), {0, 0});
  const auto left = calm_of(w, w.reg(0));
  REQUIRE(left.size() == 1);
  CHECK(opcode(left[0]) == Opcode::LE);
}

}  // namespace test_core_program_calm
