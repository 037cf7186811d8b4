#include "machines/host/entropy.h"

#include <sys/random.h>

namespace mimus {

void HostEntropy::fill(std::span<u8> out) {
  while (!out.empty()) {
    const ssize_t count = getrandom(out.data(), out.size(), 0);  // fails only when a signal interrupts it
    if (count > 0) out = out.subspan(size_t(count));
  }
}

}  // namespace mimus
