// Which neurons are held: each has a byte, which a step compares with its own.

namespace spikelet::SPIKELET_LEVEL {

// A time as one byte, enough to decide for hold_steps steps whether it has passed.
inline constexpr std::int32_t hold_steps = 64;
inline std::int8_t low_byte(std::int32_t until, std::int32_t now) {
  const std::int32_t left = until - now;
  return static_cast<std::int8_t>(now + (left < 0 ? 0 : left > hold_steps ? hold_steps : left));
}

template <class R>
SPIKELET_INLINE void refresh_hold(const StepArgs<R>& args, std::size_t begin, std::size_t end) {
  if (args.now % hold_steps == 0) {
    const std::int32_t now = args.now;  // copies, because `hold` may alias anything
    const std::int32_t* __restrict held_until = args.held_until;
    std::int8_t* __restrict hold = args.hold;
    for (std::size_t i = begin; i < end; ++i) {
      hold[i] = low_byte(held_until[i], now);
    }
  }
}

}  // namespace spikelet::SPIKELET_LEVEL
