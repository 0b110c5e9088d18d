// Problems of programs.cpp: neurons that a program moves.
#pragma once

#include "problem.hpp"

Work program_lif();
Work program_adex();
Work program_at_rest();
