// The loops over the synapses of one row or column, for any rule.

namespace spikelet::SPIKELET_LEVEL {

template <template <class> class Rule, class R>
R pre_factor(const double* p, R trace) {
  return Rule<R>(p).pre_factor(trace);
}

template <template <class> class Rule, class R>
R post_factor(const double* p, R trace) {
  return Rule<R>(p).post_factor(trace);
}

template <template <class> class Rule, class R>
void dense_row(const double* p, R* weight, const R* k_minus, const std::uint8_t* active, R down,
               R sign, R* input, std::size_t n) {
  const Rule<R> rule(p);
  for (std::size_t block = 0; block < n; block += block_size) {
    const std::size_t end = block + block_size < n ? block + block_size : n;
    std::size_t j = block;
    if (Rule<R>::idle_depression || active[block / block_size] != 0) {
      for (; j + lanes<R> <= end; j += lanes<R>) {
        const Vec<R> w = rule.down(load(weight + j), load(k_minus + j) * down);
        store(weight + j, w);
        store(input + j, load(input + j) + w * sign);
      }
      for (; j < end; ++j) {
        weight[j] = rule.down(weight[j], k_minus[j] * down);
        input[j] += weight[j] * sign;
      }
    } else {
      for (; j + lanes<R> <= end; j += lanes<R>) {
        store(input + j, load(input + j) + load(weight + j) * sign);
      }
      for (; j < end; ++j) {
        input[j] += weight[j] * sign;
      }
    }
  }
}

template <template <class> class Rule, class R>
void dense_column(const double* p, R* weight, std::size_t stride, const R* k_plus, R up,
                  std::size_t n) {
  const Rule<R> rule(p);
  for (std::size_t i = 0; i < n; ++i) {
    if (k_plus[i] != 0) {
      weight[i * stride] = rule.up(weight[i * stride], k_plus[i] * up);
    }
  }
}

// The same pointer, unknown to the compiler. Otherwise it keeps the addresses that two uses share,
// more than it has registers for.
template <class T>
SPIKELET_INLINE T* hidden(T* p) {
  __asm__("" : "+r"(p));
  return p;
}

// The sum of a synapse's potentiation over ended epochs, of which the last is at hand.
template <class R, class V, class Get>
SPIKELET_INLINE V ended_sum(const ClosedRow<R>& row, V seen, V last, Get&& get) {
  const int n = row.n_ended - 1;
  if (n == 0) {
    return (last - seen) * row.ended_up[0];
  }
  V sum = (get(row.ended[0]) - seen) * row.ended_up[0];
  for (int m = 1; m < n; ++m) {
    sum = sum + get(row.ended[m]) * row.ended_up[m];
  }
  return sum + last * row.ended_up[n];
}

// Synapses [k, end) of a closed row, whole vectors of them. ended: whether epochs have; most rows
// have none, and code for both would leave too few registers.
template <bool ended, class Rule, class R>
SPIKELET_INLINE void closed_vectors(const Rule& rule, const ClosedRow<R>& row, std::size_t k,
                                    std::size_t end) {
  constexpr std::size_t width = lanes<R>;
  const R* from = hidden(row.input);
  for (; k < end; k += width) {
    const std::uint16_t* target = row.target + k;
    const ClosedTargets<R> at = look_up_closed<R>(row.at, target, ended);
    Vec<R> seen = load(row.seen + k), sum = Vec<R>{};
    if constexpr (ended) {
      const std::uint16_t* again = hidden(target);
      sum = ended_sum<R>(row, seen, at.ended,
                         [&](const R* values) { return look_up<R>(values, again); });
      seen = Vec<R>{};
    }
    sum = sum + (at.grown - seen) * row.up;
    Vec<R> w = rule.up(load(row.weight + k), sum);
    store(row.seen + k, at.grown);
    if (row.input == nullptr) {
      store(row.weight + k, w);
      continue;
    }
    w = rule.down(w, at.k_minus * row.down);
    store(row.weight + k, w);
    const Vec<R> sent = w * row.sign;
    for (std::size_t lane = 0; lane < width; ++lane) {
      const std::size_t j = target[lane];
      row.input[j] = from[j] + sent[lane];
    }
  }
}

template <template <class> class Rule, class R>
void closed_row(const double* p, const ClosedRow<R>& given) {
  const Rule<R> rule(p);
  const ClosedRow<R> row = given;  // which no store below can change
  constexpr std::size_t block = RowsAhead<R>::block;
  for (std::size_t k = 0; k < row.n; k += block) {
    const std::size_t n = std::min(block, row.n - k), end = k + n / lanes<R> * lanes<R>;
    if (row.ahead != nullptr) {
      row.ahead->advance(n);
    }
    if (row.n_ended > 0) {
      closed_vectors<true>(rule, row, k, end);
    } else {
      closed_vectors<false>(rule, row, k, end);
    }
  }
  for (std::size_t k = row.n / lanes<R> * lanes<R>; k < row.n; ++k) {
    const std::size_t j = row.target[k];
    const auto [grown, k_minus, ended] = row.at[j];
    R seen = row.seen[k], sum = 0;
    if (row.n_ended > 0) {
      sum = ended_sum<R>(row, seen, ended, [&](const R* values) { return values[j]; });
      seen = 0;
    }
    sum = sum + (grown - seen) * row.up;
    R w = rule.up(row.weight[k], sum);
    row.seen[k] = grown;
    if (row.input != nullptr) {
      w = rule.down(w, k_minus * row.down);
      row.input[j] += w * row.sign;
    }
    row.weight[k] = w;
  }
}

template <class R>
void add_row(const R* row, double* sums, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    sums[j] += std::abs(static_cast<double>(row[j]));
  }
}

template <class R>
void scale_row(R* row, const R* factors, R low, R high, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    row[j] = at_least(at_most(row[j] * factors[j], high), low);
  }
}

template <template <class> class Rule, class R>
constexpr auto replayed_rows_of()
    -> void (*)(const double*, const Replaying<R>&, std::span<const ReplayedRow<R>>) {
  if constexpr (Rule<R>::modulated) {
    return nullptr;
  } else {
    return &replayed_rows<Rule, R>;
  }
}
template <template <class> class Rule, class R>
constexpr auto modulated_rows_of()
    -> void (*)(const double*, const Modulating<R>&, std::span<const ModulatedRow<R>>) {
  if constexpr (Rule<R>::modulated) {
    return &modulated_rows<Rule, R>;
  } else {
    return nullptr;
  }
}

template <class R, template <class> class... Rules>
constexpr std::array<PlasticKernels<R>, sizeof...(Rules)> plastic_kernels() {
  return {PlasticKernels<R>{&pre_factor<Rules, R>, &post_factor<Rules, R>, &dense_row<Rules, R>,
                            &dense_column<Rules, R>, &closed_row<Rules, R>,
                            replayed_rows_of<Rules, R>(), modulated_rows_of<Rules, R>(),
                            &traces_at<R>, &add_row<R>, &scale_row<R>}...};
}

}  // namespace spikelet::SPIKELET_LEVEL
