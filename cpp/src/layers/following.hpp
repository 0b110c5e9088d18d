// Time steps of neurons that follow a function of their estimate. Included only by
// layers/kernels.cpp. Spikes do not change the estimate, so all steps of it come first, then the
// function, then the spikes.
namespace spikelet::layers::SPIKELET_LEVEL {

// estimates = pace (sum of the weighted input) + offset; v holds the sum.
template <class R, int Pixels, class C>
SPIKELET_INLINE void estimate_pixels(const NeuronRow<R>& n, const Currents<C>& in, std::size_t x,
                                     std::size_t c) {
  constexpr int vectors = 16 / lanes<R>;
  const std::size_t row = in.width * in.block;
  Vec<R> v[Pixels][vectors], base[Pixels][vectors];
#pragma GCC unroll 4
  for (int p = 0; p < Pixels; ++p) {
    const std::size_t at = x + static_cast<std::size_t>(p);
    for (int k = 0; k < vectors; ++k) {
      const std::size_t lane = c + static_cast<std::size_t>(k * lanes<R>);
      v[p][k] = load(n.v + at * in.block + lane);
      base[p][k] = n.base == nullptr ? Vec<R>{} : load(n.base + at * n.base_stride + lane);
    }
  }
  for (std::size_t t = 0; t < in.steps; ++t) {
    const Vec<R> size = broadcast(n.sizes[t]);
    for (int k = 0; k < vectors; ++k) {
      const std::size_t lane = c + static_cast<std::size_t>(k * lanes<R>);
      const Vec<R> pace = load(n.pace + t * n.pace_step + lane);
      const Vec<R> offset = load(n.offset + t * n.pace_step + lane);
#pragma GCC unroll 4
      for (int p = 0; p < Pixels; ++p) {
        const std::size_t at = x + static_cast<std::size_t>(p);
        const C* current = in.at + t * in.step() + at * in.pixel + lane;
        v[p][k] += (load_current<R>(current) + base[p][k]) * size;
        store(n.estimates + t * row + at * in.block + lane, v[p][k] * pace + offset);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < Pixels; ++p) {
    for (int k = 0; k < vectors; ++k) {
      const std::size_t lane = c + static_cast<std::size_t>(k * lanes<R>);
      store(n.v + (x + static_cast<std::size_t>(p)) * in.block + lane, v[p][k]);
    }
  }
}

// The same for pairs that send spikes of several sizes, the step's size times `gains`. A size is
// sent if it is nearer than the next smaller one; the smallest if the neuron is at least `limit`,
// which is for the largest size, away.
template <class R>
void send_sizes(const NeuronRow<R>& n, const Currents<R>& aims) {
  constexpr int vectors = 16 / lanes<R>;
  const auto levels = static_cast<std::size_t>(n.levels);
  const R smallest = n.gains[levels - 1];
  const std::size_t steps = aims.steps, row_bytes = n.row_bytes, plane_bytes = n.plane_bytes;
  each_group(aims, [&](std::size_t x, std::size_t c, std::size_t at) {
    Vec<R> sent[vectors];
    const auto lane = [](int k) { return static_cast<std::size_t>(k * lanes<R>); };
    for (int k = 0; k < vectors; ++k) {
      sent[k] = load(n.sent + at + lane(k));
    }
    for (std::size_t t = 0; t < steps; ++t) {
      std::uint8_t* bits = n.bits + t * row_bytes + x * n.pixel_bytes + c / 8;
      Vec<R> u[vectors], bound[vectors], out[vectors];
      std::uint32_t negative = 0, sending = 0;
      for (int k = 0; k < vectors; ++k) {
        u[k] = load(aims.at + t * aims.step() + at + lane(k)) - sent[k];
        bound[k] = load(n.limit + t * n.pace_step + c + lane(k)) * smallest;
        negative |= which_bits<R>(at_or_above(Vec<R>{}, u[k])) << lane(k);
        u[k] = u[k] < R{0} ? -u[k] : u[k];
        out[k] = Vec<R>{};
      }
      for (std::size_t level = 0; level < levels; ++level) {
        const R size = n.sizes[t] * n.gains[level];
        const R next = level + 1 < levels ? n.sizes[t] * n.gains[level + 1] : -size;
        const Vec<R> nearer = broadcast(R(0.5) * (size + next));
        std::uint32_t reached = 0;
        for (int k = 0; k < vectors; ++k) {
          const Which<R> far = at_or_above(u[k], bound[k] > nearer ? bound[k] : nearer);
          reached |= which_bits<R>(far) << lane(k);
          out[k] = out[k] > R{0} ? out[k] : select(far, broadcast(size), out[k]);
        }
        const std::uint32_t now = reached & ~sending;
        sending = reached;  // all that reach a size reach the smaller ones
        set_bits<R>(bits + level * plane_bytes, now & ~negative);
        set_bits<R>(bits + (levels + level) * plane_bytes, now & negative);
      }
      for (int k = 0; k < vectors; ++k) {
        const Vec<R> aim = load(aims.at + t * aims.step() + at + lane(k));
        sent[k] += aim < sent[k] ? -out[k] : out[k];
        if (n.recorded != nullptr) {
          store(n.recorded + t * n.recorded_step + x * n.recorded_pixel + c + lane(k),
                aim - sent[k]);
        }
      }
    }
    for (int k = 0; k < vectors; ++k) {
      store(n.sent + at + lane(k), sent[k]);
    }
  });
}

// The estimates between 0 and the ceiling.
template <class R>
void clip_estimates(const NeuronRow<R>& n, const Currents<R>& aims) {
  for (std::size_t t = 0; t < aims.steps; ++t) {
    for (std::size_t x = 0; x < aims.width; ++x) {
      R* const aim = aims.at + t * aims.step() + x * aims.block;
      for (std::size_t c = 0; c < aims.block; ++c) {
        aim[c] = aim[c] > 0 ? aim[c] : R{};
        if (n.ceiling != nullptr) {
          aim[c] = std::min(aim[c], n.ceiling[t * n.pace_step + c]);
        }
      }
    }
  }
}

template <class R, class C>
void estimate_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  each_pixels<R>(in, [&](std::size_t x, std::size_t c, auto pixels) {
    estimate_pixels<R, pixels>(n, in, x, c);
  });
  if (n.scale != nullptr) {
    activate_values(n.function, n.alpha, n.beta, static_cast<const R*>(n.estimates), n.estimates,
                    in.steps * in.width, in.block, in.block);
  }
}

template <class R, class C>
void following_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  estimate_steps(n, in);
  predictive_groups<R, true, false, true, true>(n, in);
}

template <class R, class C>
void pair_of_sizes_steps(const NeuronRow<R>& n, const Currents<C>& in) {
  estimate_steps(n, in);
  const Currents<R> aims{n.estimates, in.steps, in.width, in.block, in.block};
  if (n.scale == nullptr) {
    clip_estimates(n, aims);
  } else {
    for (std::size_t k = 0; k < in.steps * in.width * in.block; ++k) {
      n.estimates[k] *= n.scale[k % in.block];
    }
  }
  send_sizes(n, aims);
}

}  // namespace spikelet::layers::SPIKELET_LEVEL
