// RegionPlan: what the lowering of a region has to know before it emits anything. Which exits are edges inside the
// region, in which order blocks come, and for every block which slots may be dirty (differ from memory) at its start
// and which are wanted there.
#pragma once

#include <bit>
#include <span>
#include <vector>

#include "core/engine/engine.h"

namespace mimus::jit {

// A set of slots of fixed capacity.
class SlotSet {
 public:
  explicit SlotSet(size_t capacity = 0) : words_((capacity + 63) / 64) {}
  bool has(ir::SlotId s) const { return words_[s / 64] >> (s % 64) & 1; }
  void add(ir::SlotId s) { words_[s / 64] |= u64{1} << (s % 64); }
  void remove(ir::SlotId s) { words_[s / 64] &= ~(u64{1} << (s % 64)); }
  void clear() { words_.assign(words_.size(), 0); }
  // Adds all of `other` (but not what is in `except`); true if the set grew.
  bool merge(const SlotSet& other) {
    bool grew = false;
    for (size_t i = 0; i < words_.size(); ++i) grew |= merge_word(words_[i], other.words_[i]);
    return grew;
  }
  bool merge_except(const SlotSet& other, const SlotSet& except) {
    bool grew = false;
    for (size_t i = 0; i < words_.size(); ++i) grew |= merge_word(words_[i], other.words_[i] & ~except.words_[i]);
    return grew;
  }
  // Adds what both `other` and `filter` have.
  bool merge_common(const SlotSet& other, const SlotSet& filter) {
    bool grew = false;
    for (size_t i = 0; i < words_.size(); ++i) grew |= merge_word(words_[i], other.words_[i] & filter.words_[i]);
    return grew;
  }
  template <class F>
  void each(F&& f) const {
    for (size_t i = 0; i < words_.size(); ++i)
      for (u64 w = words_[i]; w; w &= w - 1) f(ir::SlotId(i * 64 + std::countr_zero(w)));
  }

 private:
  static bool merge_word(u64& word, u64 more) {
    const u64 old = word;
    word |= more;
    return word != old;
  }
  std::vector<u64> words_;
};

inline constexpr u32 kOutside = ~u32{0};

struct BlockPlan {
  std::vector<u32> successor;  // per exit: index of the block inside the region that it goes to, or kOutside
  u32 in_edges = 0;            // edges from inside the region, plus one for the region's entry
  bool clobbers = false;       // calls a helper that may write any slot
  SlotSet written;             // by `write`
  SlotSet wanted;              // read before anything in the block defines them
  SlotSet dirty_out;           // made dirty here and still so at the end
  bool syncs = false;          // somewhere all dirty slots are stored, on the straight path
  SlotSet dirty_in;
  SlotSet live_in;
  std::vector<bool> loop;  // head of a loop: which blocks are in it; else empty
  SlotSet loop_writes;     // slots that may change in there

  // Edges into a loop from outside store all dirty slots that the loop does not write: see find_loops().
  bool cleans(u32 from) const { return !loop.empty() && !loop[from]; }
};

// What a floating-point slot of 64 bits is used as in the region, if anything.
enum class FloatUse : u8 { none, f64, f32 };

struct RegionPlan {
  const ir::Region& region;
  std::vector<BlockPlan> blocks;
  std::vector<u32> order;            // reverse post-order; blocks that cannot be reached are missing
  std::vector<FloatUse> float_uses;  // by slot
  SlotSet changed;                   // slots that the region writes or a helper of it may write
  bool uses_vectors = false;
  bool uses_wide_vectors = false;  // of more than 128 bits
};

inline bool is_direct(const ir::Exit& exit) {
  return exit.kind == ir::Exit::Kind::jump || exit.kind == ir::Exit::Kind::call;
}

// True if the exit must look at CpuState::exit_request: a direct edge that does not go forward in guest memory. Every
// cycle of direct edges, through however many pieces of code, contains one.
inline bool polls(const ir::Block& block, const ir::Exit& exit) {
  return is_direct(exit) && exit.target <= block.key.pc;
}

// Links stay within a page, so that they need not be undone when another page's mapping changes; but for flat memory,
// where pages are the same for everybody.
inline bool is_linkable(const ir::Block& block, const ir::Exit& exit, bool flat) {
  return is_direct(exit) && (flat || !((block.key.pc ^ exit.target) & ~kPageMask));
}
inline bool is_linkable_return(const ir::Block& block, const ir::Exit& exit, bool flat) {
  return flat || !((block.key.pc ^ exit.return_pc) & ~kPageMask);
}

// How a helper call meets the slots: `syncs` stores all dirty ones before it, `clobbers` forgets all values after it.
struct HelperRule {
  bool syncs, clobbers;
};
HelperRule helper_rule(const HelperDesc& helper);

RegionPlan make_plan(const ir::Region& region, const RuntimeLayout& layout);

}  // namespace mimus::jit
