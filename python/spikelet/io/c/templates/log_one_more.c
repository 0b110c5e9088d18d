/* log(1 + x) for x in 0 .. 1: fdlibm's log of the rounded sum, and what rounding has cost. */
static float log_one_more(float x) {
  const float u = x + 1.0f;
  const uint32_t k = (float_bits(u) - float_bits(0.70710678118654752440f)) >> 23;
  const float f = bits_float(float_bits(u) - (k << 23)) - 1.0f;
  const float n = bits_float(0x4b400000u + k) - 12582912.0f;
  const float s = f / (f + 2.0f), z = s * s, half = f * f * 0.5f, w = z * z;
  float r = (w * 0xf89e26.0p-26f + 0xccce13.0p-25f) * w;
  r = r + (w * 0x91e9ee.0p-25f + 0xaaaaaa.0p-24f) * z;
  r = n * 6.9313812256e-01f - ((half - (s * (half + r) + n * 9.0580006145e-06f)) - f);
  return u == 1.0f ? x : r - ((u - 1.0f) - x) / u;
}
