// Time steps of neurons in layers. Included only by layers/kernels.cpp. The potentials of 16
// neurons stay in registers over all steps of a call.
namespace spikelet::layers::SPIKELET_LEVEL {

// Stores the bits of 16 neurons.
template <class R>
SPIKELET_INLINE void set_bits(std::uint8_t* at, std::uint32_t bits) {
  const auto word = static_cast<std::uint16_t>(bits);
  __builtin_memcpy(at, &word, sizeof word);
}

// Currents, converted to the neurons' type.
template <class R, class C>
SPIKELET_INLINE Vec<R> load_current(const C* p) {
  if constexpr (sizeof(C) == sizeof(R)) {
    return load(p);
  } else {
    return widen<R>(p);
  }
}

// Calls f(pixel, channel, offset into [x][block]) for every 16 neurons of the row.
template <class C, class F>
SPIKELET_INLINE void each_group(const Currents<C>& in, F&& f) {
  for (std::size_t x = 0; x < in.width; ++x) {
    for (std::size_t c = 0; c < in.block; c += channel_unit) {
      f(x, c, x * in.block + c);
    }
  }
}

// `Groups` times 16 neurons side by side, to hide the latency from one step to the next.
// reset(v, limit) gives the potential after a spike.
template <class R, int Groups, bool Plain, class C, class Reset>
SPIKELET_INLINE void binary_groups(const NeuronRow<R>& n, const Currents<C>& in, std::size_t x,
                                   std::size_t c, Reset&& reset) {
  constexpr int vectors = Groups * 16 / lanes<R>;
  const auto lane = [](int k) { return static_cast<std::size_t>(k * lanes<R>); };
  const std::size_t step = in.step();
  const std::size_t at = x * in.block + c;
  // Storing bits might alias the arguments as far as the compiler knows, so they are copied.
  const std::size_t steps = in.steps, row_bytes = n.row_bytes;
  const C* currents[vectors];
  const R decay = n.decay, gain = n.gain;
  R* const recorded = n.recorded;
  std::uint8_t* bits[Groups];
  for (int g = 0; g < Groups; ++g) {
    const std::size_t from = c + 16 * static_cast<std::size_t>(g);
    bits[g] = n.bits + (x + from / in.block) * n.pixel_bytes + from % in.block / 8;
  }
  Vec<R> v[vectors], limit[vectors], base[vectors];
#pragma GCC unroll 16
  for (int k = 0; k < vectors; ++k) {
    // Blocks lie side by side in the currents; parameters and bits of a pixel do not.
    const std::size_t pixel = x + (c + lane(k)) / in.block;
    const std::size_t channel = (c + lane(k)) % in.block;
    currents[k] = in.at + pixel * in.pixel + channel;
    v[k] = load(n.v + at + lane(k));
    limit[k] = load(n.threshold + pixel * n.threshold_stride + channel);
    base[k] = n.base == nullptr ? Vec<R>{} : load(n.base + pixel * n.base_stride + channel);
  }
  for (std::size_t t = 0; t < steps; ++t) {
    std::uint32_t spikes[Groups] = {};
#pragma GCC unroll 16
    for (int k = 0; k < vectors; ++k) {
      const Vec<R> current = load_current<R>(currents[k] + t * step) + base[k];
      const Vec<R> u = Plain ? v[k] + current : v[k] * decay + current * gain;
      const Which<R> crossed = at_or_above(u, limit[k]);
      spikes[k * lanes<R> / 16] |= which_bits<R>(crossed) << (k * lanes<R> % 16);
      v[k] = select(crossed, reset(u, limit[k]), u);
    }
#pragma GCC unroll 4
    for (int g = 0; g < Groups; ++g) {
      set_bits<R>(bits[g] + t * row_bytes, spikes[g]);
    }
    if (recorded != nullptr) {
      for (int k = 0; k < vectors; ++k) {
        store(recorded + t * n.recorded_step + (x + (c + lane(k)) / in.block) * n.recorded_pixel +
                  (c + lane(k)) % in.block,
              v[k]);
      }
    }
  }
#pragma GCC unroll 16
  for (int k = 0; k < vectors; ++k) {
    store(n.v + at + lane(k), v[k]);
  }
}

template <class R, bool Plain, class C, class Reset>
SPIKELET_INLINE void binary_rows(const NeuronRow<R>& n, const Currents<C>& in, Reset&& reset) {
  // Two groups of doubles, four of floats: as many as the registers hold.
  constexpr int groups = vector_bytes == 64 ? 16 / static_cast<int>(sizeof(R)) : 1;
  const std::size_t size = in.width * in.block;
  std::size_t k = 0;
  for (; k + 16 * groups <= size; k += 16 * groups) {
    binary_groups<R, groups, Plain>(n, in, k / in.block, k % in.block, reset);
  }
  for (; k < size; k += 16) {
    binary_groups<R, 1, Plain>(n, in, k / in.block, k % in.block, reset);
  }
}

template <class R, class C, class Reset>
SPIKELET_INLINE void binary_steps(const NeuronRow<R>& n, const Currents<C>& in, Reset&& reset) {
  if (n.decay == R{1} && n.gain == R{1}) {
    binary_rows<R, true>(n, in, reset);
  } else {
    binary_rows<R, false>(n, in, reset);
  }
}

template <class R, class C>
void subtract_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  binary_steps(n, in, [](Vec<R> u, Vec<R> limit) { return u - limit; });
}

template <class R, class C>
void zero_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  const Vec<R> rest = broadcast(n.v_reset);
  binary_steps(n, in, [rest](Vec<R>, Vec<R>) { return rest; });
}

// Spikes while the summed input times this step's pace is at least `limit` ahead of the sum of the
// sizes of the spikes sent, or behind it where the size is negative; v holds the sum. `Pixels`
// pixels from x on and 16 channels from c on, which share pace and limit. Unless `Sized`, all sizes
// are 1. `Pair`: an OFF neuron beside the ON neuron takes back what was sent, in the second plane;
// both follow the estimate as far as it lies between 0 and `ceiling`. `Follows`: both follow
// `scale` times the given estimates instead.
template <class R, int Pixels, bool Sized, bool Bounded, bool Pair, bool Follows, class C>
SPIKELET_INLINE void predictive_pixels(const NeuronRow<R>& n, const Currents<C>& in, std::size_t x,
                                       std::size_t c) {
  constexpr int vectors = 16 / lanes<R>;
  // Storing bits might alias the arguments as far as the compiler knows, so they are copied.
  const std::size_t step = in.step(), steps = in.steps, row_bytes = n.row_bytes;
  const std::size_t pixel = in.pixel, pixel_bytes = n.pixel_bytes, pace_step = n.pace_step;
  const C* currents = in.at + x * pixel + c;
  const R* pace = n.pace + c;
  const R* limit = n.limit + c;
  const R* ceiling = Bounded ? n.ceiling + c : nullptr;
  const R* offset = Pair ? n.offset + c : nullptr;
  const R* const sizes = n.sizes;
  const std::size_t plane_bytes = n.plane_bytes;
  std::uint8_t* bits = n.bits + x * pixel_bytes + c / 8;
  R* const recorded = n.recorded;
  Vec<R> v[Pixels][vectors], sent[Pixels][vectors], base[Pixels][vectors];
#pragma GCC unroll 4
  for (int p = 0; p < Pixels; ++p) {
    const std::size_t at = x + static_cast<std::size_t>(p);
    for (int k = 0; k < vectors; ++k) {
      const std::size_t lane = c + static_cast<std::size_t>(k * lanes<R>);
      v[p][k] = load(n.v + at * in.block + lane);
      sent[p][k] = load(n.sent + at * in.block + lane);
      base[p][k] = n.base == nullptr ? Vec<R>{} : load(n.base + at * n.base_stride + lane);
    }
  }
  const auto integrate = [&](int p, int k, Vec<R> size) __attribute__((always_inline)) {
    const auto lane = static_cast<std::size_t>(k * lanes<R>);
    const Vec<R> current =
        load_current<R>(currents + static_cast<std::size_t>(p) * pixel + lane) + base[p][k];
    if constexpr (!Follows) {
      v[p][k] += Sized ? current * size : current;
    }
  };
  const std::size_t silent = std::min(n.silent, steps);
  for (std::size_t t = 0; t < silent; ++t, currents += step) {
    const Vec<R> size = broadcast(Sized ? sizes[t] : R{1});
    for (int k = 0; k < vectors; ++k) {
#pragma GCC unroll 4
      for (int p = 0; p < Pixels; ++p) {
        integrate(p, k, size);
      }
    }
  }
  bits += silent * row_bytes;
  pace += silent * pace_step;
  limit += silent * pace_step;
  if constexpr (Pair) {
    offset += silent * pace_step;
  }
  if constexpr (Bounded) {
    ceiling += silent * pace_step;
  }
  const auto fire = [&](std::size_t t, auto upwards) __attribute__((always_inline)) {
    constexpr bool up = upwards;
    std::uint32_t spikes[Pixels] = {}, off[Pixels] = {};
    const Vec<R> size = broadcast(Sized ? sizes[t] : R{1});
    for (int k = 0; k < vectors; ++k) {
      const std::size_t lane = static_cast<std::size_t>(k * lanes<R>);
      const Vec<R> rate = load(pace + lane);
      const Vec<R> bound = up ? load(limit + lane) : -load(limit + lane);
      const Vec<R> most = !Bounded ? Vec<R>{} : up ? load(ceiling + lane) : -load(ceiling + lane);
#pragma GCC unroll 4
      for (int p = 0; p < Pixels; ++p) {
        integrate(p, k, size);
        Vec<R> aim = v[p][k] * rate;
        if constexpr (Follows) {
          const std::size_t at = (t * in.width + x + static_cast<std::size_t>(p)) * in.block + c;
          aim = load(n.estimates + at + lane) * load(n.scale + c + lane);
        } else if constexpr (Pair) {
          aim += load(offset + lane);
          aim = aim > R{0} ? aim : Vec<R>{};
          if constexpr (Bounded) {
            aim = aim > most ? most : aim;
          }
        }
        const Vec<R> u = aim - sent[p][k];
        Which<R> crossed = up ? at_or_above(u, bound) : at_or_above(bound, u);
        if constexpr (Bounded && !Pair) {
          const Which<R> within =
              up ? at_or_above(most, sent[p][k]) : at_or_above(sent[p][k], most);
          crossed = static_cast<Which<R>>(crossed & within);
        }
        spikes[p] |= which_bits<R>(crossed) << (k * lanes<R>);
        sent[p][k] = select(crossed, sent[p][k] + size, sent[p][k]);
        if constexpr (Pair) {
          const Which<R> back = at_or_above(-u, bound);
          off[p] |= which_bits<R>(back) << (k * lanes<R>);
          sent[p][k] = select(back, sent[p][k] - size, sent[p][k]);
        }
        if (recorded != nullptr) {
          store(recorded + t * n.recorded_step +
                    (x + static_cast<std::size_t>(p)) * n.recorded_pixel + c + lane,
                aim - sent[p][k]);
        }
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < Pixels; ++p) {
      set_bits<R>(bits + static_cast<std::size_t>(p) * pixel_bytes, spikes[p]);
      if constexpr (Pair) {
        set_bits<R>(bits + plane_bytes + static_cast<std::size_t>(p) * pixel_bytes, off[p]);
      }
    }
  };
  for (std::size_t t = silent; t < steps; ++t) {
    if (!Sized || Pair || sizes[t] > 0) {
      fire(t, std::true_type{});
    } else {
      fire(t, std::false_type{});
    }
    bits += row_bytes;
    currents += step;
    pace += pace_step;
    limit += pace_step;
    if constexpr (Pair) {
      offset += pace_step;
    }
    if constexpr (Bounded) {
      ceiling += pace_step;
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < Pixels; ++p) {
    const std::size_t at = x + static_cast<std::size_t>(p);
    for (int k = 0; k < vectors; ++k) {
      const std::size_t lane = c + static_cast<std::size_t>(k * lanes<R>);
      store(n.v + at * in.block + lane, v[p][k]);
      store(n.sent + at * in.block + lane, sent[p][k]);
    }
  }
}

// Calls f(first pixel, channel, integral constant of the number of pixels) for all groups of 16
// channels of one or several pixels, as many as the registers hold.
template <class R, class C, class F>
SPIKELET_INLINE void each_pixels(const Currents<C>& in, F&& f) {
  constexpr int pixels = vector_bytes == 64 ? 16 / static_cast<int>(sizeof(R)) : 1;
  for (std::size_t c = 0; c < in.block; c += 16) {
    std::size_t x = 0;
    for (; x + pixels <= in.width; x += pixels) {
      f(x, c, std::integral_constant<int, pixels>{});
    }
    for (; x < in.width; ++x) {
      f(x, c, std::integral_constant<int, 1>{});
    }
  }
}

template <class R, bool Sized, bool Bounded, bool Pair, bool Follows = false, class C>
SPIKELET_INLINE void predictive_groups(const NeuronRow<R>& n, const Currents<C>& in) {
  each_pixels<R>(in, [&](std::size_t x, std::size_t c, auto pixels) __attribute__((always_inline)) {
    predictive_pixels<R, pixels, Sized, Bounded, Pair, Follows>(n, in, x, c);
  });
}

template <class R, class C>
void predictive_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  predictive_groups<R, false, false, false>(n, in);
}

template <class R, class C>
void sized_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  if (n.ceiling == nullptr) {
    predictive_groups<R, true, false, false>(n, in);
  } else {
    predictive_groups<R, true, true, false>(n, in);
  }
}

template <class R, class C>
void pair_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  if (n.ceiling == nullptr) {
    predictive_groups<R, true, false, true>(n, in);
  } else {
    predictive_groups<R, true, true, true>(n, in);
  }
}

// Signed spikes of `levels` sizes: threshold, threshold / 2, ... `sent` counts the smallest size.
// Up: the largest size that the potential reaches. Down: the largest size that leaves the potential
// below the smallest one and retracts no more than was sent.
template <class R, bool Differential>
void graded_steps_of(const NeuronRow<R>& n, const Currents<R>& in) {
  constexpr int vectors = 16 / lanes<R>;
  const std::size_t step = in.step();
  const auto levels = static_cast<std::size_t>(n.levels);
  each_group(in, [&](std::size_t x, std::size_t c, std::size_t at) {
    for (int k = 0; k < vectors; ++k) {
      const std::size_t lane = static_cast<std::size_t>(k * lanes<R>);
      Vec<R> v = load(n.v + at + lane);
      Vec<R> sent = load(n.sent + at + lane);
      Vec<R> mean = Differential ? load(n.mean + at + lane) : Vec<R>{};
      const Vec<R> limit = load(n.threshold + x * n.threshold_stride + c + lane);
      const Vec<R> base =
          n.base == nullptr ? Vec<R>{} : load(n.base + x * n.base_stride + c + lane);
      const Vec<R> smallest = limit * (R(1) / R(1 << (levels - 1)));
      for (std::size_t t = 0; t < in.steps; ++t) {
        Vec<R> u = v * n.decay + (load(in.at + t * step + at + lane) + base) * n.gain;
        if constexpr (Differential) {
          u -= mean;
          sent += mean;
        }
        Mask<R> free = u == u;
        Vec<R> out{};  // in thresholds
        std::uint8_t* bits = n.bits + t * n.row_bytes + x * n.pixel_bytes + c / 8;
        const auto emit = [&](std::size_t plane, Mask<R> which) __attribute__((always_inline)) {
          std::uint8_t* to = bits + plane * n.plane_bytes;
          std::uint16_t word = 0;
          if (k > 0) {
            __builtin_memcpy(&word, to, sizeof word);
          }
          set_bits<R>(
              to, word | static_cast<std::uint32_t>(
                             spikelet::SPIKELET_LEVEL::template bits<R>(which) << (k * lanes<R>)));
        };
        R part = 1;
        for (std::size_t level = 0; level < levels; ++level, part *= R(0.5)) {
          const Vec<R> size = limit * part;
          const Mask<R> up = free & (u >= size);
          const Vec<R> held = Differential ? size : Vec<R>{} + part * R(1 << (levels - 1));
          const Mask<R> down = free & (u < smallest - size) & (sent >= held);
          free &= ~(up | down);
          out += up ? Vec<R>{} + part : Vec<R>{};
          out -= down ? Vec<R>{} + part : Vec<R>{};
          emit(level, up);
          emit(levels + level, down);
        }
        const Vec<R> what = out * limit;
        v = u - what;
        if constexpr (Differential) {
          sent += what;
          mean += what / (Vec<R>{} + static_cast<R>(n.first_step + t + 1));
        } else {
          sent += out * R(1 << (levels - 1));
        }
        if (n.recorded != nullptr) {
          store(n.recorded + t * n.recorded_step + x * n.recorded_pixel + c + lane, v);
        }
      }
      store(n.v + at + lane, v);
      store(n.sent + at + lane, sent);
      if constexpr (Differential) {
        store(n.mean + at + lane, mean);
      }
    }
  });
}

template <class R>
void undifference(R* mean, std::size_t first_step, const Currents<R>& in) {
  const std::size_t row = in.width * in.block;
  for (std::size_t t = 0; t < in.steps; ++t) {
    const R count = static_cast<R>(first_step + t + 1);
    for (std::size_t k = 0; k < row; ++k) {
      const R change = in.at[t * row + k];
      in.at[t * row + k] = mean[k] + change;
      mean[k] += change / count;
    }
  }
}

}  // namespace spikelet::layers::SPIKELET_LEVEL
