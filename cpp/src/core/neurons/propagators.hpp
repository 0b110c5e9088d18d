// Propagators that several models share (Rotter & Diesmann 1999), with the limit tau_syn -> tau_m.

namespace spikelet::SPIKELET_LEVEL {

// Effect on V, one step later, of an exponential current of 1 pA now.
inline double exp_current_to_potential(double dt, double tau_m, double C_m, double tau_syn) {
  const double beta = tau_syn * tau_m / (tau_m - tau_syn);
  const double rate = (tau_m - tau_syn) / (tau_syn * tau_m);
  const double P21 = beta / C_m * std::exp(-dt / tau_syn) * std::expm1(dt * rate);
  return std::isnormal(P21) && P21 > 0 ? P21 : dt / C_m * std::exp(-dt / tau_m);
}

// Effect on V, one step later, of the derivative state (dI) of an alpha current.
inline double alpha_current_to_potential(double dt, double tau_m, double C_m, double tau_syn) {
  if (dt > 1e-7 * tau_m * tau_m / std::abs(tau_m - tau_syn)) {
    const double beta = tau_syn * tau_m / (tau_m - tau_syn);
    const double rate = (tau_m - tau_syn) / (tau_syn * tau_m);
    return beta / C_m * std::exp(-dt / tau_syn) * (beta * std::expm1(dt * rate) - dt);
  }
  return 0.5 * dt * dt / C_m * std::exp(-dt / tau_m);
}

}  // namespace spikelet::SPIKELET_LEVEL
