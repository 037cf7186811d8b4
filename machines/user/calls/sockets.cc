// Sockets. Addresses, options and control messages are the same on all 64-bit ABIs; only what points is converted.
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <deque>

#include "machines/user/iovecs.h"
#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

// struct user_msghdr of a message, converted.
class Message {
 public:
  s64 load(AddressSpace& memory, GuestVa at, bool receives) {
    if (s64 error = memory.get(header_, at)) return error;
    guest_ = header_;
    if (s64 error = vectors_.load(memory, GuestVa(header_.msg_iov), header_.msg_iovlen))
      return error == -EINVAL ? -EMSGSIZE : error;
    header_.msg_iov = reinterpret_cast<iovec*>(vectors_.host());
    for (void** pointer : {&header_.msg_name, &header_.msg_control}) {
      if (!*pointer) continue;
      const GuestVa address = reinterpret_cast<GuestVa>(*pointer);
      if (!memory.in_range(address)) return -EFAULT;
      *pointer = memory.host(address);
    }
    if (receives) vectors_.prepare_write(memory);
    return 0;
  }
  msghdr& host() { return header_; }
  // What the kernel has changed.
  s64 store(AddressSpace& memory, GuestVa at) {
    guest_.msg_namelen = header_.msg_namelen;
    guest_.msg_controllen = header_.msg_controllen;
    guest_.msg_flags = header_.msg_flags;
    return memory.put(at, guest_);
  }

 private:
  msghdr header_{}, guest_{};
  IoVecs vectors_;
};

constexpr u64 kMostMessages = 1024;  // UIO_MAXIOV, as the kernel's limit

// The messages of sendmmsg and recvmmsg.
struct Messages {
  std::deque<Message> messages;
  std::vector<mmsghdr> host;

  s64 load(AddressSpace& memory, GuestVa at, u64 count, bool receives) {
    for (u64 i = 0; i < count; i++) {
      if (s64 error = messages.emplace_back().load(memory, at + i * sizeof(mmsghdr), receives)) return error;
      host.push_back({messages.back().host(), 0});
    }
    return 0;
  }
  s64 store(AddressSpace& memory, GuestVa at, s64 count) {
    for (s64 i = 0; i < count; i++) {
      messages[size_t(i)].host() = host[size_t(i)].msg_hdr;
      const GuestVa entry = at + u64(i) * sizeof(mmsghdr);
      if (s64 error = messages[size_t(i)].store(memory, entry)) return error;
      if (s64 error = memory.put(entry + offsetof(mmsghdr, msg_len), host[size_t(i)].msg_len)) return error;
    }
    return count;
  }
};

}  // namespace

s64 call_sendmsg(UserThread& thread, const Call&, const u64* arg) {
  Message message;
  if (s64 error = message.load(thread.memory, arg[1], false)) return error;
  return thread.host(SYS_sendmsg, arg[0], u64(&message.host()), arg[2]);
}

s64 call_recvmsg(UserThread& thread, const Call&, const u64* arg) {
  Message message;
  if (s64 error = message.load(thread.memory, arg[1], true)) return error;
  const s64 result = thread.host(SYS_recvmsg, arg[0], u64(&message.host()), arg[2]);
  if (result < 0) return result;
  const s64 error = message.store(thread.memory, arg[1]);
  return error ? error : result;
}

s64 call_sendmmsg(UserThread& thread, const Call&, const u64* arg) {
  Messages all;
  if (s64 error = all.load(thread.memory, arg[1], std::min(arg[2], kMostMessages), false)) return error;
  const s64 result = thread.host(SYS_sendmmsg, arg[0], u64(all.host.data()), all.host.size(), arg[3]);
  return result < 0 ? result : all.store(thread.memory, arg[1], result);
}

s64 call_recvmmsg(UserThread& thread, const Call&, const u64* arg) {
  Messages all;
  timespec timeout{};
  if (arg[4])
    if (s64 error = thread.memory.get(timeout, arg[4])) return error;
  if (s64 error = all.load(thread.memory, arg[1], std::min(arg[2], kMostMessages), true)) return error;
  const s64 result =
      thread.host(SYS_recvmmsg, arg[0], u64(all.host.data()), all.host.size(), arg[3], arg[4] ? u64(&timeout) : 0);
  if (result >= 0 && arg[4]) thread.memory.put(arg[4], timeout);
  return result < 0 ? result : all.store(thread.memory, arg[1], result);
}

}  // namespace mimus::user
