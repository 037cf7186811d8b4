#include <ctime>

#include "core/device/clock.h"

namespace mimus {
namespace {

u64 read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return u64(now.tv_sec) * 1'000'000'000 + u64(now.tv_nsec);
}

}  // namespace

HostClock::HostClock() : start_ns_(read_clock(CLOCK_MONOTONIC)) {}
u64 HostClock::now_ns() const { return read_clock(CLOCK_MONOTONIC) - start_ns_; }
u64 HostClock::wall_clock_ns() const { return read_clock(CLOCK_REALTIME); }

}  // namespace mimus
