/* From [channel][pixel] to [pixel][channel]. */
static void to_channels_last(int pixels, int channels, const float *from, float *to) {
  int p, c;
  for (p = 0; p < pixels; ++p) {
    for (c = 0; c < channels; ++c) {
      to[p * channels + c] = from[c * pixels + p];
    }
  }
}
