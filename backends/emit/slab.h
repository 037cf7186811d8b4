// CodeSlab: where generated code lives. For machines, one piece of memory is mapped twice: a writable view and an
// executable one, never both in one place (W^X). Both views and a data area lie within 2 GiB, so that code reaches all
// of it relative to rip.
//
//   [ executable view | writable view | data area ]
//
// For a process (Kind::process) there is one private view that is both: a fork copies it on write, so that a child
// starts with everything that has been translated, which two views of one memory cannot have. What W^X would protect
// from, the guest's own code, runs with all rights of this very process anyway.
//
// Code written through the writable view can use displacements between two addresses of that view as they are: the
// views have the same layout.
#pragma once

#include <atomic>
#include <memory>

#include "backends/emit/code_listener.h"
#include "core/base/error.h"
#include "core/base/types.h"
#include "core/engine/engine.h"

namespace mimus::emit {

class CodeSlab {
 public:
  static constexpr u64 kDefaultBytes = u64{128} << 20;
  static constexpr u64 kMaxBytes = u64{512} << 20;
  static constexpr u64 kPermanentBytes = u64{64} << 10;

  enum class Kind : u8 { machine, process };

  struct Piece {
    u8* write = nullptr;  // where to write it
    u64 exec = 0;         // where it runs
    u32 size = 0;         // bytes
  };

  // `bytes` of code space, at most 512 MiB, rounded up to pages. Fails when the host refuses the memory. The child of a
  // fork does not inherit the slab of a machine.
  static Expected<std::unique_ptr<CodeSlab>> create(u64 bytes = kDefaultBytes, Kind kind = Kind::machine);
  ~CodeSlab();
  CodeSlab(const CodeSlab&) = delete;

  // Thread-safe; `align` is a power of two up to the page size. Fails when the slab is full: the owner of the code
  // cache then drops all code and calls reset().
  Expected<Piece> allocate(u32 bytes, u32 align = 16);

  // A zeroed word in the data area, writable by generated code. Thread-safe; null when the area is full.
  u32* allocate_counter();

  // From an area of kPermanentBytes at the start of the slab that no reset frees: for thunks that are made late, when
  // other code exists already.
  Expected<Piece> allocate_permanent(u32 bytes, u32 align = 16);

  // What has been allocated so far survives every reset (thunks).
  void seal();
  u64 sealed() const { return sealed_; }
  // Frees everything after the seal. No generated code may be running or be reachable. Pieces handed out before are
  // void: holders compare generation().
  void reset(const CodeWriteToken&);
  u64 generation() const { return generation_.load(std::memory_order_acquire); }

  bool contains(u64 exec) const { return exec - exec_ < bytes_; }
  u8* to_write(u64 exec) const { return write_ + (exec - exec_); }
  u64 to_exec(const void* write) const { return exec_ + u64(static_cast<const u8*>(write) - write_); }
  // The address that code in the writable view must name to reach `data` (in the data area) once it runs.
  const void* data_as_seen_from_write_view(const void* data) const {
    return static_cast<const u8*>(data) + (reinterpret_cast<u64>(write_) - exec_);
  }
  // Places relative to the writable view, which are the same in other processes for what is made at the same place.
  u64 offset_of(u64 exec) const { return exec - exec_; }
  u64 data_offset_of(const void* data) const {
    return u64(static_cast<const u8*>(data_as_seen_from_write_view(data)) - write_);
  }
  // Code that is announced is told to the listener. To be set before there is code.
  void set_listener(std::unique_ptr<CodeListener> listener) { listener_ = std::move(listener); }
  bool has_listener() const { return listener_ != nullptr; }
  void announce(u64 exec, u32 size, std::string_view name) {
    if (listener_) listener_->code_added(exec, size, name);
  }

  u64 exec_start() const { return exec_; }
  u64 used() const { return used_.load(std::memory_order_relaxed); }
  u64 capacity() const { return bytes_; }

 private:
  CodeSlab() = default;
  Expected<Piece> take(std::atomic<u64>& counter, u64 limit, u32 bytes, u32 align);
  Expected<void> map(u64 bytes, Kind kind);
  Expected<void> map_twice(void* base);
  void populate(u64 end);

  std::unique_ptr<CodeListener> listener_;
  u64 exec_ = 0;
  u8* write_ = nullptr;
  u8* data_ = nullptr;
  u64 bytes_ = 0;
  u64 reserved_ = 0;
  u64 data_bytes_ = 0;
  u64 sealed_ = 0;
  std::atomic<u64> permanent_used_{0};
  std::atomic<u64> used_{0};
  std::atomic<u64> populated_{0};
  std::atomic<u64> counters_{0};
  std::atomic<u64> generation_{0};
};

}  // namespace mimus::emit
