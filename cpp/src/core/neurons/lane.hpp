// The loop over neurons, and Lane, one vector of them as a model's step() sees it. See
// docs/adding_a_neuron_model.md.

namespace spikelet::SPIKELET_LEVEL {

// General = false: all neurons share each coefficient, which stays in a register, and there is no
// external current.
template <class R, int Coefficients, int States, bool General>
class Lane {
 public:
  using V = Vec<R>;

  SPIKELET_INLINE explicit Lane(const StepArgs<R>& args)
      : early_(args.early), external_(args.external), theta_(args.theta), hold_(args.hold) {
    for (int k = 0; k < Coefficients; ++k) {
      pointer_[k] = args.coefficient[k];
      mask_[k] = args.index_mask[k];
      value_[k] = load(pointer_[k]);  // where it is used, one of 64 copies
    }
    for (int k = 0; k < States; ++k) {
      state_[k] = args.state[k];
    }
    now_ = static_cast<std::int8_t>(args.now);
  }

  SPIKELET_INLINE void at(std::size_t i) {
    i_ = i;
    held_ = later<R>(hold_ + i, now_);
  }

  SPIKELET_INLINE V state(int k) const { return load(state_[k] + i_); }
  SPIKELET_INLINE void set_state(int k, V x) const { store(state_[k] + i_, x); }
  SPIKELET_INLINE V coefficient(int k) const {
    if constexpr (General) {
      return load(pointer_[k] + (i_ & mask_[k]));
    } else {
      return value_[k];
    }
  }
  // For models without input states: the events that arrive at the end of this step, summed.
  SPIKELET_INLINE V early_input() const {
    const V x = load(early_ + i_);
    store(early_ + i_, V{});
    return x;
  }
  // I_e (a coefficient, pA) plus the injected current of this step.
  SPIKELET_INLINE V current(V I_e) const {
    if constexpr (General) {
      return external_ != nullptr ? I_e + load(external_ + i_) : I_e;
    } else {
      return I_e;
    }
  }
  // For models in which a current acts through states, too: adds the injected current of this step
  // times effect().
  template <class Effect>
  SPIKELET_INLINE V driven(V x, const Effect& effect) const {
    if constexpr (General) {
      return external_ != nullptr ? x + load(external_ + i_) * effect() : x;
    } else {
      return x;
    }
  }
  SPIKELET_INLINE static V exp_neg(V x) {
    return SPIKELET_LEVEL::exp_neg<R>(x);
  }  // exp(-x), x >= 0

  // Writes the membrane potential, which refractory neurons keep. Returns one bit per lane: whether
  // it reached the threshold.
  SPIKELET_INLINE std::uint64_t set_membrane(V before, V after) const {
    const V v = select(held_, before, after);
    store(state_[0] + i_, v);
    V threshold = coefficient(k_threshold);
    if (theta_ != nullptr) {
      const V theta = load(theta_ + i_) * coefficient(k_theta_decay);
      store(theta_ + i_, theta);
      threshold = threshold + theta;
    }
    return reaches(v, threshold, held_);
  }

 private:
  V value_[Coefficients];
  const R* pointer_[Coefficients];
  std::size_t mask_[Coefficients];
  R* state_[States];
  R* early_;
  const R* external_;
  R* theta_;
  const std::int8_t* hold_;
  std::size_t i_ = 0;
  std::int8_t now_;
  Which<R> held_;
};

// Resets the neurons whose bit is set and appends their gids. Spikes are rare, so this is scalar.
template <class R>
Gid* fire(const StepArgs<R>& args, std::size_t block, std::uint64_t spiked, Gid* out) {
  if (args.n - block < block_size) {
    spiked &= (std::uint64_t{1} << (args.n - block)) - 1;
  }
  for (; spiked != 0; spiked &= spiked - 1) {
    const std::size_t i = block + static_cast<std::size_t>(__builtin_ctzll(spiked));
    const auto value = [&](int k) { return args.coefficient[k][i & args.index_mask[k]]; };
    R& v = args.state[0][i];
    const R reset = value(k_reset);
    if (args.peak != nullptr) {
      args.peak[i] = v;
    }
    if (args.subtract) {
      R threshold = value(k_threshold);
      if (args.theta != nullptr) {
        threshold += args.theta[i];
      }
      v -= threshold - reset;
    } else {
      v = reset;
    }
    if (args.theta != nullptr) {
      args.theta[i] += value(k_theta_plus);
    }
    args.held_until[i] = args.now + 1 + args.t_ref[i & args.t_ref_mask];
    args.hold[i] = low_byte(args.held_until[i], args.now);
    *out++ = args.first_gid + static_cast<Gid>(i);
  }
  return out;
}

// The Poisson events of elements [begin, end), added to where their channel goes.
template <class R, std::size_t inputs>
SPIKELET_INLINE void add_drives(const StepArgs<R>& args,
                                const std::array<int, inputs>& input_states, std::size_t begin,
                                std::size_t end) {
  for (const PoissonDrive<R>& drive : args.drives) {
    R* input = args.early;
    if constexpr (inputs > 0) {
      const int state = input_states[static_cast<std::size_t>(drive.channel)];
      input = args.state[static_cast<std::size_t>(state)];
    }
    poisson_range(*drive.table, *drive.stream, *drive.tie, args.step, begin, end, drive.weight,
                  drive.weight_mask, input);
  }
}

template <class Model, class R, bool General>
Gid* step_model(const StepArgs<R>& args, std::size_t begin, std::size_t end, Gid* out) {
  constexpr int width = lanes<R>;
  refresh_hold(args, begin, end);
  Lane<R, k_first + static_cast<int>(Model::coefficient_count),
       static_cast<int>(Model::states.size()), General>
      lane(args);
  // Whether a block spikes cannot be predicted, so nothing branches on it: those that did are
  // noted, and fire once `most` blocks are through.
  constexpr std::size_t most = 32;
  std::uint64_t spikes[most];
  std::uint32_t fired = 0;
  std::size_t noted = 0;
  const auto integrate = [&](std::size_t block) __attribute__((always_inline)) {
    std::uint64_t spiked = 0;
#pragma GCC unroll 4
    for (int k = 0; k < static_cast<int>(block_size); k += width) {
      lane.at(block + static_cast<std::size_t>(k));
      spiked |= Model::step(lane) << k;
    }
    spikes[noted] = spiked;
    fired |= std::uint32_t{spiked != 0} << noted;
    ++noted;
  };
  const auto fire_noted = [&](std::size_t last) {
    for (const std::size_t first = last - noted * block_size; fired != 0; fired &= fired - 1) {
      const auto k = static_cast<std::size_t>(__builtin_ctz(fired));
      out = fire(args, first + k * block_size, spikes[k], out);
    }
    noted = 0;
  };
  // Drawing is arithmetic and integrating waits for memory: interleaved, each hides the other.
  constexpr bool early = Model::input_states.size() == 0;
  const std::size_t together = (args.drives.empty() ? most : blocks_together) * block_size;
  for (std::size_t first = begin; first < end;) {
    const std::size_t last = std::min(first + together, end);
    if constexpr (early) {
      add_drives(args, Model::input_states, first, last);
    }
    for (std::size_t block = first; block < last; block += block_size) {
      integrate(block);
    }
    if constexpr (!early) {
      add_drives(args, Model::input_states, first, last);
    }
    first = last;
    if (noted == most) {
      fire_noted(last);
    }
  }
  fire_noted(end);
  return out;
}

}  // namespace spikelet::SPIKELET_LEVEL
