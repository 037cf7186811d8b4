// For guest programs that test themselves: the first failed check is printed and ends the program with status 1.
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                             \
  do {                                                                                                               \
    if (!(condition)) {                                                                                              \
      fprintf(stderr, "%s:%d: %s: failed (errno %d: %s)\n", __FILE__, __LINE__, #condition, errno, strerror(errno)); \
      _Exit(1);                                                                                                      \
    }                                                                                                                \
  } while (0)
#define FAILS_WITH(error, call) CHECK((errno = 0, (long)(call) == -1 && errno == (error)))
