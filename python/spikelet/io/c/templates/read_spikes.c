/* Spikes of -1, 0 and 1, [channel][pixel], as bits; the plane of the negative ones is NULL if there must be none. */
static int read_spikes(int pixels, int channels, const signed char *from, uint8_t *plus, uint8_t *minus) {
  const int bytes = (channels + 7) / 8;
  int p, c;
  for (p = 0; p < pixels; ++p) {
    for (c = 0; c < channels; ++c) {
      const int spike = from[c * pixels + p];
      if (spike > 1 || spike < (minus != NULL ? -1 : 0)) {
        return 0;
      }
      set_spike(plus + p * bytes, c, spike > 0);
      if (minus != NULL) {
        set_spike(minus + p * bytes, c, spike < 0);
      }
    }
  }
  return 1;
}
