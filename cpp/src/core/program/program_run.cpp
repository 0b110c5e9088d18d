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
void put_second(std::span<std::uint16_t> operand, unsigned& single, unsigned at) {
  const unsigned both = 3u << at;
  if ((single & both) == 1u << at) {
    std::swap(operand[at], operand[at + 1]);
    single ^= both;
  }
}

bool commutes(Opcode opcode) {
  return opcode == Opcode::ADD || opcode == Opcode::MUL || opcode == Opcode::EQ ||
         opcode == Opcode::NE;
}

// The operands that the items of a sum have as factors that come second, and as terms.
struct SumOperands {
  unsigned seconds = 0, terms = 0;
  std::vector<unsigned> products;  // the first operand of each

  explicit SumOperands(std::uint16_t form) {
    for (unsigned at = 0; form != 0; form = static_cast<std::uint16_t>(form >> 2)) {
      if ((form & 3) == 1) {
        products.push_back(at);
        seconds |= 2u << at;
        at += 2;
      } else {
        terms |= 1u << at;
        ++at;
      }
    }
  }
};

}  // namespace

template <class R>
ProgramRun<R>::ProgramRun(std::shared_ptr<const Program> what, ProgramArrays<R> of,
                          std::size_t node_number, double dt_ms, std::uint64_t seed,
                          const ProgramKernels<R>* given)
    : program(std::move(what)),
      arrays(std::move(of)),
      node(node_number),
      dt(dt_ms),
      stream(seed, Purpose::program, static_cast<std::uint32_t>(node_number)) {
  const ProgramParts& parts = program->parts();
  const Program::Slots& slots = program->slots();
  const Receptors& receptors = program->receptors();
  std::vector<bool> single(slots.end + 3);
  for (std::size_t k = 0; k < parts.coefficients; ++k) {
    single[slots.coefficient + k] = !arrays.varies[k];
  }
  for (std::size_t k = 0; k < parts.constants.size(); ++k) {
    single[slots.constant + k] = true;
  }
  single[slots.time] = true;
  // Slots after those of the program: the bytes of who is held, the byte of now, and 0.
  hold_slot = slots.end;
  const std::size_t now_slot = slots.end + 1, zero_slot = slots.end + 2, first_copy = slots.end + 3,
                    spiked_slot = slots.spiked;  // of a step, nobody's
  single[zero_slot] = true;

  // Operands that an operation takes only as an array get a slot of copies.
  std::vector<std::size_t> copied;  // the slots that such further slots copy
  const auto spread = [&](std::uint16_t& operand) {
    auto found = std::ranges::find(copied, operand);
    if (found == copied.end()) {
      found = copied.insert(found, operand);
    }
    operand =
        static_cast<std::uint16_t>(first_copy + static_cast<std::size_t>(found - copied.begin()));
  };
  const ProgramKernels<R>& table = given != nullptr ? *given : kernels().program<R>();
  const auto bind = [&](FusedInstruction in, std::vector<BoundInstruction<R>>& to) {
    unsigned singles = 0;
    for (std::size_t k = 0; k < in.operands; ++k) {
      singles |= single[in.operand[k]] ? 1u << k : 0u;
    }
    const std::span<std::uint16_t> operand(in.operand);
    Operation<R> run = nullptr;
    unsigned taken = 0;  // operands as single values
    if (in.kind == FusedInstruction::sum) {
      const SumOperands items(in.form);
      for (const unsigned at : items.products) {
        put_second(operand, singles, at);
      }
      const bool seconds = (singles & items.seconds) == items.seconds,
                 terms = (singles & items.terms) == items.terms;
      const int how = !seconds ? 0 : terms ? 2 : 1;
      taken = (how > 0 ? items.seconds : 0u) | (how > 1 ? items.terms : 0u);
      run = table.sum(in.form, how, in.flag);
    } else {
      if (commutes(in.opcode) || in.opcode == Opcode::MULADD || in.opcode == Opcode::LIN2 ||
          in.opcode == Opcode::LIN3) {
        for (unsigned at = 0; at + 1 < in.operands; at += 2) {
          put_second(operand, singles, at);
        }
      }
      for (taken = singles;; taken &= taken - 1) {
        run = in.kind == FusedInstruction::spikes ? table.spikes(in.opcode, in.flag, taken)
                                                  : table.operation(in.opcode, taken);
        if (run != nullptr) {
          break;
        }
      }
    }
    for (std::size_t k = 0; k < in.operands; ++k) {
      if (((singles & ~taken) >> k & 1) != 0) {
        spread(in.operand[k]);
      }
    }
    BoundInstruction<R>& bound = to.emplace_back();
    bound.run = run;
    bound.target =
        in.kind == FusedInstruction::spikes ? static_cast<std::uint16_t>(spiked_slot) : in.target;
    std::ranges::copy(in.operand, bound.operand.begin());
    bound.operand[hold_operand] = static_cast<std::uint16_t>(hold_slot);
    bound.operand[now_operand] = static_cast<std::uint16_t>(now_slot);
  };
  for (const FusedInstruction& in : program->step()) {
    bind(in, step);
  }
  for (FusedInstruction in : program->calm_step()) {
    for (std::size_t k = 0; k < in.operands; ++k) {
      if (in.operand[k] >= slots.input && in.operand[k] < slots.coefficient) {
        in.operand[k] = static_cast<std::uint16_t>(zero_slot);
      }
    }
    bind(in, calm_step);
  }
  for (const FusedInstruction& in : program->reset()) {
    bind(in, reset);
  }

  slot.resize(first_copy + copied.size());
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
  for (std::size_t k = first_copy; k < slot.size(); ++k) {
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
  slot[slots.current] = slot[zero_slot] = zeros;
  saved = next;
  for (std::size_t k = 0; k < copied.size(); ++k) {
    std::fill_n(slot[first_copy + k], tile, *slot[copied[k]]);
    if (copied[k] == slots.time) {
      copies_of_time.push_back(first_copy + k);
    }
  }
  slot[now_slot] = reinterpret_cast<R*>(&now);
  slot[spiked_slot] = reinterpret_cast<R*>(spiked.data());
  group_slot = slot;
  for (std::size_t k = 0; k < slot.size(); ++k) {
    if (k >= first_copy || (k < slots.end && !single[k] && k != slots.spiked)) {
      tiled.push_back(k);
    }
  }
  resting.assign((arrays.end - arrays.begin) / block_size, 0);
  may_be_held.assign(resting.size(), 1);
}

Divergence::Divergence(std::size_t of_node, std::size_t of_state, std::size_t of_element,
                       std::int64_t at, double found)
    : std::runtime_error("state " + std::to_string(of_state) + " of neuron " +
                         std::to_string(of_element) + " of population " + std::to_string(of_node) +
                         " is " + std::to_string(found) + " at step " + std::to_string(at)),
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
