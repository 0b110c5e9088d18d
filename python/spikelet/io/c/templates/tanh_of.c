/* tanh(x). */
static float tanh_of(float x) {
  const float t = power_less_one(magnitude_of(x) * -2.0f);
  const float y = magnitude_of(t / (t + 2.0f));
  return (float_bits(x) >> 31) != 0 ? -y : y;
}
