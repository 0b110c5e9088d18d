/* @f@ of the values x and y of two arrays, at their given places, or each at its own. */
static void combine(int n, const float *first, const int *first_places, const float *second, const int *second_places,
                    float *out) {
  int k;
  for (k = 0; k < n; ++k) {
    const float x = first[first_places != NULL ? first_places[k] : k];
    const float y = second[second_places != NULL ? second_places[k] : k];
    out[k] = @f@;
  }
}
