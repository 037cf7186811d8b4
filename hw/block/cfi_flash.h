// A parallel NOR flash with the Intel command set: two 16-bit chips side by side on a 32-bit bus.
//
// Specification: JEDEC JESD68.01 (common flash interface, query structure), Intel StrataFlash P30 datasheet (commands,
// status register). Commands and status appear in both 16-bit lanes. Erase blocks of the pair are 256 KiB.
//   0xff read array   0x90 read identifier   0x98 read query     0x70 read status   0x50 clear status
//   0x20 0xd0 erase   0x40/0x10 program word   0xe8 n data.. 0xd0 buffered program   0x60 0xd0/0x01 unlock/lock
//
// Wiring: contents in memory, kept by a disk: an erase or program is reported ready (SR.7) only when it is durable
// there, so that a power cut loses nothing that software was told is written, and keeps the order of operations.
// Without a disk changes last as long as the machine. Aligned accesses of 4 bytes; reads of any width in array mode.
#pragma once

#include <memory>
#include <string>

#include "core/base/bytes.h"
#include "core/device/device.h"
#include "core/endpoint/block_endpoint.h"

namespace mimus {

class CfiFlash final : public Device {
 public:
  static constexpr u64 kBlockBytes = 256 << 10;

  // `contents` is as large as the chip pair: a multiple of kBlockBytes. `store` may be null, and may be smaller.
  CfiFlash(std::string name, Bytes contents, BlockEndpoint* store);
  ~CfiFlash() override;

  std::string_view name() const override { return name_; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

 private:
  enum class Mode : u8 { array, status, identifier, query };
  enum class Expect : u8 { command, program, erase_confirm, lock_confirm, count, buffer, buffer_confirm };
  struct Saving;

  void command(u64 offset, u8 value);
  void continue_command(u64 offset, u32 value);
  void program(u64 offset, u32 value);
  void erase(u64 offset);
  void fail(u8 status_bits);
  void save(u64 offset, u64 bytes);
  void saved(bool good);
  u32 read_word(u64 offset) const;

  std::string name_;
  Bytes contents_;
  BlockEndpoint* store_;
  std::shared_ptr<Saving> saving_;  // the save on its way to the disk
  Mode mode_ = Mode::array;
  Expect expect_ = Expect::command;
  u8 status_;
  u64 buffer_first_ = 0, buffer_end_ = 0;  // bytes programmed by the buffered program
  u32 buffer_left_ = 0;                    // words still to come
  u64 block_ = 0;                          // that the buffered program stays in
};

}  // namespace mimus
