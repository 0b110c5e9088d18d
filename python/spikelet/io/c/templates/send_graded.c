/* What makes the mean of `count` values the present one, after `less` that had the one before as their mean. */
static void send_graded(int n, float count, float less, float size, const float *now, float *before, float *out) {
  int k;
  for (k = 0; k < n; ++k) {
    out[k] = less == 0.0f ? now[k] : (count * now[k] - less * before[k]) / size;
    before[k] = now[k];
  }
}
