/* counts += amount where there is a spike. */
static void count_spikes(int pixels, int channels, const uint8_t *spikes, @count@ amount, @count@ *counts) {
  const int bytes = (channels + 7) / 8;
  int p, c;
  for (p = 0; p < pixels; ++p, spikes += bytes, counts += channels) {
    for (c = 0; c < channels; ++c) {
      if ((spikes[c / 8] >> c % 8 & 1) != 0) {
        counts[c] = (@count@)(counts[c] + amount);
      }
    }
  }
}
