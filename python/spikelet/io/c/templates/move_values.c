static void move_values(int moves, const struct move *move, const float *from, float *to) {
  int k;
  for (k = 0; k < moves; ++k, ++move) {
    memcpy(to + move->to, from + move->from, (size_t)move->length * sizeof *to);
  }
}
