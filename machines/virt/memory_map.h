// The memory map and interrupt numbers of the RISC-V "virt" board, as OpenSBI, U-Boot, EDK2 and Linux know it.
#pragma once

#include "machines/virt/layout.h"

namespace mimus::virt {

inline constexpr GuestPa kRomBase = 0x1000;  // reset vector
inline constexpr u64 kRomSize = 0xf000;
inline constexpr GuestPa kFinisherBase = 0x100000;
inline constexpr GuestPa kRtcBase = 0x101000;
inline constexpr GuestPa kClintBase = 0x2000000;
inline constexpr GuestPa kPlicBase = 0xc000000;
inline constexpr u64 kPlicSize = 0x600000;
inline constexpr GuestPa kAplicMachineBase = 0xc000000;  // in place of the PLIC
inline constexpr GuestPa kAplicSupervisorBase = 0xd000000;
inline constexpr GuestPa kImsicMachineBase = 0x24000000;
inline constexpr GuestPa kImsicSupervisorBase = 0x28000000;
inline constexpr GuestPa kUartBase = 0x10000000;
inline constexpr GuestPa kVirtioBase = 0x10001000;
inline constexpr u64 kVirtioStride = 0x1000;
inline constexpr unsigned kVirtioSlots = 8;
inline constexpr GuestPa kPciIoBase = 0x3000000;
inline constexpr u64 kPciIoSize = 0x10000;
inline constexpr GuestPa kFwCfgBase = 0x10100000;
inline constexpr GuestPa kFlashBase = 0x20000000;  // two banks, one behind the other
inline constexpr u64 kFlashBankSize = 32 << 20;
inline constexpr GuestPa kPciEcamBase = 0x30000000;
inline constexpr u64 kPciEcamSize = 0x10000000;  // 256 buses
inline constexpr GuestPa kPciMemory32Base = 0x40000000;
inline constexpr u64 kPciMemory32Size = 0x40000000;
inline constexpr u64 kPciMemory64Size = u64{16} << 30;
inline constexpr GuestPa kRamBase = 0x80000000;

inline constexpr u32 kVirtioIrq = 1;  // slot i: 1 + i
inline constexpr u32 kUartIrq = 10;
inline constexpr u32 kRtcIrq = 11;
inline constexpr u32 kPciIrq = 32;  // INTx wire i: 32 + i

inline constexpr u64 kFirmwareSize = 0x80000;    // what our own firmware keeps for itself at the start of RAM
inline constexpr u64 kPayloadOffset = 0x200000;  // of a flat S-mode payload, from the start of RAM
inline constexpr u64 kTimebaseHz = 10'000'000;
inline constexpr u32 kMaxCpus = 8;

// `memory` bytes of RAM. The PCI window for large BARs lies above it, aligned to its size.
constexpr Layout riscv_layout(u64 memory) {
  return {
      .ram = {kRamBase, memory},
      .virtio = {kVirtioBase, kVirtioStride, kVirtioSlots, kVirtioIrq},
      .flash = {kFlashBase, kFlashBankSize},
      .fw_cfg = kFwCfgBase,
      .pci = {.ecam = {kPciEcamBase, kPciEcamSize},
              .io = {kPciIoBase, kPciIoSize},
              .memory32 = {kPciMemory32Base, kPciMemory32Size},
              .memory64 = {align_up(kRamBase + memory, kPciMemory64Size), kPciMemory64Size},
              .irq = kPciIrq},
  };
}

}  // namespace mimus::virt
