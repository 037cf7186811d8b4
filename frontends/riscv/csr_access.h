// The read, write and permission functions that csr.def names, by the file that has them.
#pragma once

#include "frontends/riscv/csr.h"

namespace mimus::riscv::csr {

inline constexpr std::nullptr_t none = nullptr;

#define CSR_READ(name) u64 name(const RiscvState& state, u32 number);
#define CSR_WRITE(name) void name(RiscvState& state, u64 value, u32 number);
#define CSR_ALLOWED(name) bool name(const RiscvState& state, u32 number);

// csr_machine.cc
CSR_READ(read_zero)
CSR_READ(read_mvendorid)
CSR_READ(read_marchid)
CSR_READ(read_mimpid)
CSR_READ(read_mhartid)
CSR_READ(read_misa)
CSR_READ(read_mstatus)
CSR_WRITE(write_mstatus)
CSR_READ(read_medeleg)
CSR_WRITE(write_medeleg)
CSR_READ(read_mideleg)
CSR_WRITE(write_mideleg)
CSR_READ(read_mie)
CSR_WRITE(write_mie)
CSR_READ(read_mip)
CSR_WRITE(write_mip)
CSR_READ(read_mtvec)
CSR_WRITE(write_mtvec)
CSR_READ(read_menvcfg)
CSR_WRITE(write_menvcfg)
CSR_READ(read_pmpcfg)
CSR_WRITE(write_pmpcfg)
CSR_READ(read_pmpaddr)
CSR_WRITE(write_pmpaddr)

// csr_supervisor.cc
CSR_READ(read_sstatus)
CSR_WRITE(write_sstatus)
CSR_READ(read_sie)
CSR_WRITE(write_sie)
CSR_READ(read_sip)
CSR_WRITE(write_sip)
CSR_READ(read_stvec)
CSR_WRITE(write_stvec)
CSR_READ(read_senvcfg)
CSR_WRITE(write_senvcfg)
CSR_READ(read_satp)
CSR_WRITE(write_satp)
CSR_ALLOWED(satp_allowed)
CSR_READ(read_stimecmp)
CSR_WRITE(write_stimecmp)
CSR_ALLOWED(stimecmp_enabled)

// csr_enable.cc
CSR_READ(read_mstateen)
CSR_WRITE(write_mstateen)
CSR_ALLOWED(sstateen_allowed)
CSR_ALLOWED(senvcfg_allowed)
CSR_READ(read_seed)
CSR_ALLOWED(seed_allowed)
CSR_READ(read_mseccfg)
CSR_WRITE(write_mseccfg)

// csr_aia.cc
CSR_READ(read_iselect)
CSR_WRITE(write_iselect)
CSR_ALLOWED(iselect_allowed)
CSR_READ(read_ireg)
CSR_WRITE(write_ireg)
CSR_ALLOWED(ireg_allowed)
CSR_READ(read_topei)
CSR_WRITE(write_topei)
CSR_ALLOWED(topei_allowed)
CSR_READ(read_mtopi)
CSR_READ(read_stopi)
CSR_ALLOWED(stopi_allowed)
CSR_READ(read_mvip)

// csr_user.cc
CSR_READ(read_fflags_csr)
CSR_WRITE(write_fflags_csr)
CSR_READ(read_frm_csr)
CSR_WRITE(write_frm_csr)
CSR_READ(read_fcsr)
CSR_WRITE(write_fcsr)

// csr_counters.cc
CSR_READ(read_hpmcounter)
CSR_WRITE(write_mhpmcounter)
CSR_READ(read_mhpmevent)
CSR_WRITE(write_mhpmevent)
CSR_READ(read_scountovf)
CSR_READ(read_cycle)
CSR_WRITE(write_mcycle)
CSR_READ(read_instret)
CSR_WRITE(write_minstret)
CSR_READ(read_time)
CSR_READ(read_mcounteren)
CSR_WRITE(write_mcounteren)
CSR_READ(read_scounteren)
CSR_WRITE(write_scounteren)
CSR_READ(read_mcountinhibit)
CSR_WRITE(write_mcountinhibit)
CSR_ALLOWED(counter_enabled)

#undef CSR_READ
#undef CSR_WRITE
#undef CSR_ALLOWED

// What vector base registers and environment configurations can hold.
u64 legal_tvec(u64 old, u64 value);
u64 legal_envcfg(u64 old, u64 value, u64 writable);
void assign_status(RiscvState& state, u64 value, u64 writable);

}  // namespace mimus::riscv::csr
