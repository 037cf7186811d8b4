// Smaia and Ssaia: interrupt identities, and the way to the hart's interrupt files.
// Source: The RISC-V Advanced Interrupt Architecture 1.0, chapters 2, 3 and 5. The priorities of major interrupts
// (iprio) are read-only zero, so they have the default order; mvien too, so that mvip shows bits of mip.
#include "core/device/cpu_interrupt_port.h"
#include "frontends/riscv/csr_access.h"
#include "frontends/riscv/trap.h"

namespace mimus::riscv::csr {
namespace {

// 2.1: numbers behind *iselect. In RV64 the odd ones of both arrays do not exist.
constexpr u64 kFirstPriority = 0x30, kLastPriority = 0x3f, kFirstFile = 0x70, kDelivery = 0x70, kThreshold = 0x72,
              kFirstArray = 0x80, kLastFile = 0xff;

bool machine_level(u32 number) { return CsrDesc::min_privilege(number) == kMachine; }
u64 selected(const RiscvState& s, u32 number) { return machine_level(number) ? s.miselect : s.siselect; }
// A register of the hart's interrupt files as CpuInterruptPort names it.
u32 port_register(u32 number, u64 which) { return u32(which) + (machine_level(number) ? kRiscvMachineFile : 0); }

// 2.6: numbers of the interrupt in bits 27:16; the priority is 1, as 2.3 allows with iprio zero.
u64 identity(int code) { return code < 0 ? 0 : u64(code) << 16 | 1; }

// Smstateen, for S-mode: 58 IMSIC, 59 AIA, 60 CSRIND.
bool state_enabled(const RiscvState& s, unsigned which) {
  return s.privilege == kMachine || !s.model->has(Ext::Smstateen) || bit(s.mstateen[0], which);
}
constexpr unsigned kStateImsic = 58, kStateAia = 59, kStateCsrInd = 60;

}  // namespace

u64 read_iselect(const RiscvState& s, u32 number) { return selected(s, number); }
void write_iselect(RiscvState& s, u64 value, u32 number) {
  (machine_level(number) ? s.miselect : s.siselect) = value & 0xff;
}
bool iselect_allowed(const RiscvState& s, u32) { return state_enabled(s, kStateCsrInd); }

u64 read_ireg(const RiscvState& s, u32 number) {
  const u64 select = selected(s, number);
  return s.interrupt_port && select >= kFirstFile ? s.interrupt_port->read(port_register(number, select)) : 0;
}
void write_ireg(RiscvState& s, u64 value, u32 number) {
  const u64 select = selected(s, number);
  if (s.interrupt_port && select >= kFirstFile) s.interrupt_port->write(port_register(number, select), value);
}
// 2.1, 3.8: a number that selects nothing raises an illegal-instruction exception.
bool ireg_allowed(const RiscvState& s, u32 number) {
  const u64 select = selected(s, number);
  if (!state_enabled(s, kStateCsrInd) || select % 2) return false;
  if (select >= kFirstPriority && select <= kLastPriority) return state_enabled(s, kStateAia);
  const bool named = select == kDelivery || select == kThreshold || (select >= kFirstArray && select <= kLastFile);
  return named && s.interrupt_port && state_enabled(s, kStateImsic);
}

// 3.10: the identity twice. A write, whatever the value, claims the interrupt that the same instruction has read.
u64 read_topei(const RiscvState& s, u32 number) {
  const u64 top = s.interrupt_port ? s.interrupt_port->read(port_register(number, kRiscvTopInterrupt)) : 0;
  return top << 16 | top;
}
void write_topei(RiscvState& s, u64, u32 number) {
  if (s.claimed && s.interrupt_port) s.interrupt_port->write(port_register(number, kRiscvTopInterrupt), s.claimed);
}
bool topei_allowed(const RiscvState& s, u32) { return s.interrupt_port && state_enabled(s, kStateImsic); }

u64 read_mtopi(const RiscvState& s, u32) {
  return identity(first_interrupt(pending_interrupts(s) & s.mie & ~s.mideleg));
}
u64 read_stopi(const RiscvState& s, u32) {
  return identity(first_interrupt(pending_interrupts(s) & s.mie & s.mideleg));
}
bool stopi_allowed(const RiscvState& s, u32) { return state_enabled(s, kStateAia); }

// 5.3: with mvien zero, the supervisor bits of mip that software can write.
u64 read_mvip(const RiscvState& s, u32) { return s.mip & kIrqSupervisor; }

}  // namespace mimus::riscv::csr
