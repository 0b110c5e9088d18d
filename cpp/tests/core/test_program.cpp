#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "spikelet/core/program.hpp"
#include "support/programs.hpp"

namespace test_core_program {

using namespace spikelet;
using programs::Writer;

namespace {

// A small valid program: x decays, is set to the uniform draw where it spikes.
Writer valid() {
  Writer w({"x", "y"}, 2);
  w.parts.receptors = {{"a", 0, false}, {"b", -1, true}};
  w.parts.constants.push_back(1);
  w.parts.draws.push_back(DrawKind::uniform);
  w.step(Opcode::MULADD, 0, {0, w.coefficient(0), w.input(0)})
      .step(Opcode::LE, w.reg(0), {0, w.coefficient(1)})
      .step(Opcode::NOT, w.reg(1), {w.reg(0)})
      .reset(Opcode::SELECT, 0, {w.spiked(), w.draw(0), 0});
  w.parts.spiked = w.reg(1);
  return w;
}

std::string error(const Writer& w) {
  try {
    w.program();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("opcodes have the fixed numbers, as many operands as they read, and a result") {
  const auto all = opcodes();
  REQUIRE(all.size() == 41);
  CHECK(all[0].name == "MOV");
  CHECK(all[static_cast<std::size_t>(Opcode::EXP)].name == "EXP");
  CHECK(all[40].name == "LIN3");
  CHECK(all[40].operands.size() == 6);
  for (const OpcodeInfo& info : all) {
    CHECK(info.operands.size() >= 1);
    CHECK((info.result == 'n' || info.result == 'm' || info.result == 'x'));
  }
}

TEST_CASE("a program knows its slots, and whether it may rest") {
  const Program p = valid().program();
  const Program::Slots& s = p.slots();
  CHECK(std::vector{s.input, s.coefficient, s.constant, s.draw, s.time, s.current, s.held, s.spiked,
                    s.registers,
                    s.end} == std::vector<std::size_t>{2, 3, 5, 6, 7, 8, 9, 10, 11, 13});
  CHECK(!p.may_rest());  // it draws
  CHECK(p.reads(s.draw));
  CHECK(!p.reads(1));
  Writer w({"x"});
  w.step(Opcode::NEG, 0, {0});
  CHECK(w.program().may_rest());
  w.step(Opcode::ADD, 0, {0, w.time()});
  CHECK(!w.program().may_rest());  // although nobody said so
}

TEST_CASE("what is wrong with a program is named") {
  struct Wrong {
    const char* message;
    std::function<void(Writer&)> change;
  };
  const Wrong cases[]{
      {"states must be 1 to 64, got 0", [](Writer& w) { w.parts.states.clear(); }},
      {"states must be 1 to 64, got 65", [](Writer& w) { w.parts.states.resize(65); }},
      {"coefficients must be 0 to 4096", [](Writer& w) { w.parts.coefficients = 4097; }},
      {"constants must be 0 to 4096", [](Writer& w) { w.parts.constants.resize(4097); }},
      {"registers must be 0 to 4096", [](Writer& w) { w.parts.registers = 4097; }},
      {"draws must be 0 to 64", [](Writer& w) { w.parts.draws.resize(65); }},
      {"draws must be 0 (uniform) or 1 (normal), got 2",
       [](Writer& w) { w.parts.draws[0] = DrawKind{2}; }},
      {"instructions of a step must be 0 to 16384",
       [](Writer& w) { w.parts.step.resize(16385, w.parts.step[0]); }},
      {"instructions of a reset must be 0 to 16384",
       [](Writer& w) { w.parts.reset.resize(16385, w.parts.reset[0]); }},
      {"receptor 'a' must add to a state (0 to 1) or -1, got 2",
       [](Writer& w) { w.parts.receptors[0].state = 2; }},
      {"receptor 'a' must add to a state (0 to 1) or -1, got -2",
       [](Writer& w) { w.parts.receptors[0].state = -2; }},
      {"both must be early or both must be late", [](Writer& w) { w.parts.by_sign = true; }},
      {"instruction 0 of the step has opcode 41; the last one is 40",
       [](Writer& w) { w.parts.step[0].opcode = 41; }},
      {"instruction 2 of the step (NOT) reads slot 13; the last one is 12",
       [](Writer& w) { w.parts.step[2].operand[0] = 13; }},
      {"instruction 2 of the step (NOT) reads register 1 before it is written",
       [](Writer& w) { w.parts.step[2].operand[0] = 12; }},
      {"instruction 1 of the step (LE) needs a number as operand 0",
       [](Writer& w) { w.parts.step[1].operand[0] = w.held(); }},
      {"instruction 2 of the step (NOT) needs a mask as operand 0",
       [](Writer& w) { w.parts.step[2].operand[0] = 0; }},
      {"(NOT) takes 1 operands; the others must be 0",
       [](Writer& w) { w.parts.step[2].operand[1] = 1; }},
      {"instruction 0 of the step (MULADD) must write to a state or a register; slot 2 is neither",
       [](Writer& w) { w.parts.step[0].target = 2; }},
      {"slot 10 is neither", [](Writer& w) { w.parts.step[0].target = w.spiked(); }},
      {"slot 65535 is neither", [](Writer& w) { w.parts.step[0].target = 65535; }},
      {"instruction 1 of the step (LE) writes a mask to a state",
       [](Writer& w) { w.parts.step[1].target = 1; }},
      {"instruction 2 of the step (NOT) reads SPIKED, which only a reset may do",
       [](Writer& w) { w.parts.step[2].operand[0] = w.spiked(); }},
      {"instruction 0 of the reset (SELECT) reads register 1 before it is written",
       [](Writer& w) { w.parts.reset[0].operand[0] = 12; }},
      {"instruction 0 of the reset (SELECT) needs a number as operand 2",
       [](Writer& w) { w.parts.reset[0].operand[2] = w.held(); }},
      {"spiked must be a register to which the step writes a mask, or -1, got 0",
       [](Writer& w) { w.parts.spiked = 0; }},
      {"or -1, got -2", [](Writer& w) { w.parts.spiked = -2; }},
      {"or -1, got 13", [](Writer& w) { w.parts.spiked = 13; }},
      {"a reset needs spiked", [](Writer& w) { w.parts.spiked = -1; }},
  };
  for (const Wrong& wrong : cases) {
    CAPTURE(wrong.message);
    Writer w = valid();
    wrong.change(w);
    const std::string found = error(w);
    CAPTURE(found);
    CHECK(found.starts_with("program 'test': "));
    CHECK(found.find(wrong.message) != std::string::npos);
  }
  CHECK(error(valid()).empty());
}

TEST_CASE("random arrays are programs or refused, and those that are programs run") {
  std::size_t made = 0;
  for (std::uint32_t k = 0; k < 30000; ++k) {
    const Stream stream(3, Purpose::values, k);
    std::uint32_t at = 0;
    const auto below = [&](std::uint32_t n) { return stream.words(at++, 0)[0] % n; };
    const auto anything = [&](std::uint32_t n) {
      return static_cast<std::uint16_t>(below(50) == 0 ? below(65536) : below(n));
    };
    ProgramParts parts;
    parts.name = "random";
    parts.states.resize(1 + below(3));
    parts.coefficients = below(3);
    parts.constants.assign(2, 0.5);
    parts.draws.resize(below(2), DrawKind::normal);
    parts.registers = 1 + below(3);
    for (std::uint32_t r = below(3); r > 0; --r) {
      parts.receptors.push_back({"r", static_cast<int>(below(3)) - 1, below(3) == 0});
    }
    const auto slots = static_cast<std::uint32_t>(parts.states.size() + parts.coefficients + 10);
    const auto code = [&](std::vector<Instruction>& to) {
      for (std::uint32_t n = below(4); n > 0; --n) {
        Instruction in{anything(41), anything(slots), {}};
        const std::size_t used =
            in.opcode < opcodes().size() ? opcodes()[in.opcode].operands.size() : 6;
        for (std::size_t o = 0; o < used; ++o) {  // mostly numbers
          in.operand[o] = anything(below(4) == 0 ? slots : slots - 7);
        }
        to.push_back(in);
      }
    };
    code(parts.step);
    if (below(4) == 0) {
      code(parts.reset);
    }
    parts.spiked = below(2) == 0 ? -1 : static_cast<int>(below(slots)) - 1;
    parts.by_sign = below(3) == 0;
    std::shared_ptr<const Program> program;
    try {
      program = std::make_shared<const Program>(parts);
    } catch (const std::invalid_argument&) {
      continue;
    }
    ++made;
    Population<float> neurons(program, 70, own_range(0, 70, 0, 1), 0, 0.1,
                              {std::vector(parts.coefficients, std::vector<double>{0.25}), {1}});
    std::vector<Buffer<float>> channels(max_channels);
    StepArgs<float> args = neurons.step_args(0);
    ProgramArrays<float> arrays = neurons.program_arrays();
    arrays.channel.resize(max_channels);
    for (std::size_t r = 0; r < program->receptors().size(); ++r) {
      const auto channel = static_cast<std::size_t>(program->receptors().channel(r));
      channels[channel].resize(128);
      arrays.channel[channel] = channels[channel].data();
    }
    arrays.end = 128;
    ProgramRun<float> run(program, arrays, 0, 0.1, 1);
    args.program = &run;
    std::vector<Gid> out(128);
    try {
      for (; args.now < 3; ++args.now, ++args.step) {
        const Gid* end = neurons.step_function(false)(args, 0, 128, out.data());
        CHECK(end - out.data() <= 70);
      }
    } catch (const Divergence& found) {
      CHECK(found.element < 70);
    }
  }
  CHECK(made > 1000);
}

}  // namespace test_core_program
