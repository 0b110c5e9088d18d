/* x = n ln 2 + f with |f| <= ln 2 / 2: returns exp(f) - 1, and the bits of 2^n less those of 1. */
static float power_parts(float x, uint32_t *scale) {
  const float shifted = x * 1.44269504088896340736f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float hi = x - n * 0.693359375f, lo = n * -2.12194440e-4f;
  const float f = hi - lo;
  float q = 1.9875691500e-4f * f + 1.3981999507e-3f;
  q = q * f + 8.3334519073e-3f;
  q = q * f + 4.1665795894e-2f;
  q = q * f + 1.6666665459e-1f;
  q = q * f + 5.0000001201e-1f;
  *scale = (float_bits(shifted) - 0x4b400000u) << 23;
  return hi + (f * f * q - lo);
}
