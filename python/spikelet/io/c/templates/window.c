/* The rows, or columns, of a window: begin, begin + step, ... below end. */
struct window {
  int begin, end;
};
