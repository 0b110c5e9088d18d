// Time steps of neurons with coefficients of their own, synaptic currents or adaptive thresholds.
// Included only by layers/kernels.cpp.
namespace spikelet::layers::SPIKELET_LEVEL {

template <class R>
SPIKELET_INLINE Which<R> reached(bool strict, Vec<R> v, Vec<R> limit) {
  return strict ? above(v, limit) : at_or_above(v, limit);
}

// A vector of neurons through all steps, with its coefficients in registers.
template <class R, bool Synapse, bool Spikes, class C>
SPIKELET_INLINE void dynamic_lanes(const NeuronRow<R>& row, const Currents<C>& in, std::size_t x,
                                   std::size_t c, int k) {
  using D = Dynamics;
  // Storing bits might alias the arguments as far as the compiler knows, so they are copied.
  const NeuronRow<R> n = row;
  const DynamicsRow<R>& d = n.dynamics;
  const std::size_t lane = c + static_cast<std::size_t>(k * lanes<R>);
  const std::size_t at = x * in.block + lane, step = in.step();
  const auto get = [&](D::Parameter p) {
    return d.values[p] == nullptr ? Vec<R>{} : load(d.values[p] + x * d.strides[p] + lane);
  };
  const Vec<R> decay = get(D::decay), gain = get(D::gain), drive = get(D::drive);
  const Vec<R> syn_decay = get(D::syn_decay), syn_gain = get(D::syn_gain), pull = get(D::pull);
  const Vec<R> v_reset = get(D::v_reset), adapt_decay = get(D::adapt_decay), boost = get(D::boost);
  const Vec<R> threshold = Spikes ? load(n.threshold + x * n.threshold_stride + lane) : Vec<R>{};
  const Vec<R> base = n.base == nullptr ? Vec<R>{} : load(n.base + x * n.base_stride + lane);
  const bool pulls = d.values[D::pull] != nullptr, adapts = d.values[D::boost] != nullptr;
  const bool subtracts = d.reset == D::Reset::subtract, resets = d.reset == D::Reset::value;
  const C* current = in.at + x * in.pixel + lane;
  R* recorded = n.recorded == nullptr ? nullptr : n.recorded + x * n.recorded_pixel + lane;
  std::uint8_t* bits = Spikes ? n.bits + x * n.pixel_bytes + c / 8 : nullptr;
  Vec<R> v = load(n.v + at), i = load(n.sent + at), a = load(n.mean + at);
  for (std::size_t t = 0; t < in.steps; ++t, current += step) {
    Vec<R> input = load_current<R>(current) + base;
    Vec<R> u = v * decay;
    if constexpr (Synapse) {
      const Vec<R> next = syn_decay * i + syn_gain * input;
      if (pulls) {
        u = u + pull * i;
      } else {
        input = next;
      }
      i = next;
    }
    u = u + gain * input + drive;
    if constexpr (Spikes) {
      if (d.later) {
        u = select(reached<R>(d.strict, v, threshold), u - threshold, u);
      }
      const Which<R> spikes = reached<R>(d.strict, u, adapts ? threshold + boost * a : threshold);
      if (adapts) {
        a = adapt_decay * a + select(spikes, broadcast(R{1}), Vec<R>{});
      }
      if (subtracts && !d.later) {
        u = select(spikes, u - threshold, u);
      } else if (resets) {
        u = select(spikes, v_reset, u);
      }
      std::uint16_t word = 0;
      if (k > 0) {
        __builtin_memcpy(&word, bits, sizeof word);
      }
      set_bits<R>(bits, word | which_bits<R>(spikes) << (k * lanes<R>));
      bits += n.row_bytes;
    }
    v = u;
    if (recorded != nullptr) {
      store(recorded, v);
      recorded += n.recorded_step;
    }
  }
  store(n.v + at, v);
  store(n.sent + at, i);
  store(n.mean + at, a);
}

template <class R, class C>
void dynamic_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  const bool synapse = n.dynamics.values[Dynamics::syn_decay] != nullptr;
  const auto lanes_of = [&](auto f) {
    for (std::size_t x = 0; x < in.width; ++x) {
      for (std::size_t c = 0; c < in.block; c += channel_unit) {
        for (int k = 0; k < 16 / lanes<R>; ++k) {
          f(x, c, k);
        }
      }
    }
  };
  if (n.bits == nullptr) {
    lanes_of([&](std::size_t x, std::size_t c, int k) {
      synapse ? dynamic_lanes<R, true, false>(n, in, x, c, k)
              : dynamic_lanes<R, false, false>(n, in, x, c, k);
    });
  } else {
    lanes_of([&](std::size_t x, std::size_t c, int k) {
      synapse ? dynamic_lanes<R, true, true>(n, in, x, c, k)
              : dynamic_lanes<R, false, true>(n, in, x, c, k);
    });
  }
}

}  // namespace spikelet::layers::SPIKELET_LEVEL
