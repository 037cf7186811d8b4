// Constants common to all virtio devices and transports.
// Source: Virtual I/O Device (VIRTIO) Version 1.2, OASIS Committee Specification 01: 2.1 (status), 2.7 (split
// virtqueues), 5 (device identifiers), 6 (reserved feature bits).
#pragma once

#include "core/base/types.h"

namespace mimus::virtio {

enum class DeviceId : u32 { none = 0, net = 1, block = 2, console = 3, entropy = 4 };

// 2.1 Device Status Field
enum Status : u8 {
  kStatusAcknowledge = 1,
  kStatusDriver = 2,
  kStatusDriverOk = 4,
  kStatusFeaturesOk = 8,
  kStatusNeedsReset = 64,
  kStatusFailed = 128,
};

// 6 Reserved Feature Bits
inline constexpr u64 kFeatureIndirectDesc = u64{1} << 28;
inline constexpr u64 kFeatureEventIdx = u64{1} << 29;
inline constexpr u64 kFeatureVersion1 = u64{1} << 32;

// 2.7.5 The Virtqueue Descriptor Table
struct Descriptor {
  u64 address;
  u32 length;
  u16 flags;
  u16 next;
};
static_assert(sizeof(Descriptor) == 16);
enum DescriptorFlag : u16 { kDescNext = 1, kDescWrite = 2, kDescIndirect = 4 };

inline constexpr u16 kAvailNoInterrupt = 1;  // 2.7.6 VIRTQ_AVAIL_F_NO_INTERRUPT
inline constexpr u16 kUsedNoNotify = 1;      // 2.7.8 VIRTQ_USED_F_NO_NOTIFY

inline constexpr u16 kMaxQueueSize = 1024;  // of our devices; the specification allows 32768
// Descriptors in one chain. 2.7.5.3.1 forbids more than the queue size, but drivers with indirect tables do exceed a
// small queue; beyond this number a chain counts as a loop.
inline constexpr unsigned kMaxChain = 1024;

}  // namespace mimus::virtio
