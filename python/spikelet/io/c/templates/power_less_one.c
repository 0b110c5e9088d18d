/* exp(x) - 1. */
static float power_less_one(float x) {
  uint32_t scale;
  const float p = power_parts(x > -60.0f ? x : -60.0f, &scale);
  const float half = bits_float(0x3f000000u + scale);
  return x != x ? x : x > 0x1.62e42ep+6f ? bits_float(0x7f800000u) : (half - 0.5f + half * p) * 2.0f;
}
