// What Arm's Generic Interrupt Controllers keep for each interrupt, and its registers, which are the same in GICv2's
// distributor and in GICv3's distributor and redistributors.
//
// Specification: Arm Generic Interrupt Controller Architecture Specification, GICv3 and GICv4, IHI 0069H, 12.9 and
// 12.11; version 2.0, IHI 0048B, 4.3. One security state: group 0 and group 1 interrupts, priorities as they are.
#pragma once

#include <bit>
#include <vector>

#include "core/base/types.h"
#include "core/state/visitor.h"

namespace mimus::gic {

inline constexpr u32 kPrivate = 32;  // INTIDs 0-15: SGIs, 16-31: PPIs; each CPU has its own
inline constexpr u32 kSgis = 16;
inline constexpr u32 kSpis = 256;  // INTIDs 32-287
inline constexpr u32 kOtherGroup = 1022;
inline constexpr u32 kSpurious = 1023;

inline constexpr unsigned kPriorityBits = 5;  // the high ones of 8; lower numbers are more urgent
inline constexpr u8 kPriorityMask = 0xf8;
inline constexpr u8 kIdlePriority = 0xff;

// CPU inputs at the far end of the controller's lines.
inline constexpr unsigned kIrqInput = 0;
inline constexpr unsigned kFiqInput = 1;

// A pending interrupt that could be signalled to a CPU.
struct Candidate {
  u32 intid = kSpurious;
  u8 priority = kIdlePriority;
  u8 group = 0;
  explicit operator bool() const { return intid != kSpurious; }
  // Equally urgent: the lower number.
  void consider(const Candidate& other) {
    if (other.priority < priority || (other.priority == priority && other.intid < intid)) *this = other;
  }
};

// Groups as a set: bit 0 for group 0, bit 1 for group 1.
using Groups = u8;

// Interrupts `first` to `first + count - 1`; both are multiples of 32. The caller holds the controller's lock.
class Bank {
 public:
  Bank(u32 first, u32 count);

  bool contains(u32 intid) const { return intid >= first_ && intid - first_ < priority_.size(); }
  u32 first() const { return first_; }
  u32 count() const { return u32(priority_.size()); }

  // -- by INTID, which the bank contains --
  void set_line(u32 intid, bool level);
  void set_pending(u32 intid, bool pending);  // as if by ISPENDR, ICPENDR
  void activate(u32 intid);                   // pending -> active; a level that is still high leaves it pending as well
  void deactivate(u32 intid);
  u8 group(u32 intid) const { return bit(word(intid).group, intid % 32); }

  // Puts into `best` the most urgent interrupt that is pending, enabled, not active, of one of `groups`, and for which
  // mine(intid) holds, if it is more urgent than what is there.
  template <class Mine>
  void best(Candidate& best, Groups groups, Mine mine) const {
    for (u32 i = 0; i < words_.size(); i++) {
      const Word& w = words_[i];
      const u32 wanted = (groups & 1 ? ~w.group : 0) | (groups & 2 ? w.group : 0);
      for (u32 left = w.pending() & w.enabled & ~w.active & wanted; left; left &= left - 1) {
        const u32 index = i * 32 + u32(std::countr_zero(left));
        if (priority_[index] <= best.priority && mine(first_ + index))
          best.consider({first_ + index, priority_[index], u8(bit(w.group, index % 32))});
      }
    }
  }

  // Registers IGROUPR (0x080) to ICACTIVER, IPRIORITYR and ICFGR (to 0xcff), of this bank's interrupts; what belongs to
  // others reads 0 and ignores writes. `width` is 4, or 1 for priorities; other accesses likewise.
  static bool has(u64 offset) { return (offset >= 0x80 && offset < 0x800) || (offset >= 0xc00 && offset < 0xd00); }
  u32 read(u64 offset, unsigned width) const;
  void write(u64 offset, unsigned width, u32 value);

  void reset();  // lines keep their levels
  void visit_state(StateVisitor& visitor);

 private:
  struct Word {
    u32 group, enabled, latched, active, line, edge;
    u32 pending() const { return latched | (line & ~edge); }
  };
  Word& word(u32 intid) { return words_[(intid - first_) / 32]; }
  const Word& word(u32 intid) const { return words_[(intid - first_) / 32]; }
  u32 fixed_edges(u32 index) const { return first_ + index * 32 == 0 ? (u32{1} << kSgis) - 1 : 0; }
  u32 read_bits(unsigned kind, const Word& w) const;
  u32 read_config(u64 offset) const;
  void write_config(u64 offset, u32 value);

  u32 first_;
  std::vector<Word> words_;
  std::vector<u8> priority_;
};

}  // namespace mimus::gic
