// What a reward does to eligibilities over spans of time, from the tables of its running sums.

namespace spikelet::SPIKELET_LEVEL {

// rise and sum, or sum and fall, at offsets in bytes.
SPIKELET_INLINE void look_up_two(const void* from, Words<double> offset, Vec<double>& first,
                                 Vec<double>& second) {
  static_assert(sizeof(RewardFrom) == 2 * sizeof(double));
  static_assert(sizeof(RewardUntil) == 2 * sizeof(double));
  const auto* begin = static_cast<const std::byte*>(from);
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES >= 32
  const auto at = [&](std::uint64_t bytes) {
    return _mm_load_pd(reinterpret_cast<const double*>(begin + bytes));
  };
  // Of lanes 2 k and 2 k + 2, or of those that follow.
  const auto low = [&](int k) {
    return _mm256_insertf128_pd(
        _mm256_castpd128_pd256(at(static_cast<std::uint32_t>(two_lanes<double>(offset, k)))),
        at(static_cast<std::uint32_t>(two_lanes<double>(offset, k + 1))), 1);
  };
  const auto high = [&](int k) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(at(two_lanes<double>(offset, k) >> 32)),
                                at(two_lanes<double>(offset, k + 1) >> 32), 1);
  };
#if SPIKELET_VECTOR_BYTES == 64
  const __m512d even = _mm512_insertf64x4(_mm512_castpd256_pd512(low(0)), low(2), 1),
                odd = _mm512_insertf64x4(_mm512_castpd256_pd512(high(0)), high(2), 1);
  first = reinterpret_cast<Vec<double>>(_mm512_unpacklo_pd(even, odd));
  second = reinterpret_cast<Vec<double>>(_mm512_unpackhi_pd(even, odd));
#else
  const __m256d even = low(0), odd = high(0);
  first = reinterpret_cast<Vec<double>>(_mm256_unpacklo_pd(even, odd));
  second = reinterpret_cast<Vec<double>>(_mm256_unpackhi_pd(even, odd));
#endif
#else
  for (int k = 0; k < lanes<double>; ++k) {
    const auto* at = reinterpret_cast<const double*>(begin + static_cast<std::uint32_t>(offset[k]));
    first[k] = at[0];
    second[k] = at[1];
  }
#endif
}

// An index, in parts that have as many lanes as a vector of doubles.
template <class R>
struct Parts {
  Words<double> part[Doubles<R>::parts];

  explicit Parts(Words<R> index) {
    static_assert(sizeof part == sizeof index);
    __builtin_memcpy(part, &index, sizeof part);
  }
};

// Where the tables have a span that begins at a step; the entry of a later step follows as many
// entries behind.
template <class R, class W>
SPIKELET_INLINE W place_of(const Modulating<R>& how, W step) {
  return ((step & how.slot) << reward_reach_bits) + (step & how.within);
}
// Whether the stretch of a step does not have a later one.
template <class R, class W>
SPIKELET_INLINE auto is_far(const Modulating<R>& how, W from, W to) {
  return to - (from & ~how.within) >= how.size;
}

// From one step to a later one, in double precision, one synapse.
template <class R>
SPIKELET_INLINE void pass(const Modulating<R>& how, std::int32_t from, std::int32_t to, R& weight,
                          R& own) {
  if (to <= from) {
    return;
  }
  double integral, decay;
  if (is_far(how, from, to)) {
    how.passed(how.signal, how.base + from, how.base + to, integral, decay);
  } else {
    const std::int32_t place = place_of(how, from);
    const RewardFrom& a = how.reward_from[place];
    const RewardUntil& b = how.reward_until[place + (to - from)];
    integral = (b.sum - a.sum) * a.rise;
    decay = a.rise * b.fall;
  }
  const double wide = static_cast<double>(own);
  const double moved = static_cast<double>(weight) + wide * integral;
  weight = at_least(at_most(static_cast<R>(moved), how.high), how.low);
  own = static_cast<R>(wide * decay);
}
// Where spans begin: what the tables have there.
template <class R>
struct Starts {
  Vec<double> rise[Doubles<R>::parts], sum[Doubles<R>::parts];
};
template <class R>
SPIKELET_INLINE Starts<R> starts_at(const Modulating<R>& how, Words<R> from) {
  const Parts<R> at(place_of(how, from) << 4);
  Starts<R> starts;
  for (int k = 0; k < Doubles<R>::parts; ++k) {
    look_up_two(how.reward_from, at.part[k], starts.rise[k], starts.sum[k]);
  }
  return starts;
}

// What a vector of spans does to eligibilities of 1.
template <class R>
struct Spans {
  Vec<double> integral[Doubles<R>::parts], decay[Doubles<R>::parts];
};
// A vector of synapses passes those spans that do not end before they begin.
template <class R>
SPIKELET_INLINE void pass(const Modulating<R>& how, Words<R> from, Words<R> to,
                          const Spans<R>& spans, Vec<R>& weight, Vec<R>& own) {
  Doubles<R> moved = in_double<R>(weight), decayed = in_double<R>(own);
  for (int k = 0; k < Doubles<R>::parts; ++k) {
    moved.part[k] += decayed.part[k] * spans.integral[k];
    decayed.part[k] *= spans.decay[k];
  }
  const auto passes = widened_mask<R>(to > from);
  weight = passes ? at_least(at_most(rounded<R>(moved), how.high), how.low) : weight;
  own = passes ? rounded<R>(decayed) : own;
}
// Those of some lanes; the others have one integral and one decay.
template <class R>
SPIKELET_INLINE Spans<R> select_spans(std::uint32_t which, const Spans<R>& spans, double integral,
                                      double decay) {
  constexpr int width = lanes<double>;
  Spans<R> selected = spans;
  for (int lane = 0; lane < lanes<R>; ++lane) {
    if ((which >> lane & 1u) == 0) {
      selected.integral[lane / width][lane % width] = integral;
      selected.decay[lane / width][lane % width] = decay;
    }
  }
  return selected;
}
// Those that are far, where some are; of these lanes.
template <class R>
SPIKELET_INLINE void integrate_far(const Modulating<R>& how, Words<R> from, Words<R> to,
                                   std::uint32_t which, Spans<R>& spans) {
  constexpr int width = lanes<double>;
  const Words<R> far = is_far(how, from, to) & (to > from);
  std::uint32_t left = word_bits<R>(far) & which;
  if (left == 0) {
    return;
  }
  Spans<R> changed = spans;  // in memory, so that the others stay in registers
  for (; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    double sum = 0, fall = 0;
    how.passed(how.signal, how.base + from[lane], how.base + to[lane], sum, fall);
    changed.integral[lane / width][lane % width] = sum;
    changed.decay[lane / width][lane % width] = fall;
  }
  spans = changed;
}
// To steps that are not before their starts; of these lanes. far: whether some may be.
template <bool far, class R>
SPIKELET_INLINE Spans<R> spans_to(const Modulating<R>& how, const Starts<R>& starts, Words<R> from,
                                  Words<R> to, std::uint32_t which) {
  Words<R> end = to;
  if constexpr (far) {
    end = is_far(how, from, to) ? from : end;
  }
  const Parts<R> at((place_of(how, from) + (end - from)) << 4);
  Spans<R> spans;
  for (int k = 0; k < Doubles<R>::parts; ++k) {
    Vec<double> sum{}, fall{};
    look_up_two(how.reward_until, at.part[k], sum, fall);
    spans.integral[k] = (sum - starts.sum[k]) * starts.rise[k];
    spans.decay[k] = starts.rise[k] * fall;
  }
  if constexpr (far) {
    integrate_far(how, from, to, which, spans);
  }
  return spans;
}

// The end of spans up to one step, by the number of stretches that lie between their start and it.
struct alignas(64) Ends {
  static constexpr std::int32_t count = 4;  // longer spans are far
  RewardUntil of[count];
};
template <class R>
SPIKELET_INLINE Ends ends_at(const Modulating<R>& how, std::int32_t to) {
  Ends ends;
  const auto of = [&](std::int32_t k) {
    const std::int32_t before = k << how.shift;
    return how.reward_until + (place_of(how, to - before) + before);
  };
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  // In one store: a load of all would wait for several.
  const auto pair = [&](std::int32_t k) {
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(&of(k)->sum)),
                                _mm_load_pd(&of(k + 1)->sum), 1);
  };
  _mm512_store_pd(&ends.of[0].sum, _mm512_insertf64x4(_mm512_castpd256_pd512(pair(0)), pair(2), 1));
#else
  for (std::int32_t k = 0; k < Ends::count; ++k) {
    ends.of[k] = *of(k);
  }
#endif
  return ends;
}
SPIKELET_INLINE void look_up(const Ends& ends, Words<double> between, Vec<double>& sum,
                             Vec<double>& fall) {
#if defined(__x86_64__) && SPIKELET_VECTOR_BYTES == 64
  static_assert(sizeof(Ends) == sizeof(__m512d));
  const __m512d all = _mm512_load_pd(&ends.of[0].sum);
  const __m512i at = _mm512_cvtepi32_epi64(reinterpret_cast<__m256i>(between << 1));
  sum = reinterpret_cast<Vec<double>>(_mm512_permutexvar_pd(at, all));
  fall = reinterpret_cast<Vec<double>>(
      _mm512_permutexvar_pd(_mm512_or_si512(at, _mm512_set1_epi64(1)), all));
#else
  look_up_two(ends.of, between << 4, sum, fall);
#endif
}
// To one step, whose ends are at hand.
template <bool far, class R>
SPIKELET_INLINE Spans<R> spans_to(const Modulating<R>& how, const Starts<R>& starts, Words<R> from,
                                  std::int32_t to, const Ends& ends, std::uint32_t which) {
  const Parts<R> between(((to >> how.shift) - (from >> how.shift)) & (Ends::count - 1));
  Spans<R> spans;
  for (int k = 0; k < Doubles<R>::parts; ++k) {
    Vec<double> sum{}, fall{};
    look_up(ends, between.part[k], sum, fall);
    spans.integral[k] = (sum - starts.sum[k]) * starts.rise[k];
    spans.decay[k] = starts.rise[k] * fall;
  }
  if constexpr (far) {
    integrate_far(how, from, Words<R>{} + to, which, spans);
  }
  return spans;
}

}  // namespace spikelet::SPIKELET_LEVEL
