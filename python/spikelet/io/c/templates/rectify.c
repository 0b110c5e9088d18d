/* max(x, 0), up to `upper` if it is not NULL, and rounded to `levels` steps if there are any. */
static void rectify(int pixels, int channels, const float *upper, int levels, const float *from, float *to) {
  int p, c;
  for (p = 0; p < pixels; ++p, from += channels, to += channels) {
    for (c = 0; c < channels; ++c) {
      float value = from[c] < 0.0f ? 0.0f : from[c];
      if (upper != NULL) {
        if (levels > 0) {
          value = value / upper[c] * (float)levels + 0.5f;
          value = (value < 8388608.0f ? (float)(int32_t)value : value) / (float)levels * upper[c];
        }
        value = upper[c] < value ? upper[c] : value;
      }
      to[c] = value;
    }
  }
}
