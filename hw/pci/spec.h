// Names of the PCI configuration space.
// Source: PCI Express Base Specification 4.0, 7.5 (configuration space), 7.7 (MSI-X); PCI Code and ID Assignment
// Specification 1.11 (capability identifiers).
#pragma once

#include "core/base/types.h"

namespace mimus::pci {

inline constexpr u32 kConfigBytes = 4096;
inline constexpr unsigned kSlots = 32;
inline constexpr unsigned kBars = 6;

// 7.5.1 Type 0 header: offsets in bytes.
enum Header : u32 {
  kVendorId = 0x00,
  kDeviceId = 0x02,
  kCommand = 0x04,
  kStatus = 0x06,
  kRevision = 0x08,
  kClassCode = 0x09,
  kHeaderType = 0x0e,
  kBar0 = 0x10,
  kSubsystemVendorId = 0x2c,
  kSubsystemId = 0x2e,
  kCapabilitiesPointer = 0x34,
  kInterruptLine = 0x3c,
  kInterruptPin = 0x3d,
  kFirstCapability = 0x40,
};

enum Command : u16 {
  kCommandIo = 1 << 0,
  kCommandMemory = 1 << 1,
  kCommandBusMaster = 1 << 2,
  kCommandParity = 1 << 6,
  kCommandSerr = 1 << 8,
  kCommandIntxDisable = 1 << 10,
};

enum Status : u16 { kStatusInterrupt = 1 << 3, kStatusCapabilities = 1 << 4 };

enum CapabilityId : u8 { kCapVendor = 0x09, kCapExpress = 0x10, kCapMsix = 0x11 };

}  // namespace mimus::pci
