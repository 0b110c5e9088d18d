/* Each value as it was `steps` before: slot t % slots of a ring holds those of step t. */
static void delay_values(int n, int slots, int t, const int *steps, const float *ring, float *out) {
  int k;
  for (k = 0; k < n; ++k) {
    out[k] = ring[(t % slots + slots - steps[k]) % slots * n + k];
  }
}
