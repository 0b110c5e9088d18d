// What fused instructions do: sums of products and terms, and the test for spikes.

namespace spikelet::SPIKELET_LEVEL {

// Which operands of a sum are single values, in registers: none; the second one of each product;
// and all terms, too.
constexpr bool sum_takes_single(std::uint16_t form, int singles, std::size_t operand) {
  for (; form != 0; form = static_cast<std::uint16_t>(form >> 2)) {
    const bool product = (form & 3) == 1;
    const std::size_t operands = product ? 2 : 1;
    if (operand < operands) {
      return product ? operand == 1 && singles > 0 : singles == 2;
    }
    operand -= operands;
  }
  return false;
}

template <class R, std::uint16_t form, int singles>
class Sum {
 public:
  static constexpr std::size_t operands = sum_operands(form);

  SPIKELET_INLINE Sum(R* const* slot, const BoundInstruction<R>& in) {
    for (std::size_t k = 0; k < operands; ++k) {
      from_[k] = slot[in.operand[k]];
      value_[k] = broadcast(*from_[k]);
    }
  }
  SPIKELET_INLINE Vec<R> at(std::size_t i) const {
    if constexpr ((form & 3) == 1) {
      return rest<(form >> 2), 2>(operand<0>(i) * operand<1>(i), i);
    } else {
      return rest<(form >> 2), 1>(operand<0>(i), i);
    }
  }

 private:
  template <std::size_t k>
  SPIKELET_INLINE Vec<R> operand(std::size_t i) const {
    if constexpr (sum_takes_single(form, singles, k)) {
      return value_[k];
    } else {
      return load(from_[k] + i);
    }
  }
  template <std::uint16_t items, std::size_t k>
  SPIKELET_INLINE Vec<R> rest(Vec<R> sum, std::size_t i) const {
    if constexpr (items == 0) {
      return sum;
    } else if constexpr ((items & 3) == 1) {
      return rest<(items >> 2), k + 2>(sum + operand<k>(i) * operand<k + 1>(i), i);
    } else if constexpr ((items & 3) == 2) {
      return rest<(items >> 2), k + 1>(sum + operand<k>(i), i);
    } else {
      return rest<(items >> 2), k + 1>(sum - operand<k>(i), i);
    }
  }

  const R* from_[operands];
  Vec<R> value_[operands];
};

template <class R, std::uint16_t form, int singles, bool hold>
void sum_on_tile(R* const* slot, const BoundInstruction<R>& in, std::size_t n) {
  const Sum<R, form, singles> sum(slot, in);
  R* to = slot[in.target];
  if constexpr (hold) {
    const R* before = slot[in.operand[sum_operands(form)]];
    const auto* held = reinterpret_cast<const std::int8_t*>(slot[in.operand[hold_operand]]);
    const auto now = *reinterpret_cast<const std::int8_t*>(slot[in.operand[now_operand]]);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += static_cast<std::size_t>(lanes<R>)) {
      store(to + i, select(later<R>(held + i, now), load(before + i), sum.at(i)));
    }
  } else {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < n; i += static_cast<std::size_t>(lanes<R>)) {
      store(to + i, sum.at(i));
    }
  }
}

template <class R, int singles, bool hold, std::size_t... k>
Operation<R> choose_sum(std::uint16_t form, std::index_sequence<k...>) {
  Operation<R> found = nullptr;
  (void)((form == sum_forms[k] ? (found = &sum_on_tile<R, sum_forms[k], singles, hold>, true)
                               : false) ||
         ...);
  return found;
}

template <class R>
Operation<R> sum_operation(std::uint16_t form, int singles, bool hold) {
  constexpr auto all = std::make_index_sequence<sum_forms.size()>();
  if (hold) {
    return singles == 0   ? choose_sum<R, 0, true>(form, all)
           : singles == 1 ? choose_sum<R, 1, true>(form, all)
                          : choose_sum<R, 2, true>(form, all);
  }
  return singles == 0   ? choose_sum<R, 0, false>(form, all)
         : singles == 1 ? choose_sum<R, 1, false>(form, all)
                        : choose_sum<R, 2, false>(form, all);
}

// One bit for each neuron, a word for each block.
template <class R, Opcode op, bool opposite, unsigned single>
void spikes_of_tile(R* const* slot, const BoundInstruction<R>& in, std::size_t n) {
  const R *a = slot[in.operand[0]], *b = slot[in.operand[1]];
  const Vec<R> value_a = broadcast(*a), value_b = broadcast(*b);
  auto* words = reinterpret_cast<std::uint64_t*>(slot[in.target]);
  for (std::size_t block = 0; block < n; block += block_size) {
    std::uint64_t word = 0;
#pragma GCC unroll 4
    for (std::size_t k = 0; k < block_size; k += static_cast<std::size_t>(lanes<R>)) {
      const Vec<R> x = single == 1 ? value_a : load(a + block + k);
      std::uint64_t some = 0;
      if constexpr (op == Opcode::NOT) {
        some = bits<R>(as_bits<R>(x));
      } else {
        const Vec<R> y = single == 2 ? value_b : load(b + block + k);
        some = op == Opcode::LT ? which_bits<R>(above(y, x)) : which_bits<R>(at_or_above(y, x));
      }
      word |= some << k;
    }
    words[block / block_size] = opposite ? ~word : word;
  }
}

template <class R, Opcode op, bool opposite>
Operation<R> choose_spikes(unsigned single) {
  return single == 0   ? &spikes_of_tile<R, op, opposite, 0>
         : single == 1 ? &spikes_of_tile<R, op, opposite, 1>
         : single == 2 ? &spikes_of_tile<R, op, opposite, 2>
                       : nullptr;
}

template <class R>
Operation<R> spikes_operation(Opcode op, bool opposite, unsigned single) {
  switch (op) {
    case Opcode::LT:
      return opposite ? choose_spikes<R, Opcode::LT, true>(single)
                      : choose_spikes<R, Opcode::LT, false>(single);
    case Opcode::LE:
      return opposite ? choose_spikes<R, Opcode::LE, true>(single)
                      : choose_spikes<R, Opcode::LE, false>(single);
    default:
      return opposite ? &spikes_of_tile<R, Opcode::NOT, true, 0>
                      : &spikes_of_tile<R, Opcode::NOT, false, 0>;
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
