// GDB's own numbers of signals (include/gdb/signals.def of GDB names them; Debugging with GDB, "Stop Reply Packets").
#pragma once

namespace mimus::gdb {

int to_gdb_signal(int linux_signal);  // 143 (GDB_SIGNAL_UNKNOWN) for what has none
int from_gdb_signal(int gdb_signal);  // 0 for what Linux does not have

}  // namespace mimus::gdb
