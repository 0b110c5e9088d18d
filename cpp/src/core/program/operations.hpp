// What each opcode does, as one line on vectors of operands, and the loop over a tile.

namespace spikelet::SPIKELET_LEVEL {

// A mask is bits of a number here: operations see vectors of numbers only.
template <class R>
SPIKELET_INLINE Vec<R> mask_of(Mask<R> m) {
  return as_number<R>(m);
}

// Operations, by opcode, with the sets of operands that may be single values: each is compiled
// with these in registers. Bit k of a set is operand k. Every operation can also read arrays only.
template <Opcode op>
struct OperationOf;

#define SPIKELET_UNPACK(...) __VA_ARGS__
#define SPIKELET_OPERATION(name, parameters, sets, result)              \
  template <>                                                           \
  struct OperationOf<Opcode::name> {                                    \
    using Sets = std::integer_sequence<unsigned, SPIKELET_UNPACK sets>; \
    template <class R, class V = Vec<R>, class M = Mask<R>>             \
    SPIKELET_INLINE static Vec<R> apply(SPIKELET_UNPACK parameters) {   \
      return result;                                                    \
    }                                                                   \
  };

#define ONE (V a)
#define TWO (V a, V b)
#define THREE (V a, V b, V c)
#define PLAIN (0)
#define EITHER (0, 1, 2)
#define SECOND (0, 2)

SPIKELET_OPERATION(MOV, ONE, (0, 1), a)
SPIKELET_OPERATION(ADD, TWO, SECOND, a + b)
SPIKELET_OPERATION(SUB, TWO, EITHER, a - b)
SPIKELET_OPERATION(MUL, TWO, SECOND, a* b)
SPIKELET_OPERATION(DIV, TWO, EITHER, a / b)
SPIKELET_OPERATION(NEG, ONE, PLAIN, -a)
SPIKELET_OPERATION(ABS, ONE, PLAIN, magnitude(a))
SPIKELET_OPERATION(MIN, TWO, EITHER, choose<R>(a < b, a, b))
SPIKELET_OPERATION(MAX, TWO, EITHER, choose<R>(a > b, a, b))
SPIKELET_OPERATION(SQRT, ONE, PLAIN, sqrt_of<R>(a))
SPIKELET_OPERATION(EXP, ONE, PLAIN, exp_of<R>(a))
SPIKELET_OPERATION(EXPM1, ONE, PLAIN, expm1_of<R>(a))
SPIKELET_OPERATION(EXPREL, ONE, PLAIN, exprel_of<R>(a))
SPIKELET_OPERATION(LOG, ONE, PLAIN, log_of<R>(a))
SPIKELET_OPERATION(LOG1P, ONE, PLAIN, log1p_of<R>(a))
SPIKELET_OPERATION(SIN, ONE, PLAIN, sin_of<R>(a))
SPIKELET_OPERATION(COS, ONE, PLAIN, cos_of<R>(a))
SPIKELET_OPERATION(TAN, ONE, PLAIN, tan_of<R>(a))
SPIKELET_OPERATION(TANH, ONE, PLAIN, tanh_of<R>(a))
SPIKELET_OPERATION(SINH, ONE, PLAIN, sinh_of<R>(a))
SPIKELET_OPERATION(COSH, ONE, PLAIN, cosh_of<R>(a))
SPIKELET_OPERATION(ASIN, ONE, PLAIN, asin_of<R>(a))
SPIKELET_OPERATION(ACOS, ONE, PLAIN, acos_of<R>(a))
SPIKELET_OPERATION(ATAN, ONE, PLAIN, atan_of<R>(a))
SPIKELET_OPERATION(POW, TWO, PLAIN, pow_of<R>(a, b))
SPIKELET_OPERATION(FLOOR, ONE, PLAIN, floor_of<R>(a))
SPIKELET_OPERATION(CEIL, ONE, PLAIN, ceil_of<R>(a))
SPIKELET_OPERATION(SIGN, ONE, PLAIN, sign_of<R>(a))
SPIKELET_OPERATION(MOD, TWO, SECOND, a - floor_of<R>(a / b) * b)
SPIKELET_OPERATION(LT, TWO, EITHER, mask_of<R>(a < b))
SPIKELET_OPERATION(LE, TWO, EITHER, mask_of<R>(a <= b))
SPIKELET_OPERATION(EQ, TWO, SECOND, mask_of<R>(a == b))
SPIKELET_OPERATION(NE, TWO, SECOND, mask_of<R>(a != b))
SPIKELET_OPERATION(AND, TWO, PLAIN, mask_of<R>(as_bits<R>(a) & as_bits<R>(b)))
SPIKELET_OPERATION(OR, TWO, PLAIN, mask_of<R>(as_bits<R>(a) | as_bits<R>(b)))
SPIKELET_OPERATION(NOT, ONE, PLAIN, mask_of<R>(~as_bits<R>(a)))
SPIKELET_OPERATION(SELECT, THREE, (0, 2, 4, 6), choose<R>(as_bits<R>(a), b, c))
SPIKELET_OPERATION(TO_NUMBER, ONE, PLAIN, as_number<R>(as_bits<R>(a) & as_bits<R>(broadcast(R(1)))))
SPIKELET_OPERATION(MULADD, THREE, (0, 2, 4, 6), a* b + c)
SPIKELET_OPERATION(LIN2, (V a, V b, V c, V d), (0, 2, 8, 10), a* b + c * d)
SPIKELET_OPERATION(LIN3, (V a, V b, V c, V d, V e, V f), (0, 2, 8, 10, 32, 34, 40, 42),
                   a* b + c * d + e * f)

#undef ONE
#undef TWO
#undef THREE
#undef PLAIN
#undef EITHER
#undef SECOND
#undef SPIKELET_OPERATION
#undef SPIKELET_UNPACK

template <class R, Opcode op, unsigned single, std::size_t... k>
void run_operation(R* const* slot, const BoundInstruction<R>& in, std::size_t n,
                   std::index_sequence<k...>) {
  const R* from[]{slot[in.operand[k]]...};
  const Vec<R> value[]{(single >> k & 1) != 0 ? broadcast(*from[k]) : Vec<R>{}...};
  R* to = slot[in.target];
#pragma GCC unroll 4
  for (std::size_t i = 0; i < n; i += static_cast<std::size_t>(lanes<R>)) {
    store(to + i, OperationOf<op>::template apply<R>(
                      ((single >> k & 1) != 0 ? value[k] : load(from[k] + i))...));
  }
}

template <class R, Opcode op, unsigned single>
void operation_on_tile(R* const* slot, const BoundInstruction<R>& in, std::size_t n) {
  constexpr std::string_view operands[]{
#define SPIKELET_OPCODE(name, operands, result) operands,
      SPIKELET_OPCODES(SPIKELET_OPCODE)
#undef SPIKELET_OPCODE
  };
  run_operation<R, op, single>(
      slot, in, n, std::make_index_sequence<operands[static_cast<std::size_t>(op)].size()>());
}

template <class R, Opcode op, unsigned... sets>
Operation<R> choose_operation(unsigned single, std::integer_sequence<unsigned, sets...>) {
  Operation<R> found = nullptr;
  (void)((single == sets ? (found = &operation_on_tile<R, op, sets>, true) : false) || ...);
  return found;
}

// The operation with those operands as single values, or null if it is not compiled.
template <class R>
Operation<R> operation(Opcode opcode, unsigned single) {
  switch (opcode) {
#define SPIKELET_OPCODE(name, operands, result) \
  case Opcode::name:                            \
    return choose_operation<R, Opcode::name>(single, OperationOf<Opcode::name>::Sets());
    SPIKELET_OPCODES(SPIKELET_OPCODE)
#undef SPIKELET_OPCODE
  }
  return nullptr;
}

}  // namespace spikelet::SPIKELET_LEVEL
