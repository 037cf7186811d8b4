// Waiting for descriptors: epoll, poll, select, signalfd. What takes a signal mask installs it for its length.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include <cerrno>
#include <vector>

#include "machines/user/host_signals.h"
#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

// epoll_event has its natural layout everywhere but on x86-64, where it is packed.
struct GuestEvent {
  u32 events, padding;
  u64 data;
};

// Reads a mask argument (address and size) and makes it the thread's for the call. `host` stays null without one.
class CallMask {
 public:
  s64 load(UserThread& thread, GuestVa at, u64 bytes) {
    if (!at) return 0;
    SignalMask mask = 0;
    if (bytes != sizeof mask) return -EINVAL;
    if (s64 error = thread.memory.get(mask, at)) return error;
    mask_ = thread.begin_temporary_mask(mask);
    given_ = true;
    return 0;
  }
  u64 host() const { return given_ ? reinterpret_cast<u64>(&mask_) : 0; }

 private:
  SignalMask mask_ = 0;
  bool given_ = false;
};

s64 get_time(UserThread& thread, GuestVa at, timespec& time, u64& host) {
  host = at ? reinterpret_cast<u64>(&time) : 0;
  return at ? thread.memory.get(time, at) : 0;
}

s64 wait_epoll(UserThread& thread, long number, const u64* arg, u64 timeout) {
  const s64 most = s32(arg[2]);
  if (most <= 0 || most > s64(0x7fffffff / sizeof(epoll_event))) return -EINVAL;
  if (!thread.memory.in_range(arg[1])) return -EFAULT;
  CallMask mask;
  if (s64 error = mask.load(thread, arg[4], arg[5])) return error;
  std::vector<epoll_event> events(size_t(std::min<s64>(most, 4096)));
  const s64 count = thread.host(number, arg[0], u64(events.data()), events.size(), timeout, mask.host(), 8);
  for (s64 i = 0; i < count; i++) {
    const GuestEvent event{events[size_t(i)].events, 0, events[size_t(i)].data.u64};
    if (s64 error = thread.memory.put(arg[1] + u64(i) * sizeof event, event)) return error;
  }
  return count;
}

}  // namespace

s64 call_epoll_ctl(UserThread& thread, const Call&, const u64* arg) {
  GuestEvent event{};
  epoll_event host{};
  if (arg[1] != EPOLL_CTL_DEL) {
    if (s64 error = thread.memory.get(event, arg[3])) return error;
    host.events = event.events;
    host.data.u64 = event.data;
  }
  return thread.host(SYS_epoll_ctl, arg[0], arg[1], arg[2], u64(&host));
}

s64 call_epoll_pwait(UserThread& thread, const Call&, const u64* arg) {
  return wait_epoll(thread, SYS_epoll_pwait, arg, arg[3]);
}

s64 call_epoll_pwait2(UserThread& thread, const Call&, const u64* arg) {
  timespec time;
  u64 host = 0;
  if (s64 error = get_time(thread, arg[3], time, host)) return error;
  return wait_epoll(thread, 441, arg, host);
}

s64 call_ppoll(UserThread& thread, const Call&, const u64* arg) {
  timespec time;
  u64 timeout = 0;
  CallMask mask;
  if (arg[1] && !thread.memory.in_range(arg[0])) return -EFAULT;
  if (s64 error = get_time(thread, arg[2], time, timeout)) return error;
  if (s64 error = mask.load(thread, arg[3], arg[4])) return error;
  const s64 result = thread.host(SYS_ppoll, u64(thread.memory.host(arg[0])), arg[1], timeout, mask.host(), 8);
  if (timeout && result > -512) thread.memory.put(arg[2], time);
  return result;
}

s64 call_pselect6(UserThread& thread, const Call&, const u64* arg) {
  timespec time;
  u64 timeout = 0;
  CallMask mask;
  u64 sets[3];
  for (unsigned i = 0; i < 3; i++) {
    if (!thread.memory.in_range(arg[1 + i])) return -EFAULT;
    sets[i] = arg[1 + i] ? reinterpret_cast<u64>(thread.memory.host(arg[1 + i])) : 0;
  }
  if (s64 error = get_time(thread, arg[4], time, timeout)) return error;
  u64 pair[2] = {0, 0};  // address and size of the mask
  if (arg[5]) {
    if (s64 error = thread.memory.get(pair, arg[5])) return error;
    if (s64 error = mask.load(thread, pair[0], pair[1])) return error;
  }
  const u64 host_pair[2] = {mask.host(), 8};
  const s64 result = thread.host(SYS_pselect6, arg[0], sets[0], sets[1], sets[2], timeout, u64(host_pair));
  if (timeout && result > -512) thread.memory.put(arg[4], time);
  return result;
}

s64 call_signalfd4(UserThread& thread, const Call&, const u64* arg) {
  SignalMask mask = 0;
  if (arg[2] != sizeof mask) return -EINVAL;
  if (s64 error = thread.memory.get(mask, arg[1])) return error;
  return thread.host(SYS_signalfd4, arg[0], u64(&mask), sizeof mask, arg[3]);
}

}  // namespace mimus::user
