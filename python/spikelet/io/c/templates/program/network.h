/* $made_by. Not reentrant: the state is static. */
#ifndef ${upper } _H
#define $ {upper} _H

#ifdef __cplusplus
extern "C" {
#endif

$sizes enum $ {
  name
} _error{
    ${upper} _OK = 0, ${upper} _NO_ARRAY = 1, /* a pointer is NULL */
    ${upper} _NOT_FINITE = 2,                 /* an input is infinite or NaN */
    ${upper} _BAD_SPIKE = 3, /* an input is not 0 or 1, or -1 where spikes are signed */
    ${upper} _ORDER = 4 /* a step before init, too many steps, or an output before there is one */
};

/* Runs the network on its inputs, $at_once. Returns ${upper}_OK or an error. */
int ${name} _run($many$given, $wanted);
$stepwise
#ifdef __cplusplus
}
#endif

#endif
