// The firmware configuration device: named blobs that the machine hands to its firmware.
//
// Specification: QEMU Firmware Configuration (fw_cfg) Device, docs/specs/fw_cfg, MMIO register layout:
//   0x00  data: the selected item, one byte after the other, whatever the width of the access
//   0x08  selector, 16 bits big-endian
//   0x10  DMA address, 64 bits big-endian; writing its low half starts the transfer that the control block there
//         describes
//
// Wiring: guest memory. Items are read-only and are added before the machine starts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/device/device.h"
#include "core/memory/physical.h"

namespace mimus {

class FwCfg final : public Device {
 public:
  static constexpr u64 kSize = 0x18;
  // Keys of items without a name.
  enum Key : u16 {
    kSignature = 0x00,
    kInterface = 0x01,
    kCpuCount = 0x05,
    kKernelSize = 0x08,
    kInitrdSize = 0x0b,
    kMaxCpus = 0x0f,
    kKernelData = 0x11,
    kInitrdData = 0x12,
    kCommandLineSize = 0x14,
    kCommandLine = 0x15,
    kDirectory = 0x19,
    kFirstFile = 0x20,
  };

  FwCfg(PhysicalMemory& memory, u32 cpus);

  void add(u16 key, Bytes contents) { items_[key] = std::move(contents); }
  void add_number(u16 key, u64 value, unsigned bytes);  // little-endian
  void add_file(const std::string& name, Bytes contents);

  std::string_view name() const override { return "fw_cfg"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;

 private:
  struct File {
    std::string name;
    u32 bytes;
    u16 key;
  };
  void select(u16 key);
  u8 next();
  void transfer(GuestPa control_block);
  bool copy(GuestPa to, u32 length);
  void rebuild_directory();

  PhysicalMemory& memory_;
  std::map<u16, Bytes> items_;
  std::vector<File> files_;
  u16 selected_ = 0;
  u32 offset_ = 0;
  u64 dma_address_ = 0;
};

}  // namespace mimus
