/* The spikes of an earlier step that arrive now: those in a mask. */
static void delay_spikes(int bytes, const uint8_t *from, const uint8_t *mask, uint8_t *out) {
  int b;
  for (b = 0; b < bytes; ++b) {
    out[b] = (uint8_t)(out[b] | (from[b] & mask[b]));
  }
}
