// Names and layouts of the NVM Express interface.
// Source: NVM Express Base Specification, revision 1.4c: 3.1 (registers), 4.2-4.6 (queues, commands, PRP), 5 (admin
// commands), 6 (NVM commands).
#pragma once

#include "core/base/types.h"

namespace mimus::nvme {

// 3.1 Controller registers: offsets.
enum Register : u32 {
  kCap = 0x00,
  kVs = 0x08,
  kIntms = 0x0c,
  kIntmc = 0x10,
  kCc = 0x14,
  kCsts = 0x1c,
  kAqa = 0x24,
  kAsq = 0x28,
  kAcq = 0x30,
  kDoorbells = 0x1000,
};

inline constexpr u32 kVersion = 0x00010400;
inline constexpr u32 kCstsReady = 1 << 0, kCstsFatal = 1 << 1, kCstsShutdownDone = 2 << 2;
inline constexpr u32 kCstsShutdownMask = 3 << 2;

// 4.2 Submission queue entry.
struct Command {
  u8 opcode = 0;
  u8 flags = 0;  // fused operation 1:0, PRP or SGL 7:6
  u16 id = 0;
  u32 nsid = 0;
  u32 cdw2 = 0, cdw3 = 0;
  u64 metadata = 0;
  u64 prp1 = 0, prp2 = 0;
  u32 cdw10 = 0, cdw11 = 0, cdw12 = 0, cdw13 = 0, cdw14 = 0, cdw15 = 0;
};
static_assert(sizeof(Command) == 64);

// 4.6 Completion queue entry.
struct Completion {
  u32 result;
  u32 reserved;
  u16 sq_head;
  u16 sq_id;
  u16 command_id;
  u16 status;  // phase tag in bit 0, status field above
};
static_assert(sizeof(Completion) == 16);

// 4.6.1 Status field without the phase tag: code in bits 7:0, type in bits 10:8; bit 14 is Do Not Retry.
enum class Result : u16 {
  ok = 0x000,
  invalid_opcode = 0x001,
  invalid_field = 0x002,
  data_transfer_error = 0x004,
  internal_error = 0x006,
  aborted_deletion = 0x008,
  invalid_namespace = 0x00b,
  prp_offset_invalid = 0x013,
  lba_out_of_range = 0x080,
  completion_queue_invalid = 0x100,
  invalid_queue_id = 0x101,
  invalid_queue_size = 0x102,
  too_many_events = 0x105,
  invalid_interrupt_vector = 0x108,
  invalid_log_page = 0x109,
  invalid_queue_deletion = 0x10c,
  feature_not_changeable = 0x10e,
  write_to_read_only = 0x182,
  write_fault = 0x280,
  unrecovered_read = 0x281,
};
inline constexpr u16 kDoNotRetry = 1 << 14;

enum class Admin : u8 {
  delete_sq = 0x00,
  create_sq = 0x01,
  get_log_page = 0x02,
  delete_cq = 0x04,
  create_cq = 0x05,
  identify = 0x06,
  abort = 0x08,
  set_features = 0x09,
  get_features = 0x0a,
  async_event = 0x0c,
};

enum class Io : u8 { flush = 0x00, write = 0x01, read = 0x02, write_zeroes = 0x08, dataset_management = 0x09 };

enum class Feature : u8 {
  arbitration = 0x01,
  power_management = 0x02,
  temperature_threshold = 0x04,
  error_recovery = 0x05,
  volatile_write_cache = 0x06,
  number_of_queues = 0x07,
  interrupt_coalescing = 0x08,
  interrupt_vector = 0x09,
  write_atomicity = 0x0a,
  async_events = 0x0b,
};

inline constexpr u32 kBroadcastNamespace = 0xffffffff;
inline constexpr unsigned kSectorShift = 9;

}  // namespace mimus::nvme
