/* sums += gain where there is a spike. */
static void tally(int pixels, int channels, const uint8_t *spikes, float gain, float *sums) {
  const int bytes = (channels + 7) / 8;
  int p, c;
  for (p = 0; p < pixels; ++p, spikes += bytes, sums += channels) {
    for (c = 0; c < channels; ++c) {
      if ((spikes[c / 8] >> c % 8 & 1) != 0) {
        sums[c] += gain;
      }
    }
  }
}
