// Spike delivery: lists the lines that are due, and adds their synapses.

namespace spikelet::SPIKELET_LEVEL {

alignas(64) inline constexpr std::uint32_t line_numbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                               8, 9, 10, 11, 12, 13, 14, 15};

// Writes the number of each line and returns the end of the list. A fixed number of entries is
// written for each range, some beyond the end, so that no branch depends on its length.
inline std::uint32_t* list_lines(const DueLines* begin, const DueLines* end, std::uint32_t* out) {
  using U = Vec<std::uint32_t>;
  constexpr std::uint32_t stride = 16, width = lanes<std::uint32_t>;
  const auto write = [](std::uint32_t first, std::uint32_t* to) {
    for (std::uint32_t k = 0; k < stride; k += width) {
      store(to + k, load(line_numbers + k) + (U{} + first));
    }
  };
  for (; begin != end; ++begin) {
    const std::uint32_t first = *begin >> due_count_bits, count = *begin & most_due_lines;
    write(first, out);
    if (count > stride) [[unlikely]] {
      write(first + stride, out + stride);
    }
    out += count;
  }
  return out;
}

// Adds one line. wide: targets may have more than 16 bits. Those from `dummies` on are padding.
template <class R, bool wide>
inline void add_line(const Line<R>& line, std::uint32_t, R* input) {
#pragma GCC unroll 16
  for (int l = 0; l < Line<R>::size; ++l) {
    input[wide ? line.target_of(l) : line.target[l]] += line.weight[l];
  }
}
template <class R, bool wide>
inline void add_line(const SharedLine<R>& line, std::uint32_t dummies, R* input) {
  static_assert(!wide);
  constexpr int size = SharedLine<R>::size, half = size / 2;
  const R weight = line.weight;
#pragma GCC unroll 16
  for (int l = 0; l < half; ++l) {
    input[line.target[l]] += weight;
  }
  if (line.target[half] >= dummies) {  // the last line of a short segment
    return;
  }
#pragma GCC unroll 16
  for (int l = half; l < size; ++l) {
    input[line.target[l]] += weight;
  }
}

// Prefetches the lines at [from, from + n) of a list of `size`. All in a row: a prefetch whose page
// is not in the translation buffer holds up the loads behind it, but not other prefetches.
template <class L>
inline void fetch_lines(const L* lines, const std::uint32_t* list, std::size_t size,
                        std::size_t from, std::size_t n) {
  const std::size_t end = from + n < size ? from + n : size;
#pragma GCC unroll 8
  for (std::size_t i = from; i < end; ++i) {
    fetch_line(lines + list[i]);
  }
}

// Lines are copied to a staging area before they are added, so that the addresses of the additions
// are known early. Otherwise they depend on the line and its number, and loads wait for earlier
// stores whose addresses are still unknown.
template <class R, class L, bool wide>
void scatter(const L* lines, const std::uint32_t* list, std::size_t n, std::uint32_t dummies,
             R* input) {
  typedef std::uint64_t Bytes __attribute__((vector_size(32)));
  constexpr std::size_t batch = 2048 / sizeof(L), parts = sizeof(L) / sizeof(Bytes);
  constexpr std::size_t together = 4;  // few lines take one turn, which is predicted
  L staged[batch];
  for (std::size_t i = 0; i < n; i += batch) {
    const std::size_t count = n - i < batch ? n - i : batch;
    fetch_lines(lines, list, n, i + lines_ahead<L>, batch);
    for (std::size_t first = 0; first < count; first += together) {
#pragma GCC unroll 4
      for (std::size_t k = first; k < first + together; ++k) {
        const auto* from = reinterpret_cast<const char*>(lines + list[i + k]);
        Bytes part[parts];
        __builtin_memcpy(part, from, sizeof part);
        __builtin_memcpy(staged + k, part, sizeof part);
      }
    }
    for (std::size_t k = 0; k < count; ++k) {
      add_line<R, wide>(staged[k], dummies, input);
    }
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
