// The host's signal actions and masks of this process, set on the guest's behalf. The kernel's own interface, since the
// C library keeps two of the real-time signals to itself, which the guest's C library uses.
#pragma once

#include "core/base/types.h"
#include "machines/user/isa.h"

namespace mimus::user {

constexpr SignalMask signal_bit(int signal) { return SignalMask{1} << (signal - 1); }
inline constexpr SignalMask kAllSignals = ~SignalMask{0};
inline constexpr SignalMask kFaultSignals = signal_bit(SIGSEGV) | signal_bit(SIGBUS);
inline constexpr SignalMask kUnblockable = signal_bit(SIGKILL) | signal_bit(SIGSTOP);

enum class HostAction : u8 { by_default, ignore, handle };

// Handlers of SIGSEGV and SIGBUS, once for the process.
void install_fault_handlers();
// `flags`: SA_NOCLDSTOP and SA_NOCLDWAIT are the host's business. SIGSEGV and SIGBUS stay handled.
void set_host_action(int signal, HostAction action, u64 flags);
// What the process has been started with: by default or ignored.
bool host_ignores(int signal);

SignalMask set_host_mask(SignalMask mask);  // the old one
// All blocked while it lives.
class SignalsBlocked {
 public:
  SignalsBlocked() : old_(set_host_mask(kAllSignals)) {}
  ~SignalsBlocked() { set_host_mask(old_); }
  SignalsBlocked(const SignalsBlocked&) = delete;

 private:
  SignalMask old_;
};

// Ends the process by this signal, whatever its action.
[[noreturn]] void die_by(int signal);

}  // namespace mimus::user
