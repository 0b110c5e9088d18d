/* x tanh(log(1 + exp(x))). */
static float mish_of(float x) {
  const float e = power_of(-magnitude_of(x));
  const float top = x > 0.0f ? e * 2.0f + 1.0f : e * (e + 2.0f);
  const float rest = x > 0.0f ? e * e * 2.0f : 2.0f;
  return x * (top / (top + rest));
}
