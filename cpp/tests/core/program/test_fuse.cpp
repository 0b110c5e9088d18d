#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "core/program/fuse.hpp"
#include "support/programs.hpp"

namespace test_core_program_fuse {

using namespace spikelet;
using programs::Writer;

namespace {

using Operands = std::vector<std::uint16_t>;

Operands operands(const FusedInstruction& in) {
  return {in.operand.begin(), in.operand.begin() + in.operands};
}

}  // namespace

TEST_CASE("sums that one instruction reads become part of it, and so does what is held") {
  const auto program = programs::fly();
  const auto& step = program->step();
  REQUIRE(step.size() == 4);  // of eight
  CHECK(step[0].kind == FusedInstruction::sum);
  CHECK(step[0].form == sum_form("**+"));
  CHECK(step[0].flag);
  CHECK(operands(step[0]) == Operands{0, 3, 1, 5, 4, 0});  // the last one: what held neurons keep
  CHECK(step[1].opcode == Opcode::ADD);
  CHECK(step[2].form == sum_form("*"));
  CHECK(step[3].kind == FusedInstruction::spikes);
  CHECK(step[3].opcode == Opcode::LE);
  CHECK(step[3].flag);  // the opposite
  CHECK(!program->reads(program->slots().held));
}

TEST_CASE("nothing is fused that would read another value") {
  {
    Writer w({"x", "y"});  // the product is read twice
    w.step(Opcode::MUL, w.reg(0), {0, 1})
        .step(Opcode::ADD, 0, {w.reg(0), 1})
        .step(Opcode::ADD, 1, {w.reg(0), 1});
    CHECK(w.program().step().size() == 3);
  }
  {
    Writer w({"x", "y"});  // an operand changes in between
    w.step(Opcode::MUL, w.reg(0), {0, 1})
        .step(Opcode::NEG, 0, {0})
        .step(Opcode::ADD, 1, {w.reg(0), 1});
    CHECK(w.program().step().size() == 3);
  }
  {
    Writer w({"x", "y"});  // x - (x y) is no sum of that kind
    w.step(Opcode::MUL, w.reg(0), {0, 1}).step(Opcode::SUB, 0, {0, w.reg(0)});
    CHECK(w.program().step().size() == 2);
  }
  {
    Writer w({"x", "y"});  // while it may overwrite its own operand
    w.step(Opcode::NEG, w.reg(0), {0})
        .step(Opcode::MUL, w.reg(0), {w.reg(0), 1})
        .step(Opcode::SUB, 0, {w.reg(0), 1});
    REQUIRE(w.program().step().size() == 2);
    CHECK(w.program().step()[1].form == sum_form("*-"));
  }
}

}  // namespace test_core_program_fuse
