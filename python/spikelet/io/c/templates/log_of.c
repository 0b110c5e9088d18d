/* log(x): fdlibm. x = 2^k m with m in sqrt(1/2) .. sqrt(2). */
static float log_of(float x) {
  const int32_t k = (int32_t)(float_bits(x) - 0x3f3504f3u) >> 23;
  const float f = bits_float(float_bits(x) - ((uint32_t)k << 23)) - 1.0f;
  const float n = bits_float(0x4b400000u + (uint32_t)k) - 12582912.0f;
  const float s = f / (f + 2.0f), z = s * s, half = f * f * 0.5f, w = z * z;
  float r = (w * 0xf89e26.0p-26f + 0xccce13.0p-25f) * w;
  r = r + (w * 0x91e9ee.0p-25f + 0xaaaaaa.0p-24f) * z;
  r = n * 6.9313812256e-01f - ((half - (s * (half + r) + n * 9.0580006145e-06f)) - f);
  if (x < 0.0f) {
    return bits_float(0x7fc00000u);
  }
  return x < 0x1p-126f ? bits_float(0xff800000u) : x - x == 0.0f ? r : x;
}
