#include "machines/debug/gdb_registers.h"

#include <fmt/format.h>

#include <cstring>
#include <span>

#include "frontends/aarch64/state.h"
#include "frontends/riscv/csr.h"

namespace mimus::gdb {

// Constants stand before the general slots, computed registers behind the general and behind the floating ones.
struct Registers::Isa {
  std::string_view isa, architecture;
  std::string_view core_feature, float_feature;
  SlotRole float_role;
  std::string_view float_type, type_definitions;
  std::string_view stack_pointer;
  std::span<const Computed> constants, core_status, float_status;
};

namespace {

using Computed = Registers::Computed;

u64 zero(const CpuState&) { return 0; }

u64 riscv_fflags(const CpuState& s) { return riscv::read_fflags(riscv::hart(s)); }
u64 riscv_frm(const CpuState& s) { return riscv::hart(s).frm; }
u64 riscv_fcsr(const CpuState& s) { return riscv_frm(s) << 5 | riscv_fflags(s); }
void set_riscv_fflags(CpuState& s, u64 value) { riscv::write_fflags(riscv::hart(s), value & 31); }
void set_riscv_frm(CpuState& s, u64 value) { riscv::write_frm(riscv::hart(s), value & 7); }
void set_riscv_fcsr(CpuState& s, u64 value) {
  set_riscv_fflags(s, value);
  set_riscv_frm(s, value >> 5);
}

constexpr Computed kRiscvConstants[] = {{"zero", 8, zero, nullptr}};
constexpr Computed kRiscvStatus[] = {{"fflags", 4, riscv_fflags, set_riscv_fflags},
                                     {"frm", 4, riscv_frm, set_riscv_frm},
                                     {"fcsr", 4, riscv_fcsr, set_riscv_fcsr}};

u64 aarch64_cpsr(const CpuState& s) { return aarch64::read_pstate(aarch64::pe(s)); }
u64 aarch64_fpsr(const CpuState& s) { return aarch64::read_fpsr(aarch64::pe(s)); }
u64 aarch64_fpcr(const CpuState& s) { return aarch64::pe(s).fpcr; }
void set_aarch64_cpsr(CpuState& s, u64 value) { aarch64::write_pstate(aarch64::pe(s), value); }
void set_aarch64_fpsr(CpuState& s, u64 value) { aarch64::write_fpsr(aarch64::pe(s), value); }
void set_aarch64_fpcr(CpuState& s, u64 value) { aarch64::write_fpcr(aarch64::pe(s), value); }

constexpr Computed kAarch64Core[] = {{"cpsr", 4, aarch64_cpsr, set_aarch64_cpsr}};
constexpr Computed kAarch64Status[] = {{"fpsr", 4, aarch64_fpsr, set_aarch64_fpsr},
                                       {"fpcr", 4, aarch64_fpcr, set_aarch64_fpcr}};
constexpr std::string_view kAarch64Types =
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/><vector id=\"v2u\" type=\"uint64\" count=\"2\"/>"
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v4u\" type=\"uint32\" count=\"4\"/>"
    "<vector id=\"v8u\" type=\"uint16\" count=\"8\"/><vector id=\"v16u\" type=\"uint8\" count=\"16\"/>"
    "<union id=\"vnd\"><field name=\"f\" type=\"v2d\"/><field name=\"u\" type=\"v2u\"/></union>"
    "<union id=\"vns\"><field name=\"f\" type=\"v4f\"/><field name=\"u\" type=\"v4u\"/></union>"
    "<union id=\"aarch64v\"><field name=\"d\" type=\"vnd\"/><field name=\"s\" type=\"vns\"/>"
    "<field name=\"h\" type=\"v8u\"/><field name=\"b\" type=\"v16u\"/></union>";

constexpr Registers::Isa kIsas[] = {
    {"riscv64",
     "riscv:rv64",
     "org.gnu.gdb.riscv.cpu",
     "org.gnu.gdb.riscv.fpu",
     SlotRole::floating,
     "ieee_double",
     "",
     "sp",
     kRiscvConstants,
     {},
     kRiscvStatus},
    {"aarch64",
     "aarch64",
     "org.gnu.gdb.aarch64.core",
     "org.gnu.gdb.aarch64.fpu",
     SlotRole::vector,
     "aarch64v",
     kAarch64Types,
     "sp",
     {},
     kAarch64Core,
     kAarch64Status},
};

std::string_view integer_type(SlotRole role, std::string_view name, std::string_view stack_pointer) {
  if (role == SlotRole::program_counter) return "code_ptr";
  return name == stack_pointer ? "data_ptr" : "int";
}

}  // namespace

Registers::Registers(const StateLayout& layout) {
  for (const Isa& isa : kIsas) {
    if (isa.isa != layout.isa) continue;
    description_ = fmt::format(
        "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
        "<target version=\"1.0\"><architecture>{}</architecture>",
        isa.architecture);
    add_feature(layout, isa, false);
    add_feature(layout, isa, true);
    description_ += "</target>";
  }
}

void Registers::add(std::string_view name, std::string_view type, const Register& reg) {
  description_ += fmt::format("<reg name=\"{}\" bitsize=\"{}\" type=\"{}\" regnum=\"{}\"/>", name, reg.bytes * 8, type,
                              registers_.size());
  registers_.push_back(reg);
}

void Registers::add_feature(const StateLayout& layout, const Isa& isa, bool floating) {
  description_ += fmt::format("<feature name=\"{}\">", floating ? isa.float_feature : isa.core_feature);
  if (floating) description_ += isa.type_definitions;
  if (!floating)
    for (const Computed& c : isa.constants) add(c.name, "int", {c.bytes, 0, &c});
  for (const SlotDesc& slot : layout.slots) {
    const bool integer = slot.role == SlotRole::general || slot.role == SlotRole::program_counter;
    if (floating ? slot.role != isa.float_role : !integer) continue;
    if (slot.role == SlotRole::program_counter || slot.name == isa.stack_pointer)
      expedited_.push_back(registers_.size());
    add(slot.name, floating ? isa.float_type : integer_type(slot.role, slot.name, isa.stack_pointer),
        {unsigned(slot.type.bytes()), slot.offset, nullptr});
  }
  for (const Computed& c : floating ? isa.float_status : isa.core_status) add(c.name, "int", {c.bytes, 0, &c});
  description_ += "</feature>";
}

std::string Registers::read(const CpuState& state, size_t number) const {
  if (number >= registers_.size()) return {};
  const Register& reg = registers_[number];
  const u64 value = reg.computed ? reg.computed->read(state) : 0;
  const void* from = reg.computed ? static_cast<const void*>(&value) : reinterpret_cast<const u8*>(&state) + reg.offset;
  return {static_cast<const char*>(from), reg.bytes};
}

bool Registers::write(CpuState& state, size_t number, std::string_view bytes) const {
  if (number >= registers_.size() || bytes.size() != registers_[number].bytes) return false;
  const Register& reg = registers_[number];
  if (!reg.computed) {
    std::memcpy(reinterpret_cast<u8*>(&state) + reg.offset, bytes.data(), bytes.size());
    return true;
  }
  u64 value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  if (reg.computed->write) reg.computed->write(state, value);
  return true;
}

}  // namespace mimus::gdb
