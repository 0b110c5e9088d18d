// Sines over time without the mathematical library. Angles are fractions of a turn in units of
// 2^-64, so that the angle of any step is exact: whole turns drop out of the 64 bits.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace spikelet {

using Angle = std::uint64_t;

inline Angle to_angle(double turns) {
  const double fraction = turns - std::floor(turns);
  return fraction < 1 ? static_cast<Angle>(fraction * 0x1p64) : 0;
}

inline constexpr double two_pi = 6.283185307179586476925;

// Ratios of the terms of the sine's series. Of (pi / 2)^2 it ends below 1e-18.
inline constexpr auto sine_taylor = [] {
  std::array<double, 11> ratio{};
  for (int n = 0; n < 11; ++n) {
    ratio[n] = 1.0 / ((2 * n + 2) * (2 * n + 3));
  }
  return ratio;
}();

inline double sine(Angle angle) {
  constexpr Angle quarter = Angle{1} << 62;
  if (((angle + quarter) >> 63) != 0) {  // beyond a quarter turn: sin(pi - x) = sin(x)
    angle = 2 * quarter - angle;
  }
  const double x = static_cast<double>(static_cast<std::int64_t>(angle)) * 0x1p-64 * two_pi;
  const double y = x * x;  // at most (pi / 2)^2
  double sum = 0;
  for (std::size_t n = sine_taylor.size(); n-- > 0;) {
    sum = y * sine_taylor[n] * (1 - sum);
  }
  return x - x * sum;
}

// amplitude * sin(2 pi frequency t + phase), at multiples of dt.
struct Sine {
  double amplitude = 0;
  Angle phase = 0, step = 0;

  Sine() = default;
  // frequency [Hz], phase [degrees], dt [ms]
  Sine(double size, double frequency, double degrees, double dt)
      : amplitude(size), phase(to_angle(degrees / 360)), step(to_angle(frequency * dt * 1e-3)) {}

  Angle angle(std::int64_t n) const { return phase + step * static_cast<Angle>(n); }
  double at(std::int64_t n) const { return amplitude * sine(angle(n)); }
};

}  // namespace spikelet
