// Descriptors of the emulator's own, at numbers that programs do not use.
#pragma once

#include <fcntl.h>

namespace mimus::user {

// A close-on-exec copy of `fd`; -1: none could be made.
inline int copy_out_of_the_way(int fd) {
  constexpr int kOutOfTheWay = 512;
  for (int lowest : {kOutOfTheWay, 64, 3})
    if (int copy = fcntl(fd, F_DUPFD_CLOEXEC, lowest); copy >= 0) return copy;
  return -1;
}

}  // namespace mimus::user
