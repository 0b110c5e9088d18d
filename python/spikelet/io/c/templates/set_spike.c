/* Set the spike of channel c of a pixel; the channels come in order. */
static void set_spike(uint8_t *pixel, int c, int fires) {
  if (c % 8 == 0) {
    pixel[c / 8] = 0;
  }
  pixel[c / 8] = (uint8_t)(pixel[c / 8] | (unsigned)fires << c % 8);
}
