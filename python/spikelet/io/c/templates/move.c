/* `length` neighbours that go from one place to another. */
struct move {
  int to, from, length;
};
