// Guest physical memory: RAM and ROM backed by host memory, and device regions. The map is built before the machine
// runs (or changed inside a safepoint) and is read without locks.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus {

class Device;

// Per-page marks of RAM, shared by all CPUs and DMA.
enum PageMark : u8 {
  kPageHasCode = 1,    // translations exist: writes must take the slow path
  kPageWriteFast = 2,  // some TLB may hold a write fast path to it
  kPageDirty = 4,      // written since the mark was last cleared
};

struct MemoryRange {
  GuestPa base = 0;
  u64 size = 0;
  std::string name;
  u8* host = nullptr;                // RAM and ROM: host address of `base`
  std::atomic<u8>* marks = nullptr;  // RAM: one per page
  bool writable = true;              // false: ROM, writes are ignored
  Device* device = nullptr;          // device region
  u32 region = 0;                    // RegionId given to the device

  bool contains(GuestPa pa, u64 bytes) const { return pa >= base && pa - base < size && bytes <= size - (pa - base); }
};

// Told when RAM that holds code has been written by the slow path or by DMA.
class CodeWatcher {
 public:
  virtual ~CodeWatcher() = default;
  virtual void code_page_written(GuestPa page) = 0;
};

class PhysicalMemory {
 public:
  PhysicalMemory();
  ~PhysicalMemory();
  PhysicalMemory(const PhysicalMemory&) = delete;

  // base and size are multiples of the page size. Overlap with an existing range is an error that names both.
  Expected<void> add_ram(std::string name, GuestPa base, u64 size);                      // zeroed, not reserved
  Expected<void> add_rom(std::string name, GuestPa base, std::span<const u8> contents);  // size rounded up to a page
  Expected<void> add_device(std::string name, GuestPa base, u64 size, Device& device, u32 region);

  const MemoryRange* find(GuestPa pa) const;  // binary search over the flat view; null for a hole
  std::span<const std::unique_ptr<MemoryRange>> ranges() const;

  // Host address of RAM or ROM [pa, pa+bytes) if it lies within one range, else null.
  u8* host(GuestPa pa, u64 bytes) const;

  // Copies to and from RAM/ROM; false if any byte is not memory. write() is DMA and includes
  // note_written(); writes to ROM fail.
  bool read(GuestPa pa, std::span<u8> out) const;
  bool write(GuestPa pa, std::span<const u8> data);

  // Page-table walker accesses: naturally aligned 4 or 8 bytes of RAM, atomic. False for a hole or a device.
  bool load_entry(GuestPa pa, unsigned bytes, u64& value) const;
  // Compare-and-swap of an entry; false if not RAM; `expected` is updated when the swap failed.
  bool update_entry(GuestPa pa, unsigned bytes, u64& expected, u64 desired, bool& swapped);

  // Must be called AFTER RAM at [pa, pa+bytes) was written other than by write() (zero-copy DMA, a CPU's slow path):
  // marks the pages dirty and tells the code watcher. After, not before: the translator marks a page, then reads it, so
  // a writer that stores first and looks at the mark second can't slip between.
  void note_written(const MemoryRange& range, GuestPa pa, u64 bytes);
  void set_code_watcher(CodeWatcher* watcher) { watcher_ = watcher; }

  // The machine lock: devices run under it (order: machine -> device -> irq -> code cache).
  std::mutex& machine_lock() { return machine_lock_; }

 private:
  Expected<void> insert(std::unique_ptr<MemoryRange> range);
  std::vector<std::unique_ptr<MemoryRange>> ranges_;  // sorted by base
  CodeWatcher* watcher_ = nullptr;
  std::mutex machine_lock_;
};

}  // namespace mimus
