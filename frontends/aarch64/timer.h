// The generic timer: counts and comparators (DDI 0487, D12).
#pragma once

#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

inline constexpr u64 kCounterFrequency = 62'500'000;  // CNTFRQ_EL0, Hz

u64 physical_count(const Aarch64State& state);
u64 virtual_count(const Aarch64State& state);

// CNTx_CTL, CNTx_CVAL and CNTx_TVAL.
u64 read_timer_control(const Aarch64State& state, TimerId timer);
void write_timer_control(Aarch64State& state, TimerId timer, u64 value);
void write_compare_value(Aarch64State& state, TimerId timer, u64 value);
u64 read_timer_value(const Aarch64State& state, TimerId timer);
void write_timer_value(Aarch64State& state, TimerId timer, u64 value);

// Sets interrupt line and alarm of one or all of the comparators anew: it has expired, or an offset has changed.
void update_timer(Aarch64State& state, TimerId timer);
void update_timers(Aarch64State& state);

}  // namespace mimus::aarch64
