#include "hw/block/cfi_flash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

namespace mimus {
namespace {

enum StatusBit : u8 { kReady = 0x80, kEraseError = 0x20, kProgramError = 0x10, kSequenceError = 0x30 };
constexpr u32 kMaxBufferWords = 512;  // 32-bit words: 1 KiB in each chip
constexpr u64 kSector = 512;

constexpr u32 both_lanes(u16 value) { return u32{value} << 16 | value; }

// JESD68.01 query structure of one chip, by 16-bit word address from 0x10 on.
u16 query_word(u64 word, u64 flash_bytes) {
  const u64 chip = flash_bytes / 2, block = CfiFlash::kBlockBytes / 2;
  const u64 blocks = chip / block - 1;
  const std::array<u8, 0x21> table = {
      'Q',
      'R',
      'Y',  // 0x10
      0x01,
      0x00,  // 0x13 Intel/Sharp extended command set
      0x31,
      0x00,  // 0x15 extended table
      0,
      0,
      0,
      0,  // 0x17 no alternate command set
      0x45,
      0x55,
      0,
      0,  // 0x1b supply voltages
      7,
      7,
      10,
      0,  // 0x1f typical times, log2
      4,
      4,
      4,
      0,                           // 0x23 most times, log2 factor
      u8(std::countr_zero(chip)),  // 0x27 size of the chip, log2
      0x01,
      0x00,  // 0x28 16-bit interface
      0x0a,
      0x00,  // 0x2a write buffer of 2^10 bytes
      1,     // 0x2c one erase block region:
      u8(blocks),
      u8(blocks >> 8),
      u8(block >> 8),
      u8(block >> 16),  // 0x2d blocks - 1, size / 256
  };
  static constexpr std::array<u8, 13> kExtended = {'P', 'R', 'I', '1', '0', 0, 0, 0, 0, 0, 0, 0, 0};
  if (word >= 0x10 && word - 0x10 < table.size()) return table[word - 0x10];
  if (word >= 0x31 && word - 0x31 < kExtended.size()) return kExtended[word - 0x31];
  return 0;
}

}  // namespace

// One save: keeps its data alive until the disk is done. `owner` is null when the flash has lost interest.
struct CfiFlash::Saving {
  CfiFlash* owner;
  Bytes data;
};

CfiFlash::CfiFlash(std::string name, Bytes contents, BlockEndpoint* store)
    : name_(std::move(name)), contents_(std::move(contents)), store_(store), status_(kReady) {}

CfiFlash::~CfiFlash() {
  if (saving_) saving_->owner = nullptr;
}

u32 CfiFlash::read_word(u64 offset) const {
  const u64 word = offset / 4;
  switch (mode_) {
    case Mode::status: return both_lanes(status_);
    case Mode::identifier:
      return both_lanes(word % (kBlockBytes / 4) == 0   ? 0x89  // Intel
                        : word % (kBlockBytes / 4) == 1 ? 0x18  // 128 Mbit
                                                        : 0);   // 2: block is not locked
    case Mode::query: return both_lanes(query_word(word, contents_.size()));
    case Mode::array: break;
  }
  u32 value;
  std::memcpy(&value, contents_.data() + offset, sizeof value);
  return value;
}

u64 CfiFlash::read(RegionId, u64 offset, unsigned width) {
  if (offset >= contents_.size() || width > contents_.size() - offset) return 0;
  if (mode_ == Mode::array) {
    u64 value = 0;
    std::memcpy(&value, contents_.data() + offset, width);
    return value;
  }
  const u64 word = read_word(offset & ~u64{3});
  return width == 8 ? word | word << 32 : word >> (8 * (offset & 3)) & ((u64{1} << (8 * width)) - 1);
}

// An 8-byte store reaches the 32-bit bus as two.
void CfiFlash::write(RegionId region, u64 offset, unsigned width, u64 value) {
  if (width == 8) {
    write(region, offset, 4, u32(value));
    return write(region, offset + 4, 4, value >> 32);
  }
  if (offset >= contents_.size() || width != 4 || offset % 4) return;
  if (!(status_ & kReady)) return;  // busy: commands are ignored
  if (expect_ == Expect::command) return command(offset, u8(value));
  continue_command(offset, u32(value));
}

void CfiFlash::command(u64 offset, u8 value) {
  block_ = offset / kBlockBytes * kBlockBytes;
  switch (value) {
    case 0xff: mode_ = Mode::array; return;
    case 0x90: mode_ = Mode::identifier; return;
    case 0x98: mode_ = Mode::query; return;
    case 0x50: status_ = kReady; return;
    default: mode_ = Mode::status; break;
  }
  switch (value) {
    case 0x70: return;
    case 0x10:
    case 0x40: expect_ = Expect::program; return;
    case 0x20: expect_ = Expect::erase_confirm; return;
    case 0x60: expect_ = Expect::lock_confirm; return;
    case 0xe8: expect_ = Expect::count; return;
    default: return fail(kSequenceError);
  }
}

void CfiFlash::continue_command(u64 offset, u32 value) {
  const Expect expected = std::exchange(expect_, Expect::command);
  const u8 low = u8(value);
  switch (expected) {
    case Expect::command: return;
    case Expect::program: program(offset, value); return save(offset, 4);
    case Expect::erase_confirm: return low == 0xd0 ? erase(offset) : fail(kSequenceError);
    case Expect::lock_confirm:  // blocks are never locked: both are accepted
      if (low != 0xd0 && low != 0x01 && low != 0x2f) fail(kSequenceError);
      return;
    case Expect::count:
      buffer_left_ = (value & 0xffff) + 1;
      if (buffer_left_ > kMaxBufferWords) return fail(kSequenceError);
      buffer_first_ = ~u64{0};
      buffer_end_ = 0;
      expect_ = Expect::buffer;
      return;
    case Expect::buffer:
      if (offset - block_ >= kBlockBytes) return fail(kSequenceError);  // left its block
      program(offset, value);
      buffer_first_ = std::min(buffer_first_, offset);
      buffer_end_ = std::max(buffer_end_, offset + 4);
      expect_ = --buffer_left_ ? Expect::buffer : Expect::buffer_confirm;
      return;
    case Expect::buffer_confirm:
      if (low != 0xd0) fail(kSequenceError);  // the words are there already, as after a power cut
      return save(buffer_first_, buffer_end_ - buffer_first_);
  }
}

// Programming can only clear bits.
void CfiFlash::program(u64 offset, u32 value) {
  u32 word;
  std::memcpy(&word, contents_.data() + offset, sizeof word);
  word &= value;
  std::memcpy(contents_.data() + offset, &word, sizeof word);
}

void CfiFlash::erase(u64 offset) {
  const u64 block = offset / kBlockBytes * kBlockBytes;
  std::memset(contents_.data() + block, 0xff, kBlockBytes);
  save(block, kBlockBytes);
}

void CfiFlash::fail(u8 status_bits) {
  status_ |= status_bits;
  expect_ = Expect::command;
}

// ---- durability ----

void CfiFlash::save(u64 offset, u64 bytes) {
  if (!store_ || store_->read_only()) return;
  const u64 limit = std::min<u64>(store_->size_bytes(), contents_.size());
  const u64 first = offset / kSector * kSector;
  const u64 end = std::min((offset + bytes + kSector - 1) / kSector * kSector, limit);
  if (first >= end) return;  // beyond the file: lasts as long as the machine
  status_ &= u8(~kReady);
  auto saving = std::make_shared<Saving>(this, Bytes(contents_.begin() + s64(first), contents_.begin() + s64(end)));
  saving_ = saving;
  const std::span<const u8> buffers[] = {saving->data};
  store_->write(first, buffers, [saving, store = store_](BlockEndpoint::Status written) {
    if (written != BlockEndpoint::Status::ok) {
      if (saving->owner) saving->owner->saved(false);
      return;
    }
    store->flush([saving](BlockEndpoint::Status flushed) {
      if (saving->owner) saving->owner->saved(flushed == BlockEndpoint::Status::ok);
    });
  });
}

void CfiFlash::saved(bool good) {
  saving_.reset();
  status_ |= kReady;
  if (!good) status_ |= kProgramError | kEraseError;
}

void CfiFlash::reset(ResetKind) {
  if (saving_) saving_->owner = nullptr;  // the contents are what was asked for; nobody waits any more
  saving_.reset();
  mode_ = Mode::array;
  expect_ = Expect::command;
  status_ = kReady;
}

// ---- state ----

void CfiFlash::visit_state(StateVisitor& visitor) {
  visitor.begin("cfi-flash", 1);
  visitor.index("mode", mode_, u64(Mode::query) + 1);
  visitor.index("expect", expect_, u64(Expect::buffer_confirm) + 1);
  visitor.field("status", status_);
  visitor.index("buffer_left", buffer_left_, kMaxBufferWords + 1);
  visitor.field("buffer_first", buffer_first_);
  visitor.index("buffer_end", buffer_end_, contents_.size() + 1);
  visitor.index("block", block_, contents_.size());
  std::vector<u8> copy(contents_.begin(), contents_.end());
  visitor.blob("contents", copy, contents_.size());
  visitor.end();
  if (!visitor.loading()) return;
  if (copy.size() != contents_.size()) return visitor.reject("contents", "another size of flash");
  std::ranges::copy(copy, contents_.begin());
}

// What was being saved, or differs from the disk of the time before, is saved again.
void CfiFlash::after_load() {
  if (!(status_ & kReady)) save(0, contents_.size());
}

}  // namespace mimus
