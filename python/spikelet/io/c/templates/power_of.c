/* exp(x). */
static float power_of(float x) {
  uint32_t scale;
  const float p = power_parts(x, &scale);
  if (x != x) {
    return x;
  }
  if (x < -0x1.5d589ep+6f) {
    return 0.0f;
  }
  return bits_float(x > 0x1.62e42ep+6f ? 0x7f800000u : float_bits(p + 1.0f) + scale);
}
