/* From [pixel][channel] to [channel][pixel]. */
static void to_channels_first(int pixels, int channels, const float *from, float *to) {
  int p, c;
  for (p = 0; p < pixels; ++p) {
    for (c = 0; c < channels; ++c) {
      to[c * pixels + p] = from[p * channels + c];
    }
  }
}
