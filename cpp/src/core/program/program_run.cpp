#include "spikelet/core/program_run.hpp"

#include <algorithm>
#include <bit>
#include <string>

#include "spikelet/core/kernels.hpp"

namespace spikelet {
namespace {

// Bytes of a tile's arrays that the first-level cache holds besides what else a step touches.
constexpr std::size_t first_level = 24 << 10;
constexpr std::size_t longest_tile = 512, padding = 64;

// Puts single values second in products and sums, which changes no bit.
void swap_singles(Instruction& in, unsigned& single) {
  const auto swap = [&](unsigned a, unsigned b) {
    if ((single >> a & 1) != 0 && (single >> b & 1) == 0) {
      std::swap(in.operand[a], in.operand[b]);
      single ^= 1u << a | 1u << b;
    }
  };
  switch (static_cast<Opcode>(in.opcode)) {
    case Opcode::LIN3:
      swap(4, 5);
      [[fallthrough]];
    case Opcode::LIN2:
      swap(2, 3);
      [[fallthrough]];
    case Opcode::MULADD:
    case Opcode::MUL:
    case Opcode::ADD:
    case Opcode::EQ:
    case Opcode::NE:
      swap(0, 1);
      break;
    default:
      break;
  }
}

}  // namespace

template <class R>
ProgramRun<R>::ProgramRun(std::shared_ptr<const Program> what, ProgramArrays<R> of,
                          std::size_t node_number, double dt_ms, std::uint64_t seed)
    : program(std::move(what)),
      arrays(std::move(of)),
      node(node_number),
      dt(dt_ms),
      stream(seed, Purpose::program, static_cast<std::uint32_t>(node_number)) {
  const ProgramParts& parts = program->parts();
  const Program::Slots& slots = program->slots();
  const Receptors& receptors = program->receptors();
  std::vector<bool> single(slots.end);
  for (std::size_t k = 0; k < parts.coefficients; ++k) {
    single[slots.coefficient + k] = !arrays.varies[k];
  }
  for (std::size_t k = 0; k < parts.constants.size(); ++k) {
    single[slots.constant + k] = true;
  }
  single[slots.time] = true;

  // Operands that an operation takes only as an array get a slot of copies.
  std::vector<std::size_t> copied;  // the slots that such further slots copy
  const auto bind = [&](Instruction in, std::vector<BoundInstruction<R>>& to) {
    const std::size_t operands = opcodes()[in.opcode].operands.size();
    unsigned singles = 0;
    for (std::size_t k = 0; k < operands; ++k) {
      singles |= single[in.operand[k]] ? 1u << k : 0u;
    }
    swap_singles(in, singles);
    Operation<R> run = kernels().operation<R>(static_cast<Opcode>(in.opcode), singles);
    while (run == nullptr) {
      const auto k = static_cast<std::size_t>(std::countr_zero(singles));
      auto found = std::ranges::find(copied, in.operand[k]);
      if (found == copied.end()) {
        found = copied.insert(found, in.operand[k]);
      }
      in.operand[k] = static_cast<std::uint16_t>(slots.end + static_cast<std::size_t>(found - copied.begin()));
      singles &= singles - 1;
      run = kernels().operation<R>(static_cast<Opcode>(in.opcode), singles);
    }
    to.push_back({run, in.target, in.operand});
  };
  for (const Instruction& in : parts.step) {
    bind(in, step);
  }
  for (const Instruction& in : parts.reset) {
    bind(in, reset);
  }

  slot.resize(slots.end + copied.size());
  for (std::size_t k = 0; k < arrays.state.size(); ++k) {
    moving.push_back({k, arrays.state[k]});
  }
  for (const int channel : receptors.early()) {
    R* base = arrays.channel[static_cast<std::size_t>(channel)];
    moving.push_back({slots.input + early.size(), base});
    early.push_back(base);
  }
  for (std::size_t k = 0; k < parts.coefficients; ++k) {
    if (arrays.varies[k]) {
      moving.push_back({slots.coefficient + k, const_cast<R*>(arrays.coefficient[k])});
    }
  }
  reached = early;
  for (const auto& [channel, state] : receptors.late()) {
    reached.push_back(arrays.channel[static_cast<std::size_t>(channel)]);
  }

  // Tiled arrays, single values, and the states before a step.
  const std::size_t rows = parts.registers + parts.draws.size() + 2 + copied.size();
  tile = longest_tile;
  while (tile > block_size && (rows + moving.size()) * tile * sizeof(R) > first_level) {
    tile /= 2;
  }
  const std::size_t stride = tile + padding / sizeof(R);
  memory.resize(rows * stride + (parts.constants.size() + 1) * (block_size / sizeof(R)) +
                arrays.state.size() * tile);
  R* next = memory.data();
  const auto row = [&](std::size_t k) {
    slot[k] = next;
    next += stride;
  };
  for (std::size_t k = slots.registers; k < slots.end; ++k) {
    row(k);
  }
  for (std::size_t k = slots.draw; k < slots.time; ++k) {
    row(k);
  }
  row(slots.held);
  for (std::size_t k = slots.end; k < slot.size(); ++k) {
    row(k);
  }
  zeros = next;
  next += stride;
  const auto value = [&](std::size_t k, R x) {
    slot[k] = next;
    *next = x;
    next += block_size / sizeof(R);
  };
  for (std::size_t k = 0; k < parts.constants.size(); ++k) {
    value(slots.constant + k, static_cast<R>(parts.constants[k]));
  }
  value(slots.time, R(0));
  for (std::size_t k = 0; k < parts.coefficients; ++k) {
    slot[slots.coefficient + k] = const_cast<R*>(arrays.coefficient[k]);
  }
  slot[slots.current] = zeros;
  saved = next;
  for (std::size_t k = 0; k < copied.size(); ++k) {
    std::fill_n(slot[slots.end + k], tile, *slot[copied[k]]);
    if (copied[k] == slots.time) {
      copies_of_time.push_back(slots.end + k);
    }
  }
  group_slot = slot;
  for (std::size_t k = 0; k < slot.size(); ++k) {
    if (k >= slots.end || (!single[k] && k != slots.spiked)) {
      tiled.push_back(k);
    }
  }
  resting.assign((arrays.end - arrays.begin) / block_size, 0);
}

Divergence::Divergence(std::size_t of_node, std::size_t of_state, std::size_t of_element,
                       std::int64_t at, double found)
    : std::runtime_error("state " + std::to_string(of_state) + " of neuron " +
                         std::to_string(of_element) + " of population " +
                         std::to_string(of_node) + " is " + std::to_string(found) + " at step " +
                         std::to_string(at)),
      node(of_node),
      state(of_state),
      element(of_element),
      step(at),
      value(found) {}

void throw_divergence(std::size_t node, std::size_t state, std::size_t element, std::int64_t step,
                      double value) {
  throw Divergence(node, state, element, step, value);
}

template struct ProgramRun<float>;
template struct ProgramRun<double>;

}  // namespace spikelet
