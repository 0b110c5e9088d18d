// The loop over neurons, and Lane, one vector of them as a model's step() sees it. See
// docs/adding_a_neuron_model.md.

namespace spikelet::SPIKELET_LEVEL {

// General: coefficients may differ between neurons, and there may be an external current; without,
// coefficients stay in registers. Events: sums of integers are added to a state as it is read, and
// Poisson events as it is written.
template <class Model, class R, bool General, bool Events>
class Lane {
 public:
  using V = Vec<R>;

  SPIKELET_INLINE explicit Lane(const StepArgs<R>& args)
      : early_(args.early), external_(args.external), theta_(args.theta), hold_(args.hold) {
    for (int k = 0; k < coefficients; ++k) {
      pointer_[k] = args.coefficient[k];
      mask_[k] = args.index_mask[k];
      value_[k] = load(pointer_[k]);  // where it is used, one of 64 copies
    }
    for (int k = 0; k < states; ++k) {
      state_[k] = args.state[k];
    }
    if constexpr (Events) {
      for (const StateSums<R>& sums : args.sums) {
#pragma GCC unroll 8
        for (int k = 0; k < states; ++k) {  // constant places stay in registers
          sums_[k] = k == sums.state ? Summed{sums.at, sums.step} : sums_[k];
        }
      }
    }
    now_ = static_cast<std::int8_t>(args.now);
  }

  SPIKELET_INLINE void at(std::size_t i) {
    i_ = i;
    held_ = later<R>(hold_ + i, now_);
  }

  // The events of a drive of state k, from element `first` on.
  SPIKELET_INLINE void drive(int k, const PoissonDrive<R>& drive, std::size_t first,
                             const std::uint16_t* counts) {
    drawn_[k] = {counts, drive.weight, drive.weight_mask};
    first_ = first;
  }

  // A step reads each state once, and then writes it once.
  SPIKELET_INLINE V state(int k) const {
    const V x = load(state_[k] + i_);
    if (takes_events(k) && sums_[k].at != nullptr) {
      return with_sums<std::int32_t>(x, sums_[k].at + i_, sums_[k].step);
    }
    return x;
  }
  SPIKELET_INLINE void set_state(int k, V x) const {
    if (takes_events(k) && drawn_[k].counts != nullptr) {
      const Drawn& drawn = drawn_[k];
      const V count = __builtin_convertvector(load_index<R>(drawn.counts + (i_ - first_)), V);
      x = x + load(drawn.weight + (i_ & (drawn.weight_mask | (block_size - 1)))) * count;
    }
    store(state_[k] + i_, x);
  }
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
  static constexpr int coefficients = k_first + Model::coefficient_count,
                       states = static_cast<int>(Model::states.size());
  static constexpr bool takes_events(int k) {
    return Events && std::ranges::find(Model::input_states, k) != Model::input_states.end();
  }
  struct Summed {
    std::uint32_t* at = nullptr;
    R step{};
  };
  struct Drawn {
    const std::uint16_t* counts = nullptr;
    const R* weight = nullptr;
    std::size_t weight_mask = 0;
  };

  V value_[coefficients];
  const R* pointer_[coefficients];
  std::size_t mask_[coefficients];
  R* state_[states];
  Summed sums_[states];
  Drawn drawn_[states];
  std::size_t first_ = 0;  // the element of the first count
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

// The state to which a drive's events go.
template <class Model, class R>
SPIKELET_INLINE std::size_t state_of(const PoissonDrive<R>& drive) {
  return static_cast<std::size_t>(Model::input_states[static_cast<std::size_t>(drive.channel)]);
}

// A drive for each state.
template <class Model, class R>
using StateDrives = std::array<const PoissonDrive<R>*, Model::states.size()>;

// Those whose events are added as their state is written: the first of a state, if one draw gives a
// count. So the order of additions is that of the drives.
template <class Model, class R>
StateDrives<Model, R> first_drives(const StepArgs<R>& args) {
  StateDrives<Model, R> first{};
  for (const PoissonDrive<R>& drive : args.drives) {
    const PoissonDrive<R>*& of_state = first[state_of<Model>(drive)];
    of_state = of_state == nullptr ? &drive : of_state;
  }
  for (const PoissonDrive<R>*& drive : first) {
    drive = drive != nullptr && drive->table->repeats > 1 ? nullptr : drive;
  }
  return first;
}

// The events of the other drives, for elements [begin, end), added to where their channel goes.
template <class Model, class R>
void add_drives(const StepArgs<R>& args, const StateDrives<Model, R>& without, std::size_t begin,
                std::size_t end) {
  for (const PoissonDrive<R>& drive : args.drives) {
    R* input = args.early;
    if constexpr (Model::input_states.size() > 0) {
      const std::size_t state = state_of<Model>(drive);
      if (without[state] == &drive) {
        continue;
      }
      input = args.state[state];
    }
    poisson_range(*drive.table, *drive.stream, *drive.tie, args.step, begin, end, drive.weight,
                  drive.weight_mask, input);
  }
}

// The sums of elements [begin, end), added to their states.
template <class R>
void add_sums(const StepArgs<R>& args, std::size_t begin, std::size_t end) {
  for (const StateSums<R>& sums : args.sums) {
    R* const state = args.state[static_cast<std::size_t>(sums.state)];
    for (std::size_t i = begin; i < end; i += static_cast<std::size_t>(lanes<R>)) {
      store(state + i, with_sums<std::int32_t>(load(state + i), sums.at + i, sums.step));
    }
  }
}

template <class Model, class R, bool General, bool Events>
Gid* step_lanes(const StepArgs<R>& args, std::size_t begin, std::size_t end, Gid* out) {
  constexpr int width = lanes<R>;
  refresh_hold(args, begin, end);
  Lane<Model, R, General, Events> lane(args);
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
  StateDrives<Model, R> drives{};
  alignas(64) std::uint16_t counts[drives.size()][Events ? blocks_together * block_size : 1];
  if constexpr (Events) {
    drives = first_drives<Model>(args);
  }
  const std::size_t together = (args.drives.empty() ? most : blocks_together) * block_size;
  for (std::size_t first = begin; first < end;) {
    const std::size_t last = std::min(first + together, end);
    if constexpr (early) {
      add_drives<Model>(args, drives, first, last);
    }
    if constexpr (!Events) {
      add_sums(args, first, last);
    }
#pragma GCC unroll 8
    for (std::size_t k = 0; Events && k < drives.size(); ++k) {
      if (drives[k] != nullptr) {
        poisson_counts(*drives[k]->table, *drives[k]->stream, *drives[k]->tie, args.step, first,
                       last, counts[k]);
        lane.drive(static_cast<int>(k), *drives[k], first, counts[k]);
      }
    }
    for (std::size_t block = first; block < last; block += block_size) {
      integrate(block);
    }
    if constexpr (!early) {
      add_drives<Model>(args, drives, first, last);
    }
    first = last;
    if (noted == most) {
      fire_noted(last);
    }
  }
  fire_noted(end);
  return out;
}

template <class Model, class R, bool General>
Gid* step_model(const StepArgs<R>& args, std::size_t begin, std::size_t end, Gid* out) {
  if constexpr (!General && Model::input_states.size() > 0) {
    if (!args.drives.empty() || !args.sums.empty()) {
      return step_lanes<Model, R, false, true>(args, begin, end, out);
    }
  }
  return step_lanes<Model, R, General, false>(args, begin, end, out);
}

}  // namespace spikelet::SPIKELET_LEVEL
