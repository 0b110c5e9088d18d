/* Each slot of a ring holds the bias. */
static void fill_ring(int slots, int n, const float *bias, float *ring) {
  int slot;
  for (slot = 0; slot < slots; ++slot, ring += n) {
    memcpy(ring, bias, (size_t)n * sizeof *ring);
  }
}
