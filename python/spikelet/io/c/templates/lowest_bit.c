/* The place of the lowest bit of a byte that is set. */
static int lowest_bit(unsigned bits) {
#if defined(__GNUC__)
  return __builtin_ctz(bits);
#else
  int place = 0;
  while ((bits & 1u) == 0) {
    bits >>= 1;
    ++place;
  }
  return place;
#endif
}
