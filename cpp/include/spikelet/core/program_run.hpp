// A program, bound to the arrays of some neurons, for the steps of a run.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/program.hpp"
#include "spikelet/core/random.hpp"

namespace spikelet {

template <class R>
struct BoundInstruction;

// An operation on `n` elements, a multiple of group_size; slot[k] is where operand k begins.
template <class R>
using Operation = void (*)(R* const* slot, const BoundInstruction<R>& in, std::size_t n);

template <class R>
struct BoundInstruction {
  Operation<R> run;
  std::uint16_t target;
  std::array<std::uint16_t, 12> operand;
};
// Where sums find who is held: bytes, one for each neuron, and the byte of `now`.
inline constexpr std::size_t hold_operand = 10, now_operand = 11;

// Resets work on this many neurons at once, at each level.
inline constexpr std::size_t group_size = 16;

// The arrays of the neurons, indexed from element 0 on.
template <class R>
struct ProgramArrays {
  std::vector<R*> state;              // by number; late inputs are added to these
  std::vector<R*> channel;            // by channel: what events are added to
  std::vector<const R*> coefficient;  // one value (64 copies), or
  std::vector<bool> varies;           // one for each element
  std::size_t begin = 0, end = 0;     // elements that may be stepped
};

template <class R>
struct ProgramKernels;

template <class R>
struct ProgramRun {
  // node: the number that errors give, and that random draws are keyed by. kernels: default: those
  // of the level in use.
  ProgramRun(std::shared_ptr<const Program> what, ProgramArrays<R> of, std::size_t node_number,
             double dt_ms, std::uint64_t seed, const ProgramKernels<R>* kernels = nullptr);
  ProgramRun(const ProgramRun&) = delete;  // slots point into it
  ProgramRun& operator=(const ProgramRun&) = delete;

  std::shared_ptr<const Program> program;
  ProgramArrays<R> arrays;
  std::size_t node;
  double dt;
  Stream stream;

  std::vector<BoundInstruction<R>> step, calm_step, reset;
  std::vector<R*> slot;  // where each slot of the present tile begins
  struct Moving {
    std::size_t slot;
    R* base;  // of element 0
  };
  std::vector<Moving> moving;      // slots of arrays over all elements
  std::vector<std::size_t> tiled;  // all slots but single values: what a reset has to offset
  std::vector<std::size_t> copies_of_time;  // slots
  std::vector<R*> early;                    // inputs of early receptors, of element 0
  std::vector<R*> reached;                  // arrays that events are added to, of element 0
  std::size_t tile = 0;                     // elements at once
  Buffer<R> memory;                         // of a tile
  std::vector<R*> group_slot;               // the slots of a reset's group
  R* zeros = nullptr;                       // for a step without external current
  R* saved = nullptr;                       // states before a step
  std::size_t hold_slot = 0;                // that of the bytes of who is held
  std::int8_t now = 0;                      // the byte that they are compared with
  std::array<std::uint64_t, 8> spiked{};    // a bit for each neuron of a tile
  // By block: whether it is at rest, so that a step changes nothing unless something reaches it.
  std::vector<std::uint8_t> resting;
  std::vector<std::uint8_t> may_be_held;  // by block: whether some of it may be held
};

// The state of a neuron is no longer a number. `step` is the stamp of the step's end.
struct Divergence : std::runtime_error {
  Divergence(std::size_t node, std::size_t state, std::size_t element, std::int64_t step,
             double value);
  std::size_t node, state, element;
  std::int64_t step;
  double value;
};

[[noreturn]] void throw_divergence(std::size_t node, std::size_t state, std::size_t element,
                                   std::int64_t step, double value);

extern template struct ProgramRun<float>;
extern template struct ProgramRun<double>;

}  // namespace spikelet
