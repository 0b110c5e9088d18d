// Propagators that several models share (Rotter & Diesmann 1999), exact for any time constants:
// with the limit tau_syn -> tau_m, and where a factor of a product would under- or overflow.

namespace spikelet::SPIKELET_LEVEL {

// Above, the slower exponential exceeds the faster one by more than a double resolves.
inline constexpr double far_apart = 36;

// Effect on V, after one step without synaptic current, of a constant current of 1 pA. With
// `kept` = exp(-dt / tau_m) as rounded, V tends to exactly R I; where almost nothing leaks, the
// difference from 1 would cancel.
inline double constant_current_to_potential(double dt, double tau_m, double C_m, double kept) {
  if (dt < 1e-5 * tau_m) {
    return dt / C_m * (-std::expm1(-dt / tau_m) / (dt / tau_m));
  }
  return tau_m / C_m * (1 - kept);
}

// 1 / tau_syn - 1 / tau_m and its inverse, also where the product of the time constants is no
// normal number.
struct RateDifference {
  RateDifference(double tau_m, double tau_syn)
      : rate((tau_m - tau_syn) / (tau_syn * tau_m)), time(tau_syn * tau_m / (tau_m - tau_syn)) {
    if (!std::isnormal(tau_syn * tau_m)) {
      time = tau_syn / (1 - tau_syn / tau_m);
      rate = 1 / time;
    }
  }
  double rate, time;
};

// Effect on V, one step later, of an exponential current of 1 pA now.
inline double exp_current_to_potential(double dt, double tau_m, double C_m, double tau_syn) {
  if (tau_m == tau_syn) {
    return dt / C_m * std::exp(-dt / tau_m);
  }
  const auto [rate, beta] = RateDifference(tau_m, tau_syn);
  if (dt * rate > far_apart) {
    return beta / C_m * std::exp(-dt / tau_m);
  }
  return beta / C_m * std::exp(-dt / tau_syn) * std::expm1(dt * rate);
}

// Effect on V, one step later, of the derivative state (dI) of an alpha current.
inline double alpha_current_to_potential(double dt, double tau_m, double C_m, double tau_syn) {
  if (tau_m == tau_syn) {
    return 0.5 * dt * dt / C_m * std::exp(-dt / tau_m);
  }
  const auto [rate, beta] = RateDifference(tau_m, tau_syn);
  const double x = dt * rate;
  if (std::abs(x) < 1e-4) {  // (expm1(x) - x) / x^2 would cancel
    return dt * dt / C_m * std::exp(-dt / tau_syn) *
           (0.5 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120))));
  }
  if (x > far_apart) {
    return beta / C_m * (beta * std::exp(-dt / tau_m) - (beta + dt) * std::exp(-dt / tau_syn));
  }
  return beta / C_m * std::exp(-dt / tau_syn) * (beta * std::expm1(x) - dt);
}

}  // namespace spikelet::SPIKELET_LEVEL
