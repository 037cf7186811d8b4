// The guest's address space: which pages are mapped, with which protections, and how to change that. The mappings
// themselves are the host's: guest address g is host address base() + g. The host never gets PROT_EXEC, and pages that
// hold translated code are not writable there whatever the guest asked for.
//
// What is not in the map does not exist for the guest: the emulator lies above limit() (or outside of the window).
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/base/error.h"
#include "core/engine/process.h"

namespace mimus::user {

inline constexpr char kVdsoLabel[] = "[vdso]";

struct Mapping {
  GuestVa end = 0;
  u8 prot = 0;             // the guest's PROT_*
  bool shared = false;     // MAP_SHARED
  const char* label = "";  // "[heap]" and the like; static storage
  bool file = false;       // of a file, or of the vDSO

  bool same_kind(const Mapping& o) const {
    return prot == o.prot && shared == o.shared && label == o.label && file == o.file;
  }
};

class AddressSpace final : public ProcessMemory {
 public:
  // RISC-V's Sv39 ends here; programs that tag pointers count on it, so what the guest gets without asking is below.
  static constexpr GuestVa kLowLimit = GuestVa{1} << 38;
  static constexpr GuestVa kLimit = GuestVa{1} << 46;

  // At host address 0 where the host allows that, else in a window of kLowLimit bytes.
  static Expected<std::unique_ptr<AddressSpace>> create();

  u8* base() const override { return base_; }
  u64 limit() const override { return limit_; }
  bool executable(GuestVa page) override;
  u64 ignored_address_bits() const override { return access_ignores_; }
  bool guarded(GuestVa page) override;
  bool shared(GuestVa page) override;
  bool from_file(GuestVa page) override;
  bool watch_writes(GuestVa page) override;
  void unwatch_writes(GuestVa page) override;

  // Told, without the lock, of ranges whose translations are void.
  void on_forget(std::function<void(GuestVa, u64)> forget) { forget_ = std::move(forget); }

  // -- the system calls: a guest address, or -errno --
  s64 map(GuestVa address, u64 bytes, int prot, int flags, int fd, u64 offset, const char* label = "");
  s64 unmap(GuestVa address, u64 bytes);
  s64 protect(GuestVa address, u64 bytes, int prot);
  s64 remap(GuestVa old, u64 old_bytes, u64 new_bytes, int flags, GuestVa to);
  s64 set_break(GuestVa address);  // the break after the call
  s64 attach_shared(int id, GuestVa address, int flags);
  s64 detach_shared(GuestVa address);

  // The kernel has thrown the contents of the pages away.
  void discarded(GuestVa address, u64 bytes);

  // The bit of PROT_* by which the ISA has indirect branches checked.
  void allow_guard(int prot) { guard_prot_ = prot; }
  // Some page has been mapped with it.
  bool has_guarded() const { return has_guarded_.load(std::memory_order_relaxed); }
  void access_ignores(u64 bits) { access_ignores_ = bits; }
  // Bits that do not count in addresses that system calls get.
  void ignore_bits(u64 bits) { ignored_.store(bits, std::memory_order_relaxed); }
  u64 ignored_bits() const { return ignored_.load(std::memory_order_relaxed); }

  void start_break(GuestVa address) { break_start_ = break_ = address; }
  // Nothing is placed above without being asked for.
  void set_top(GuestVa top) { top_ = top; }

  // -- access by the emulator, -EFAULT or 0; a fault leaves a part copied --
  void* host(GuestVa address) const { return at(address); }
  bool in_range(GuestVa address, u64 bytes = 1) const {
    address &= ~ignored_bits();
    return address < limit_ && bytes <= limit_ - address;
  }
  s64 copy_in(void* to, GuestVa from, u64 bytes) const;
  s64 copy_out(GuestVa to, const void* from, u64 bytes);
  template <class T>
  s64 get(T& value, GuestVa from) const {
    return copy_in(&value, from, sizeof value);
  }
  template <class T>
  s64 put(GuestVa to, const T& value) {
    return copy_out(to, &value, sizeof value);
  }
  // A string up to its zero byte; -ENAMETOOLONG beyond `limit`.
  s64 get_string(std::string& text, GuestVa from, u64 limit = 4096) const;

  // Is every page of the range mapped with all of `prot`?
  bool allows(GuestVa address, u64 bytes, int prot);
  bool overlaps_shared(GuestVa address, u64 bytes);
  // The kernel is about to write there for the guest: pages of translated code become writable first.
  void prepare_write(GuestVa address, u64 bytes);
  // Whether a write to `address` would fail only because its page is watched.
  bool watched_writable(GuestVa address);
  void on_page_written(std::function<void(GuestVa)> written) { written_ = std::move(written); }

  struct Range {
    GuestVa start;
    Mapping mapping;
  };
  std::vector<Range> ranges();  // in order of address

  std::mutex& mutex() { return mutex_; }  // around fork

 private:
  using Map = std::map<GuestVa, Mapping>;

  AddressSpace(u8* base, u64 limit) : base_(base), limit_(limit) {}
  u8* at(GuestVa address) const { return base_ + (address & ~ignored_bits()); }
  Map::iterator find(GuestVa address);     // the mapping that holds it, or end()
  void split(GuestVa address);             // makes it a boundary
  bool carve(GuestVa start, GuestVa end);  // takes the range out of the map; true if code may have been there
  void insert(GuestVa start, Mapping mapping);
  bool is_free(GuestVa start, GuestVa end);
  GuestVa find_free(u64 bytes, u64 alignment = kPageSize);
  GuestVa find_free_below(GuestVa low, GuestVa top, u64 bytes, u64 alignment);
  GuestVa place(GuestVa hint, u64 bytes);
  int host_prot(int prot) const;
  void drop_watches(GuestVa start, GuestVa end, bool restore);
  void release_host(GuestVa start, u64 bytes);
  void forget(GuestVa start, u64 bytes) {
    if (forget_) forget_(start, bytes);
  }

  u8* const base_;
  const u64 limit_;
  std::mutex mutex_;
  Map map_;
  std::unordered_set<GuestVa> watched_;
  int guard_prot_ = 0;
  u64 access_ignores_ = 0;
  std::atomic<bool> has_guarded_{false};
  std::atomic<u64> ignored_{0};
  std::atomic<bool> writable_code_{false};  // a watched page was writable for the guest at some time
  GuestVa top_ = kLowLimit;
  GuestVa break_start_ = 0, break_ = 0;
  std::map<GuestVa, u64> attached_;  // SysV segments: start and bytes
  std::function<void(GuestVa, u64)> forget_;
  std::function<void(GuestVa)> written_;
};

}  // namespace mimus::user
