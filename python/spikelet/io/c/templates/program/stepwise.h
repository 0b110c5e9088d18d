
/* The same step by step: begin, then a step at a time; the outputs are means over the steps so far.
 */
int ${name} _init($once);
int ${name} _step($each);
int ${name} _output($wanted);
