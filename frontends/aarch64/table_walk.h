// A walk through the translation tables of either stage.
#pragma once

#include "frontends/aarch64/descriptors.h"
#include "frontends/aarch64/mmu.h"

namespace mimus::aarch64 {

// What the control registers say about a tree of tables, besides its shape.
struct TableControl {
  unsigned output_bits = 48;
  bool set_access = false, set_dirty = false;  // the walk sets the access flag, the dirty state
  bool hierarchical = true;                    // table descriptors restrict what is below them
  bool stage2 = false;                         // these are stage 2's, of the intermediate address `ipa`
  bool for_walk = false;                       // stage 2 of a descriptor of stage 1
};

class TableWalk {
 public:
  struct Leaf {
    GuestPa address = 0;  // that the input address leads to
    u64 size = 0;         // of the mapping
    unsigned level = 0;
    u64 descriptor = 0;
    u64 hierarchical = 0;  // bits of all table descriptors above
    GuestPa entry = 0;     // physical address of the descriptor
  };
  TableWalk(Aarch64State& s, PhysicalMemory& memory, const Request& r, const TableShape& shape,
            const TableControl& control)
      : s_(s), memory_(memory), r_(r), shape_(shape), control_(control) {}

  std::variant<Leaf, Fault> run(u64 address, GuestPa table);
  // Sets the access flag, and with `dirty` the dirty state, as far as they are not and may be; false if the descriptor
  // has been changed by someone else meanwhile.
  bool mark_used(Leaf& leaf, bool dirty);

 private:
  std::variant<Leaf, Fault> finish(u64 address, Leaf leaf) const;
  std::optional<Fault> locate(GuestPa& entry, Access access) const;
  Fault fault(u32 status) const;
  bool out_of_range(GuestPa address) const { return address >> control_.output_bits; }

  Aarch64State& s_;
  PhysicalMemory& memory_;
  const Request& r_;
  const TableShape shape_;
  const TableControl control_;
};

bool stage2_enabled(const Aarch64State& state, unsigned level);
// Stage 2 of the intermediate physical address `ipa`; `for_walk`: of a descriptor of stage 1.
Mapped translate_stage2(Aarch64State& state, PhysicalMemory& memory, const Request& request, GuestPa ipa,
                        bool for_walk);

}  // namespace mimus::aarch64
