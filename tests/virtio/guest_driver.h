// A guest driver in miniature: it drives a virtio-mmio transport through its registers and builds rings in guest RAM.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "core/device/guest_error.h"
#include "core/device/irq.h"
#include "core/memory/physical.h"
#include "core/state/visitor.h"
#include "hw/virtio/mmio.h"

namespace mimus::virtio {

struct IrqRecorder : IrqSink {
  void set_irq(unsigned, bool high) override {
    rises += high && !level;
    level = high;
  }
  bool level = false;
  unsigned rises = 0;
};

struct ErrorRecorder : GuestErrorSink {
  void guest_error(std::string_view device, std::string_view what) override {
    lines.push_back(std::string(device) + ": " + std::string(what));
  }
  std::vector<std::string> lines;
};

inline constexpr GuestPa kRam = 0x80000000;
inline constexpr u64 kRamBytes = 0x100000;

// RAM with a ROM right behind it, and where devices report to.
struct Board {
  Board() {
    EXPECT_TRUE(memory.add_ram("ram", kRam, kRamBytes));
    EXPECT_TRUE(memory.add_ram("ram2", kRam + kRamBytes, kRamBytes));
    const u8 rom[4] = {1, 2, 3, 4};
    EXPECT_TRUE(memory.add_rom("rom", 0x1000, rom));
  }
  Wiring wiring() { return {memory, &errors}; }

  template <class T>
  void put(GuestPa pa, const T& value) {
    ASSERT_TRUE(memory.write(pa, {reinterpret_cast<const u8*>(&value), sizeof value}));
  }
  template <class T>
  T get(GuestPa pa) {
    T value{};
    EXPECT_TRUE(memory.read(pa, {reinterpret_cast<u8*>(&value), sizeof value}));
    return value;
  }
  void fill(GuestPa pa, u64 bytes, u8 value) { ASSERT_TRUE(memory.write(pa, std::vector<u8>(bytes, value))); }
  std::string text(GuestPa pa, u64 bytes) {
    std::string out(bytes, 0);
    EXPECT_TRUE(memory.read(pa, {reinterpret_cast<u8*>(out.data()), bytes}));
    return out;
  }

  PhysicalMemory memory;
  ErrorRecorder errors;
  IrqRecorder irq;
};

struct Buffer {
  GuestPa pa;
  u32 length;
  bool write = false;
};

struct Used {
  u32 id;
  u32 length;
};

// The driver's half of one virtqueue: descriptors at base, available ring at base + 0x4000, used ring at base + 0x5000.
class RingDriver {
 public:
  RingDriver(Board& board, GuestPa base, u16 size) : board_(board), base_(base), size_(size) {}

  GuestPa desc() const { return base_; }
  GuestPa avail() const { return base_ + 0x4000; }
  GuestPa used() const { return base_ + 0x5000; }
  u16 size() const { return size_; }
  GuestPa used_event() const { return avail() + 4 + 2 * u64{size_}; }
  GuestPa avail_event() const { return used() + 4 + 8 * u64{size_}; }

  void set_desc(GuestPa table, u16 index, Descriptor descriptor) { board_.put(table + 16 * u64{index}, descriptor); }

  // Writes a chain of direct descriptors, makes it available, returns its head.
  u16 add(const std::vector<Buffer>& buffers) {
    const u16 head = next_desc_;
    for (size_t i = 0; i < buffers.size(); ++i) {
      const u16 index = u16(next_desc_++ % size_);
      const bool last = i + 1 == buffers.size();
      set_desc(desc(), index,
               {buffers[i].pa, buffers[i].length, u16((buffers[i].write ? kDescWrite : 0) | (last ? 0 : kDescNext)),
                u16((index + 1) % size_)});
    }
    next_desc_ %= size_;
    offer(head % size_);
    return head % size_;
  }

  // The same through an indirect table at `table`.
  u16 add_indirect(GuestPa table, const std::vector<Buffer>& buffers) {
    for (u16 i = 0; i < buffers.size(); ++i)
      set_desc(table, i,
               {buffers[i].pa, buffers[i].length,
                u16((buffers[i].write ? kDescWrite : 0) | (i + 1u == buffers.size() ? 0 : kDescNext)), u16(i + 1)});
    const u16 head = u16(next_desc_++ % size_);
    set_desc(desc(), head, {table, u32(16 * buffers.size()), kDescIndirect, 0});
    offer(head);
    return head;
  }

  void offer(u16 head) {
    board_.put(avail() + 4 + 2 * u64(avail_idx_ % size_), head);
    board_.put(avail() + 2, ++avail_idx_);
  }

  u16 used_idx() { return board_.get<u16>(used() + 2); }
  std::optional<Used> next_used() {
    if (used_idx() == last_used_) return {};
    return board_.get<Used>(used() + 4 + 8 * u64(last_used_++ % size_));
  }

 private:
  Board& board_;
  GuestPa base_;
  u16 size_;
  u16 next_desc_ = 0;
  u16 avail_idx_ = 0;
  u16 last_used_ = 0;
};

// Brings a device up as 3.1.1 says.
class MmioDriver {
 public:
  explicit MmioDriver(Mmio& mmio) : mmio_(mmio) {}

  u32 get(u64 offset) { return u32(mmio_.read(0, offset, 4)); }
  void set(u64 offset, u32 value) { mmio_.write(0, offset, 4, value); }
  void set64(u64 offset, u64 value) {
    set(offset, u32(value));
    set(offset + 4, u32(value >> 32));
  }
  u32 status() { return get(0x70); }
  u64 offered() {
    set(0x14, 0);
    const u64 low = get(0x10);
    set(0x14, 1);
    return low | u64{get(0x10)} << 32;
  }
  void negotiate(u64 features) {
    set(0x70, 0);
    set(0x70, kStatusAcknowledge | kStatusDriver);
    set(0x24, 0);
    set(0x20, u32(features));
    set(0x24, 1);
    set(0x20, u32(features >> 32));
    set(0x70, kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk);
  }
  void set_queue(unsigned index, const RingDriver& ring) {
    set(0x30, index);
    set(0x38, ring.size());
    set64(0x80, ring.desc());
    set64(0x90, ring.avail());
    set64(0xa0, ring.used());
    set(0x44, 1);
  }
  void start() { set(0x70, kStatusAcknowledge | kStatusDriver | kStatusFeaturesOk | kStatusDriverOk); }
  void notify(unsigned queue) { set(0x50, queue); }
  u32 acknowledge() {
    const u32 causes = get(0x60);
    set(0x64, causes);
    return causes;
  }

 private:
  Mmio& mmio_;
};

inline void copy_ram(Board& from, Board& to) {
  for (u64 at = 0; at < 2 * kRamBytes; at += kPageSize)
    std::memcpy(to.memory.host(kRam + at, kPageSize), from.memory.host(kRam + at, kPageSize), kPageSize);
}

}  // namespace mimus::virtio
