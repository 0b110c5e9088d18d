// The step of neurons that a program moves: tile by tile, each instruction on the whole tile.

namespace spikelet::SPIKELET_LEVEL {

template <class R>
SPIKELET_INLINE void execute(const std::vector<BoundInstruction<R>>& code, R* const* slot,
                             std::size_t n) {
  for (const BoundInstruction<R>& in : code) {
    in.run(slot, in, n);
  }
}

// A bit for each of the 64 elements of a block that is held.
template <class R>
SPIKELET_INLINE std::uint64_t held_bits(const StepArgs<R>& args, std::size_t block) {
  std::uint64_t all = 0;
  const auto now = static_cast<std::int8_t>(args.now);
  for (std::size_t k = 0; k < block_size; k += static_cast<std::size_t>(lanes<R>)) {
    all |= std::uint64_t{which_bits<R>(later<R>(args.hold + block + k, now))} << k;
  }
  return all;
}

// The bits of 64 values, or-ed.
template <class R>
SPIKELET_INLINE Mask<R> any_bits(const R* values) {
  Mask<R> any{};
#pragma GCC unroll 16
  for (std::size_t k = 0; k < block_size; k += static_cast<std::size_t>(lanes<R>)) {
    any |= as_bits<R>(load(values + k));
  }
  return any;
}
template <class R>
SPIKELET_INLINE bool is_zero(const R* values) {  // 64 of them, to the last bit
  return bits<R>(any_bits(values) != 0) == 0;
}

// Whether none of a block is held, and no event has reached its early inputs.
template <class R>
SPIKELET_INLINE bool is_calm(const StepArgs<R>& args, ProgramRun<R>& run, std::size_t block) {
  std::uint8_t& may_be_held = run.may_be_held[(block - run.arrays.begin) / block_size];
  if (may_be_held != 0) {
    may_be_held = held_bits(args, block) != 0 ? 1 : 0;
    if (may_be_held != 0) {
      return false;
    }
  }
  if (args.reached != nullptr) {
    const std::size_t place = (block + static_cast<std::size_t>(args.reached_shift)) / block_size;
    return (args.reached[place / 64] >> (place % 64) & 1) == 0;
  }
  Mask<R> any{};
  for (const R* early : run.early) {
    for (std::size_t k = 0; k < block_size; k += static_cast<std::size_t>(lanes<R>)) {
      any |= as_bits<R>(load(early + block + k));
    }
  }
  return bits<R>(any != 0) == 0;
}

// Whether nothing has reached a block since its last step.
template <class R>
SPIKELET_INLINE bool unreached(const ProgramRun<R>& run, std::size_t block) {
  Mask<R> any{};
  for (const R* values : run.reached) {
    any |= any_bits(values + block);
  }
  return bits<R>(any != 0) == 0;
}

template <class R>
void require_number(const StepArgs<R>& args, const ProgramRun<R>& run, std::size_t i) {
  for (std::size_t k = 0; k < run.arrays.state.size(); ++k) {
    const R x = run.arrays.state[k][i];
    if (x - x != 0) {
      throw_divergence(run.node, k, i, args.step + 1, static_cast<double>(x));
    }
  }
}

// All states of the elements of a block.
template <class R>
void require_numbers(const StepArgs<R>& args, const ProgramRun<R>& run, std::size_t block) {
  Mask<R> wrong{};
  for (const R* state : run.arrays.state) {
    for (std::size_t k = 0; k < block_size; k += static_cast<std::size_t>(lanes<R>)) {
      const Vec<R> x = load(state + block + k);
      wrong |= x - x != 0;
    }
  }
  if (bits<R>(wrong) != 0) [[unlikely]] {
    for (std::size_t i = block; i < std::min(block + block_size, args.n); ++i) {
      require_number(args, run, i);
    }
  }
}

// Resets the neurons of a block whose bit is set, and appends their gids.
template <class R>
Gid* fire_program(const StepArgs<R>& args, ProgramRun<R>& run, std::size_t tile, std::size_t block,
                  std::uint64_t spiked, Gid* out) {
  spiked &= ~held_bits(args, block);
  if (args.n - block < block_size) {
    spiked &= (std::uint64_t{1} << (args.n - block)) - 1;
  }
  for (std::uint64_t left = spiked; left != 0; left &= left - 1) {
    const std::size_t i = block + static_cast<std::size_t>(__builtin_ctzll(left));
    require_number(args, run, i);
    if (args.peak != nullptr) {
      args.peak[i] = run.slot[0][i - tile];
    }
  }
  if (!run.reset.empty()) {
    alignas(64) Mask<R> mask[group_size / lanes<R> + (group_size % lanes<R> != 0)];
    using Word = std::conditional_t<sizeof(R) == 4, std::int32_t, std::int64_t>;
    auto* words = reinterpret_cast<Word*>(mask);
    for (std::size_t group = 0; group < block_size; group += group_size) {
      const std::uint64_t some = spiked >> group & ((1u << group_size) - 1);
      if (some == 0) {
        continue;
      }
      for (std::size_t k = 0; k < group_size; ++k) {
        words[k] = -static_cast<Word>(some >> k & 1);
      }
      const std::size_t offset = block + group - tile;
      for (const std::size_t k : run.tiled) {
        run.group_slot[k] = run.slot[k] + offset;
      }
      run.group_slot[run.hold_slot] = reinterpret_cast<R*>(args.hold + block + group);
      run.group_slot[run.program->slots().spiked] = reinterpret_cast<R*>(mask);
      execute(run.reset, run.group_slot.data(), group_size);
    }
  }
  if (spiked != 0) {
    run.may_be_held[(block - run.arrays.begin) / block_size] = 1;
  }
  for (; spiked != 0; spiked &= spiked - 1) {
    const std::size_t i = block + static_cast<std::size_t>(__builtin_ctzll(spiked));
    args.held_until[i] = args.now + 1 + args.t_ref[i & args.t_ref_mask];
    args.hold[i] = low_byte(args.held_until[i], args.now);
    *out++ = args.first_gid + static_cast<Gid>(i);
  }
  return out;
}

// The random numbers of a step.
template <class R>
void draw(const StepArgs<R>& args, ProgramRun<R>& run, std::size_t begin, std::size_t end) {
  alignas(64) double block[block_size];
  const auto& kinds = run.program->parts().draws;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    R* to = run.slot[run.program->slots().draw + k];
    const Step counter = args.step + (static_cast<Step>(k) << 56);  // steps end at 2^53
    for (std::size_t first = begin; first < end; first += block_size, to += block_size) {
      const auto element = static_cast<std::uint32_t>(first);
      if (kinds[k] == DrawKind::uniform) {
        uniforms_block(run.stream, element, counter, block);
        constexpr R below_1 = R(1) - (sizeof(R) == 4 ? R(0x1p-24) : R(0x1p-53));
        for (std::size_t i = 0; i < block_size; ++i) {
          const R u = static_cast<R>(block[i]);
          to[i] = u < below_1 ? u : below_1;
        }
      } else {
        normals_block(run.stream, element, counter, block);
        for (std::size_t i = 0; i < block_size; ++i) {
          to[i] = static_cast<R>(block[i]);
        }
      }
    }
  }
}

template <class R>
void add_drives(const StepArgs<R>& args, const ProgramRun<R>& run, bool early, std::size_t begin,
                std::size_t end) {
  for (const PoissonDrive<R>& drive : args.drives) {
    if (is_early(drive.channel) == early) {
      poisson_range(*drive.table, *drive.stream, *drive.tie, args.step, begin, end, drive.weight,
                    drive.weight_mask, run.arrays.channel[static_cast<std::size_t>(drive.channel)]);
    }
  }
}

// Elements [begin, end), one tile at most.
template <class R>
Gid* step_tile(const StepArgs<R>& args, ProgramRun<R>& run, std::size_t begin, std::size_t end,
               bool rests, bool calm, Gid* out) {
  const Program& program = *run.program;
  const Program::Slots& slots = program.slots();
  const std::size_t n = end - begin;
  for (const auto& [slot, base] : run.moving) {
    run.slot[slot] = base + begin;
  }
  if (program.reads(slots.current)) {
    run.slot[slots.current] =
        args.external != nullptr ? const_cast<R*>(args.external) + begin : run.zeros;
  }
  if (!args.drives.empty()) {
    add_drives(args, run, true, begin, end);
  }
  if (!program.parts().draws.empty()) {
    draw(args, run, begin, end);
  }
  run.slot[run.hold_slot] = reinterpret_cast<R*>(args.hold + begin);
  if (program.reads(slots.held)) {
    const auto now = static_cast<std::int8_t>(args.now);
    const Vec<R> ones = as_number<R>(~Mask<R>{});
    for (std::size_t k = 0; k < n; k += static_cast<std::size_t>(lanes<R>)) {
      store(run.slot[slots.held] + k, select(later<R>(args.hold + begin + k, now), ones, Vec<R>{}));
    }
  }
  std::uint64_t candidates = 0;  // by block of the tile: nothing reached it
  if (rests && args.now % hold_steps == 0) {
    for (std::size_t k = 0; k < run.arrays.state.size(); ++k) {
      std::copy_n(run.arrays.state[k] + begin, n, run.saved + k * run.tile);
    }
    for (std::size_t block = begin; block < end; block += block_size) {
      if (unreached(run, block) && held_bits(args, block) == 0) {
        candidates |= std::uint64_t{1} << ((block - begin) / block_size);
      }
    }
  }
  execute(calm ? run.calm_step : run.step, run.slot.data(), n);
  if (program.parts().spiked >= 0) {
    for (std::size_t block = begin; block < end; block += block_size) {
      const std::uint64_t spiked = run.spiked[(block - begin) / block_size];
      if (spiked != 0) [[unlikely]] {
        const Gid* before = out;
        out = fire_program(args, run, begin, block, spiked, out);
        if (out != before) {
          candidates &= ~(std::uint64_t{1} << ((block - begin) / block_size));
        }
      }
    }
  }
  if (!calm) {
    for (R* early : run.early) {
      std::fill(early + begin, early + end, R(0));
    }
  }
  if (!args.drives.empty()) {
    add_drives(args, run, false, begin, end);
  }
  if (args.step % hold_steps == 0) {
    for (std::size_t block = begin; block < end; block += block_size) {
      require_numbers(args, run, block);
    }
  }
  for (; candidates != 0; candidates &= candidates - 1) {
    const auto block = static_cast<std::size_t>(__builtin_ctzll(candidates)) * block_size;
    // Padding may go on moving: what it begins with is not what the neurons begin with.
    const std::size_t neurons = std::min(block_size, args.n - (begin + block));
    bool same = true;
    for (std::size_t s = 0; s < run.arrays.state.size(); ++s) {
      same = same && std::memcmp(run.arrays.state[s] + begin + block,
                                 run.saved + s * run.tile + block, neurons * sizeof(R)) == 0;
    }
    run.resting[(begin + block - run.arrays.begin) / block_size] = same ? 1 : 0;
  }
  return out;
}

// Calm elements in a row that are worth a step of their own.
inline constexpr std::size_t worth_a_run = 256;

template <class R>
Gid* step_program(const StepArgs<R>& args, std::size_t begin, std::size_t end, Gid* out) {
  ProgramRun<R>& run = *args.program;
  refresh_hold(args, begin, end);
  run.now = static_cast<std::int8_t>(args.now);
  const R time = static_cast<R>(static_cast<double>(args.step) * run.dt);
  *run.slot[run.program->slots().time] = time;
  for (const std::size_t k : run.copies_of_time) {
    std::fill_n(run.slot[k], run.tile, time);
  }
  const bool rests = run.program->may_rest() && args.drives.empty() && args.external == nullptr;
  std::uint8_t* resting = run.resting.data();
  const auto place = [&](std::size_t block) { return (block - run.arrays.begin) / block_size; };
  const auto skipped = [&](std::size_t block) {
    return resting[place(block)] != 0 && unreached(run, block);
  };
  const bool drawn = std::ranges::any_of(
      args.drives, [](const PoissonDrive<R>& drive) { return is_early(drive.channel); });
  const auto calm_at = [&](std::size_t block) { return !drawn && is_calm(args, run, block); };
  for (std::size_t first = begin; first < end;) {
    if (rests && skipped(first)) {
      first += block_size;
      continue;
    }
    // One step for the longest run of blocks: short ones cost more than calm ones save.
    bool calm = calm_at(first);
    std::size_t last = first;
    do {
      resting[place(last)] = 0;
      last += block_size;
      const bool long_enough = last - first >= worth_a_run;
      if (last < end && (calm || long_enough) && calm_at(last) != calm) {
        if (long_enough) {
          break;
        }
        calm = false;
      }
    } while (last < end && last - first < run.tile && !(rests && skipped(last)));
    out = step_tile(args, run, first, last, rests, calm, out);
    first = last;
  }
  return out;
}

}  // namespace spikelet::SPIKELET_LEVEL
