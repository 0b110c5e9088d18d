/* Neurons are numbered [y][x][channel]. */
static void move_spikes(int moves, const struct move *move, int in_channels, const uint8_t *from, int out_channels,
                        uint8_t *to) {
  const int in_bytes = (in_channels + 7) / 8, out_bytes = (out_channels + 7) / 8;
  int k, n;
  for (k = 0; k < moves; ++k, ++move) {
    for (n = 0; n < move->length; ++n) {
      const int i = move->from + n, o = move->to + n, ic = i % in_channels, oc = o % out_channels;
      const unsigned bit = (unsigned)from[i / in_channels * in_bytes + ic / 8] >> ic % 8 & 1u;
      uint8_t *byte = to + o / out_channels * out_bytes + oc / 8;
      *byte = (uint8_t)(*byte | bit << oc % 8);
    }
  }
}
