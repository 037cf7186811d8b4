// The memory map and interrupt numbers of the AArch64 "virt" board, as EDK2, U-Boot and Linux know it. Interrupts are
// SPIs, counted from 0, unless they say PPI.
#pragma once

#include "machines/virt/layout.h"

namespace mimus::virt::aarch64 {

inline constexpr GuestPa kFlashBase = 0;  // two banks; without --flash, the reset vector is there
inline constexpr u64 kFlashBankSize = 64 << 20;
inline constexpr GuestPa kGicDistributorBase = 0x08000000;
inline constexpr GuestPa kGicCpuInterfaceBase = 0x08010000;  // GICv2
inline constexpr GuestPa kGicMessageBase = 0x08020000;       // GICv2m
inline constexpr GuestPa kItsBase = 0x08080000;
inline constexpr GuestPa kRedistributorBase = 0x080a0000;
inline constexpr GuestPa kUartBase = 0x09000000;
inline constexpr GuestPa kRtcBase = 0x09010000;
inline constexpr GuestPa kFwCfgBase = 0x09020000;
inline constexpr GuestPa kGpioBase = 0x09030000;
inline constexpr GuestPa kVirtioBase = 0x0a000000;
inline constexpr u64 kVirtioStride = 0x200;
inline constexpr u32 kVirtioSlots = 32;
inline constexpr GuestPa kPciMemory32Base = 0x10000000;
inline constexpr u64 kPciMemory32Size = 0x2eff0000;
inline constexpr GuestPa kPciIoBase = 0x3eff0000;
inline constexpr u64 kPciIoSize = 0x10000;
inline constexpr GuestPa kRamBase = 0x40000000;
inline constexpr GuestPa kPciEcamBase = 0x4010000000;
inline constexpr u64 kPciEcamSize = 0x10000000;  // 256 buses
inline constexpr GuestPa kPciMemory64Base = 0x8000000000;
inline constexpr u64 kPciMemory64Size = 0x8000000000;
inline constexpr u64 kMostMemory = u64{255} << 30;  // up to the ECAM window

inline constexpr u32 kUartIrq = 1;
inline constexpr u32 kRtcIrq = 2;
inline constexpr u32 kPciIrq = 3;  // INTx wire i: 3 + i
inline constexpr u32 kGpioIrq = 7;
inline constexpr u32 kVirtioIrq = 16;   // slot i: 16 + i
inline constexpr u32 kMessageIrq = 80;  // GICv2m: 64 of them
inline constexpr u32 kMessageIrqs = 64;

// PPIs, counted from 16 as device trees do.
inline constexpr u32 kPmuPpi = 7, kHypervisorTimerPpi = 10, kVirtualTimerPpi = 11, kSecureTimerPpi = 13, kTimerPpi = 14;

inline constexpr unsigned kPowerButtonPin = 3;  // of the GPIO controller

// Timer frequency (CNTFRQ_EL0).
inline constexpr u64 kTimebaseHz = 62'500'000;
inline constexpr u32 kMaxCpus = 8;
inline constexpr u64 kTreeRoom = 2 << 20;  // at the start of RAM

constexpr Layout layout(u64 memory) {
  return {
      .ram = {kRamBase, memory},
      .virtio = {kVirtioBase, kVirtioStride, kVirtioSlots, kVirtioIrq},
      .flash = {kFlashBase, kFlashBankSize},
      .fw_cfg = kFwCfgBase,
      .pci = {.ecam = {kPciEcamBase, kPciEcamSize},
              .io = {kPciIoBase, kPciIoSize},
              .memory32 = {kPciMemory32Base, kPciMemory32Size},
              .memory64 = {kPciMemory64Base, kPciMemory64Size},
              .irq = kPciIrq},
  };
}

}  // namespace mimus::virt::aarch64
