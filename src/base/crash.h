/* Dying on purpose, to test that what was acknowledged survives.
 *
 * crash_point() stands before and after each durable write (a commit, the renaming of a file). With CONCH_CRASH_AT=n in
 * the environment the n-th call in the process (1 is the first) kills it at once with SIGKILL: no handler runs, nothing
 * is flushed. Without it a call is one load and a branch. The environment is read once, at the first call. */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

void crash_point(void);

#endif
