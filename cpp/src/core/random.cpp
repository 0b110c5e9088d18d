#include "spikelet/core/random.hpp"

#include <cmath>
#include <span>

namespace spikelet {
namespace {

double ratio(double r, std::span<const double, 8> num, std::span<const double, 8> den) {
  double a = num[7], b = den[7];
  for (int i = 6; i >= 0; --i) {
    a = a * r + num[i];
    b = b * r + den[i];
  }
  return a / b;
}

constexpr double middle_num[8] = {1.42343711074968357734e0,  4.63033784615654529590e0,
                                  5.76949722146069140550e0,  3.64784832476320460504e0,
                                  1.27045825245236838258e0,  2.41780725177450611770e-1,
                                  2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr double middle_den[8] = {1.0,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
constexpr double tail_num[8] = {6.65790464350110377720e0,  5.46378491116411436990e0,
                                1.78482653991729133580e0,  2.96560571828504891230e-1,
                                2.65321895265761230930e-2, 1.24266094738807843860e-3,
                                2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr double tail_den[8] = {1.0,
                                5.99832206555887937690e-1,
                                1.36929880922735805310e-1,
                                1.48753612908506148525e-2,
                                7.86869131145613259100e-4,
                                1.84631831751005468180e-5,
                                1.42151175831644588870e-7,
                                2.04426310338993978564e-15};

}  // namespace

double normal_quantile(double u) {
  const double q = u - 0.5;
  if (std::abs(q) <= normal_centre) {
    return q * ratio(0.180625 - q * q, normal_centre_num, normal_centre_den);
  }
  const double r = std::sqrt(-std::log(q < 0 ? u : 1 - u));
  const double z =
      r <= 5 ? ratio(r - 1.6, middle_num, middle_den) : ratio(r - 5, tail_num, tail_den);
  return q < 0 ? -z : z;
}

}  // namespace spikelet
