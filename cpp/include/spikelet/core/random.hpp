// Counter-based randomness: Philox4x32-10 (Salmon et al., SC 2011). A draw is a pure function of
// (seed, stream, three counter words), independent of threads, partitions, SIMD width and
// how a run is divided.
#pragma once

#include <array>
#include <cstdint>

namespace spikelet {

using Words = std::array<std::uint32_t, 4>;

inline constexpr std::uint32_t philox_m0 = 0xD2511F53, philox_m1 = 0xCD9E8D57;
inline constexpr std::uint32_t philox_w0 = 0x9E3779B9, philox_w1 = 0xBB67AE85;

inline Words philox(Words c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{philox_m0} * c[0];
    const std::uint64_t p1 = std::uint64_t{philox_m1} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += philox_w0;
    k1 += philox_w1;
  }
  return c;
}

// What a stream is for. Purpose and object number form the stream's counter word.
enum class Purpose : std::uint32_t {
  source = 1,        // spike sources of the network
  source_count = 2,  // how many, given that there was at least one
  source_tie = 3,    // second word of a draw that fell on its 16-bit threshold
  injector = 4,
  injector_tie = 5,
  connect = 6,       // a synapse: its other end, weight and delay
  values = 7,        // weights and delays of explicit lists
  connect_more = 8,  // further draws of a synapse whose first was rejected
  encode = 9,
  encode_tie = 10,
  program = 11,        // rand() and randn() of a node whose step is a program
  synapse_event = 12,  // rand() and randn() of a plasticity rule from text
  source_thin = 20,    // which events of the largest rate remain where the rate changes with time
  injector_thin = 21,
  pulse = 22,   // spikes of pulse packets
  events = 40,  // changes of event data
};

// The random numbers of one object for one purpose.
class Stream {
 public:
  Stream(std::uint64_t seed, Purpose purpose, std::uint32_t object)
      : k0_(static_cast<std::uint32_t>(seed)),
        k1_(static_cast<std::uint32_t>(seed >> 32)),
        word_((static_cast<std::uint32_t>(purpose) << 24) ^ object) {}

  Words words(std::uint64_t index, std::uint32_t sub) const {
    return philox(
        {static_cast<std::uint32_t>(index), sub, static_cast<std::uint32_t>(index >> 32), word_},
        k0_, k1_);
  }
  // Counter laid out (a, step low, step high): the form that the vector kernels use.
  Words at(std::uint32_t a, std::int64_t step) const {
    return philox(
        {a, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32), word_}, k0_,
        k1_);
  }
  std::uint32_t key0() const { return k0_; }
  std::uint32_t key1() const { return k1_; }
  std::uint32_t word() const { return word_; }

 private:
  std::uint32_t k0_, k1_, word_;
};

// Uniform in (0, 1), never an end point.
inline double uniform(std::uint32_t x) { return (x + 0.5) * 0x1p-32; }
inline double uniform(std::uint32_t hi, std::uint32_t lo) {
  return ((((std::uint64_t{hi} << 32) | lo) >> 12) + 0.5) * 0x1p-52;
}

// Standard normal quantile of u in (0, 1), 1e-16 relative (Wichura 1988, algorithm AS 241).
double normal_quantile(double u);

// Its rational function within `normal_centre` of u = 0.5, which kernels evaluate themselves.
inline constexpr double normal_centre = 0.425;
inline constexpr double normal_centre_num[8] = {3.3871328727963666080e0,  1.3314166789178437745e+2,
                                                1.9715909503065514427e+3, 1.3731693765509461125e+4,
                                                4.5921953931549871457e+4, 6.7265770927008700853e+4,
                                                3.3430575583588128105e+4, 2.5090809287301226727e+3};
inline constexpr double normal_centre_den[8] = {1.0,
                                                4.2313330701600911252e+1,
                                                6.8718700749205790830e+2,
                                                5.3941960214247511077e+3,
                                                2.1213794301586595867e+4,
                                                3.9307895800092710610e+4,
                                                2.8729085735721942674e+4,
                                                5.2264952788528545610e+3};

}  // namespace spikelet
