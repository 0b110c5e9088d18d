/* Values, [pixel][channel], as [channel][pixel]. */
static void give_output(int pixels, int channels, const @value@ *from, int32_t *to) {
  int p, c;
  for (c = 0; c < channels; ++c) {
    for (p = 0; p < pixels; ++p) {
      *to++ = from[p * channels + c];
    }
  }
}
