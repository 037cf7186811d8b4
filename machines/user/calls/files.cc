// Files and descriptors.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "machines/user/iovecs.h"
#include "machines/user/paths.h"
#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

// struct stat of the generic 64-bit ABI (asm-generic/stat.h).
struct GuestStat {
  u64 device, inode;
  u32 mode, links, user, group;
  u64 special;
  u64 padding1;
  s64 size;
  s32 block_size, padding2;
  s64 blocks;
  s64 access_time, access_ns, modify_time, modify_ns, change_time, change_ns;
  u32 unused[2];
};
static_assert(sizeof(GuestStat) == 128);

s64 put_stat(UserThread& thread, GuestVa to, const struct stat& s) {
  GuestStat g{};
  g.device = s.st_dev, g.inode = s.st_ino;
  g.mode = s.st_mode, g.links = u32(s.st_nlink), g.user = s.st_uid, g.group = s.st_gid;
  g.special = s.st_rdev, g.size = s.st_size, g.block_size = s32(s.st_blksize), g.blocks = s.st_blocks;
  g.access_time = s.st_atim.tv_sec, g.access_ns = s.st_atim.tv_nsec;
  g.modify_time = s.st_mtim.tv_sec, g.modify_ns = s.st_mtim.tv_nsec;
  g.change_time = s.st_ctim.tv_sec, g.change_ns = s.st_ctim.tv_nsec;
  return thread.memory.put(to, g);
}

// A path, or null where the call allows that.
s64 optional_path(UserThread& thread, std::string& text, GuestVa address, bool follow, const char*& path) {
  path = nullptr;
  if (!address) return 0;
  if (s64 error = get_path(thread, text, address, follow)) return error;
  path = text.c_str();
  return 0;
}

s64 open_file(UserThread& thread, int dirfd, const std::string& path, int flags, u64 mode) {
  if (path.starts_with("/proc/")) {
    const std::string entry = own_proc_entry(path);
    std::string text;
    if (entry == "exe")
      return thread.host(SYS_openat, AT_FDCWD, u64(thread.process.program.exe.c_str()), u64(flags), mode);
    if (!entry.empty() && proc_text(thread, entry, text)) return open_text(text, flags);
    if (const auto traced = traced_proc_text(thread, path)) {
      if (!path.ends_with("/exe")) return open_text(*traced, flags);
      return thread.host(SYS_openat, AT_FDCWD, u64(traced->c_str()), u64(flags), mode);
    }
  }
  return thread.host(SYS_openat, u64(s64(dirfd)), u64(path.c_str()), u64(flags), mode);
}

template <class Call>
s64 vector_call(UserThread& thread, const u64* arg, bool reads, Call make) {
  IoVecs vectors;
  if (s64 error = vectors.load(thread.memory, arg[1], arg[2])) return error;
  if (reads) vectors.prepare_write(thread.memory);
  return make(vectors.host(), vectors.count());
}

}  // namespace

s64 call_readv(UserThread& thread, const Call&, const u64* arg) {
  return vector_call(thread, arg, true, [&](u64 v, u64 n) { return thread.host(SYS_readv, arg[0], v, n); });
}
s64 call_writev(UserThread& thread, const Call&, const u64* arg) {
  return vector_call(thread, arg, false, [&](u64 v, u64 n) { return thread.host(SYS_writev, arg[0], v, n); });
}
s64 call_preadv(UserThread& thread, const Call&, const u64* arg) {
  return vector_call(thread, arg, true,
                     [&](u64 v, u64 n) { return thread.host(SYS_preadv, arg[0], v, n, arg[3], arg[4]); });
}
s64 call_pwritev(UserThread& thread, const Call&, const u64* arg) {
  return vector_call(thread, arg, false,
                     [&](u64 v, u64 n) { return thread.host(SYS_pwritev, arg[0], v, n, arg[3], arg[4]); });
}
s64 call_preadv2(UserThread& thread, const Call&, const u64* arg) {
  return vector_call(thread, arg, true,
                     [&](u64 v, u64 n) { return thread.host(SYS_preadv2, arg[0], v, n, arg[3], arg[4], arg[5]); });
}
s64 call_pwritev2(UserThread& thread, const Call&, const u64* arg) {
  return vector_call(thread, arg, false,
                     [&](u64 v, u64 n) { return thread.host(SYS_pwritev2, arg[0], v, n, arg[3], arg[4], arg[5]); });
}
s64 call_vmsplice(UserThread& thread, const Call&, const u64* arg) {
  return vector_call(thread, arg, false, [&](u64 v, u64 n) { return thread.host(SYS_vmsplice, arg[0], v, n, arg[3]); });
}

s64 call_openat(UserThread& thread, const Call&, const u64* arg) {
  std::string path;
  const int flags = int(arg[2]);
  if (s64 error = get_path(thread, path, arg[1], !(flags & O_NOFOLLOW))) return error;
  return open_file(thread, int(arg[0]), path, flags, arg[3]);
}

s64 call_openat2(UserThread& thread, const Call&, const u64* arg) {
  open_how how{};
  if (arg[3] < sizeof how) return -EINVAL;
  if (s64 error = thread.memory.get(how, arg[2])) return error;
  how.flags = thread.isa.open_flags_to_host(how.flags);
  std::string path;
  // With restrictions the path means exactly what it says.
  const bool plain = how.resolve == 0 && arg[3] == sizeof how;
  if (s64 error =
          plain ? get_path(thread, path, arg[1], !(how.flags & O_NOFOLLOW)) : thread.memory.get_string(path, arg[1]))
    return error;
  if (!thread.memory.in_range(arg[2], arg[3])) return -EFAULT;
  if (arg[3] > sizeof how) return -E2BIG;  // fields of newer kernels
  return thread.host(SYS_openat2, arg[0], u64(path.c_str()), u64(&how), arg[3]);
}

s64 call_close(UserThread& thread, const Call&, const u64* arg) {
  if (thread.process.own_fds.contains(int(arg[0]))) return -EBADF;
  return thread.host(SYS_close, arg[0]);
}

// The ranges between our own.
s64 call_close_range(UserThread& thread, const Call&, const u64* arg) {
  u64 first = u32(arg[0]);
  const u64 last = u32(arg[1]);
  if (first > last) return -EINVAL;
  for (const int own : thread.process.own_fds) {
    if (u64(own) < first || u64(own) > last) continue;
    if (first < u64(own))
      if (s64 error = thread.host(SYS_close_range, first, u64(own) - 1, arg[2])) return error;
    first = u64(own) + 1;
  }
  return first <= last ? thread.host(SYS_close_range, first, last, arg[2]) : 0;
}

s64 call_dup3(UserThread& thread, const Call&, const u64* arg) {
  if (thread.process.own_fds.contains(int(arg[1]))) return -EBADF;
  return thread.host(SYS_dup3, arg[0], arg[1], arg[2]);
}

s64 call_fcntl(UserThread& thread, const Call&, const u64* arg) {
  u64 value = arg[2];
  switch (arg[1]) {
    case F_GETFL: {
      const s64 flags = thread.host(SYS_fcntl, arg[0], F_GETFL);
      return flags < 0 ? flags : s64(thread.isa.open_flags_to_guest(u64(flags)));
    }
    case F_SETFL: value = thread.isa.open_flags_to_host(value); break;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case 36:  // F_OFD_GETLK
    case 37:  // F_OFD_SETLK
    case 38:  // F_OFD_SETLKW
    case F_SETOWN_EX:
    case F_GETOWN_EX:
    case F_GET_RW_HINT:
    case F_SET_RW_HINT:
    case F_GET_FILE_RW_HINT:
    case F_SET_FILE_RW_HINT:
      if (!thread.memory.in_range(value)) return -EFAULT;
      value = reinterpret_cast<u64>(thread.memory.host(value));
  }
  return thread.host(SYS_fcntl, arg[0], arg[1], value);
}

// The third argument is a number or an address, by request. Structures are the same on all 64-bit ABIs.
s64 call_ioctl(UserThread& thread, const Call&, const u64* arg) {
  u64 value = arg[2];
  if (value >= thread.memory.limit() && value < u64{1} << 63) return -EFAULT;
  if (thread.memory.allows(value, 1, 0)) {
    thread.memory.prepare_write(value, 256);
    value = reinterpret_cast<u64>(thread.memory.host(value));
  }
  return thread.host(SYS_ioctl, arg[0], arg[1], value);
}

s64 call_readlinkat(UserThread& thread, const Call&, const u64* arg) {
  std::string path;
  if (s64 error = thread.memory.get_string(path, arg[1])) return error;
  const auto traced = traced_proc_text(thread, path);
  if (own_proc_entry(path) == "exe" || (traced && path.ends_with("/exe"))) {
    const std::string exe = thread.process.sysroot.to_guest(traced ? *traced : thread.process.program.exe);
    if (s64(arg[3]) <= 0) return -EINVAL;
    const u64 bytes = std::min<u64>(exe.size(), arg[3]);
    if (s64 error = thread.memory.copy_out(arg[2], exe.data(), bytes)) return error;
    return s64(bytes);
  }
  path = host_path(thread, std::move(path), false);
  if (!thread.memory.in_range(arg[2])) return -EFAULT;
  return thread.host(SYS_readlinkat, arg[0], u64(path.c_str()), u64(thread.memory.host(arg[2])), arg[3]);
}

s64 call_newfstatat(UserThread& thread, const Call&, const u64* arg) {
  std::string text;
  const char* path = nullptr;
  struct stat info;
  if (s64 error = optional_path(thread, text, arg[1], !(arg[3] & AT_SYMLINK_NOFOLLOW), path)) return error;
  const s64 result = thread.host(SYS_newfstatat, arg[0], u64(path), u64(&info), arg[3]);
  return result < 0 ? result : put_stat(thread, arg[2], info);
}

s64 call_fstat(UserThread& thread, const Call&, const u64* arg) {
  struct stat info;
  const s64 result = thread.host(SYS_fstat, arg[0], u64(&info));
  return result < 0 ? result : put_stat(thread, arg[1], info);
}

s64 call_statx(UserThread& thread, const Call&, const u64* arg) {
  std::string text;
  const char* path = nullptr;
  if (s64 error = optional_path(thread, text, arg[1], !(arg[2] & AT_SYMLINK_NOFOLLOW), path)) return error;
  if (!thread.memory.in_range(arg[4])) return -EFAULT;
  return thread.host(SYS_statx, arg[0], u64(path), arg[2], arg[3], u64(thread.memory.host(arg[4])));
}

s64 call_utimensat(UserThread& thread, const Call&, const u64* arg) {
  std::string text;
  const char* path = nullptr;
  if (s64 error = optional_path(thread, text, arg[1], !(arg[3] & AT_SYMLINK_NOFOLLOW), path)) return error;
  if (!thread.memory.in_range(arg[2])) return -EFAULT;
  return thread.host(SYS_utimensat, arg[0], u64(path), arg[2] ? u64(thread.memory.host(arg[2])) : 0, arg[3]);
}

}  // namespace mimus::user
