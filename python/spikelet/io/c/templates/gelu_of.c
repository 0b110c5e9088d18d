/* x times the probability that a normal variable is at most x. */
static float gelu_of(float x) {
  static const float c[12] = {0.2553956785f,    0.1717901665f,    0.06986786676f,   0.009110692123f,
                              -0.005375813093f, -0.001620927448f, 0.0007645785804f, 0.0002135100754f,
                              -0.000149691356f, -1.647576964e-5f, 2.10805986e-5f,   -6.636977588e-7f};
  const float a = magnitude_of(x);
  const float t = 2.0f / (a * 0.70710678118654752440f + 2.0f);
  const float u = t * 2.0f - 1.0f;
  const float square = a * a;
  const float high = bits_float(float_bits(a) & 0xfffff000u), low = a - high;
  const float lost = ((high * high - square) + high * low * 2.0f) + low * low;
  const float power = power_of(square * -0.25f);
  float p = c[11], less;
  int k;
  for (k = 10; k >= 0; --k) {
    p = p * u + c[k];
  }
  less = a * (p * t * power * (1.0f - lost * 0.5f)) * power;
  if (!(a < bits_float(0x7f800000u))) {
    return x < 0.0f ? 0.0f : x;
  }
  return x > 0.0f ? x - less : -less;
}
