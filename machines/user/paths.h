// File names in system calls: the sysroot, and what /proc says of this process.
#pragma once

#include <string>

#include "machines/user/thread.h"

namespace mimus::user {

// The host's name for the file name at `address`. 0 or -errno.
s64 get_path(UserThread& thread, std::string& path, GuestVa address, bool follow = true);
std::string host_path(UserThread& thread, std::string path, bool follow);

// "maps" for /proc/self/maps, /proc/PID/maps of this process, /proc/thread-self/maps, "task/TID/maps" likewise;
// "cpuinfo" for /proc/cpuinfo; empty for everything else.
std::string own_proc_entry(const std::string& path);
// The text of such an entry as the guest shall see it; false: the host's is right.
bool proc_text(UserThread& thread, const std::string& entry, std::string& text);
// What an entry of another process shows that this one traces.
std::optional<std::string> traced_proc_text(UserThread& thread, const std::string& path);
// The process of "/proc/PID/mem", "/proc/PID/task/TID/mem"; 0: another path.
int process_of_memory_file(const std::string& path);
// A file with that text: a descriptor, or -errno.
s64 open_text(const std::string& text, int flags);

}  // namespace mimus::user
