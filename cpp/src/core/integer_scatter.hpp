// Delivery of weights that are whole numbers. Their sums are exact and do not depend on the order.

namespace spikelet::SPIKELET_LEVEL {

inline void list_parts(const DueLines* begin, const DueLines* end, std::uint32_t** ends) {
  static_assert(most_part_lines == 8);
  typedef std::uint32_t Eight __attribute__((vector_size(32)));
  constexpr Eight numbers{0, 1, 2, 3, 4, 5, 6, 7};
  for (; begin != end; ++begin) {
    const std::uint32_t first = *begin >> due_count_bits, count = *begin & most_due_lines;
    std::uint32_t from = 0;
#pragma GCC unroll 4
    for (std::uint32_t part = 0; part < line_parts; ++part) {
      const std::uint32_t to = (count * (part + 1) + line_parts / 2) / line_parts;
      const Eight lines = numbers + (first + from);
      __builtin_memcpy(ends[part], &lines, sizeof lines);
      ends[part] += to - from;
      from = to;
    }
  }
}

// As in scatter(), lines are staged before they are added: here as targets and as weights of 32
// bits.
template <class Sum>
void scatter_to(const IntegerLine* lines, const std::uint32_t* list, std::size_t n, int shift,
                bool negative, Sum* sums) {
  const auto widened = [](std::uint64_t word) {  // its lower half, a signed number
    return static_cast<Sum>(static_cast<std::int64_t>(static_cast<std::int32_t>(word)));
  };
  using U = Vec<std::uint32_t>;
  constexpr std::size_t batch = 16, size = IntegerLine::size,
                        width = static_cast<std::size_t>(lanes<std::uint32_t>);
  alignas(64) std::uint32_t target[batch * size], weight[batch * size];
  const U sign = U{} - std::uint32_t{negative};  // all ones, or none: (w ^ sign) - sign is -w or w
  for (std::size_t i = 0; i < n; i += batch) {
    const std::size_t count = n - i < batch ? n - i : batch;
    fetch_lines(lines, list, n, i + lines_ahead<IntegerLine>, batch);
    for (std::size_t k = 0; k < count; ++k) {
      for (std::size_t l = 0; l < size; l += width) {
        const U synapse = load(lines[list[i + k]].synapse + l);
        store(target + size * k + l, synapse & 0xffff);
        store(weight + size * k + l, (((synapse >> 16) << shift) ^ sign) - sign);
      }
    }
    const std::uint32_t *targets = target, *weights = weight;
    for (std::size_t k = 0; k < count; ++k, targets += size, weights += size) {
#pragma GCC unroll 8
      for (std::size_t l = 0; l < size; l += 2) {
        std::uint64_t to, add;  // two of each by one load
        __builtin_memcpy(&to, targets + l, sizeof to);
        __builtin_memcpy(&add, weights + l, sizeof add);
        sums[static_cast<std::uint32_t>(to)] += widened(add);
        sums[to >> 32] += widened(add >> 32);
      }
    }
  }
}

inline void scatter_integers(const IntegerLine* lines, const std::uint32_t* list, std::size_t n,
                             int shift, bool negative, const SumsAt* sums) {
  sums->wide != nullptr ? scatter_to(lines, list, n, shift, negative, sums->wide)
                        : scatter_to(lines, list, n, shift, negative, sums->narrow);
}

template <class Int, class R, class Sum>
void add_to(Sum* sums, std::size_t n, R step, R* input) {
  for (std::size_t i = 0; i < n; i += static_cast<std::size_t>(lanes<R>)) {
    store(input + i, with_sums<Int>(load(input + i), sums + i, step));
  }
}

// input += step * sum for n elements, a multiple of block_size; clears the sums.
template <class R>
void add_sums(const SumsAt& sums, std::size_t first, std::size_t n, R step, R* input) {
  sums.wide != nullptr ? add_to<std::int64_t>(sums.wide + first, n, step, input)
                       : add_to<std::int32_t>(sums.narrow + first, n, step, input);
}

}  // namespace spikelet::SPIKELET_LEVEL
