// The registers of a CPU as GDB numbers and describes them. Slots and their roles come from the declaration of the
// state (StateLayout); a table row per ISA says which of GDB's standard features they belong to.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/state/cpu.h"
#include "core/state/layout.h"

namespace mimus::gdb {

class Registers {
 public:
  explicit Registers(const StateLayout& layout);

  size_t count() const { return registers_.size(); }
  // Target description (Debugging with GDB, appendix "Target Descriptions"); empty for an ISA without a row.
  const std::string& description() const { return description_; }
  // The register's bytes in the target's order; empty: no such register.
  std::string read(const CpuState& state, size_t number) const;
  // False: no such register, or the wrong size. Writes to constants are ignored.
  bool write(CpuState& state, size_t number, std::string_view bytes) const;
  size_t bytes(size_t number) const { return number < count() ? registers_[number].bytes : 0; }
  // Those that a stop reply brings along: stack pointer and program counter, as far as they are found.
  const std::vector<size_t>& expedited() const { return expedited_; }

  // A register that is no slot.
  struct Computed {
    std::string_view name;
    unsigned bytes;
    u64 (*read)(const CpuState&);
    void (*write)(CpuState&, u64);  // null: a constant
  };
  struct Isa;  // a row of the table

 private:
  struct Register {
    unsigned bytes;
    u32 offset;                // of the slot
    const Computed* computed;  // in its place, if not null
  };
  void add_feature(const StateLayout& layout, const Isa& isa, bool floating);
  void add(std::string_view name, std::string_view type, const Register& reg);

  std::vector<Register> registers_;
  std::vector<size_t> expedited_;
  std::string description_;
};

}  // namespace mimus::gdb
