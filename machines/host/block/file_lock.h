// Locks on image files, so that no two machines write one image, and none reads what another one writes.
// Open-file-description locks on single bytes beyond the header, the protocol of QEMU's file driver ("Image locking",
// docs/system/images.rst and block/file-posix.c of QEMU 7.2): a user of the image holds a shared lock on byte 100 + n
// for each permission n that it uses and on 200 + n for each that it does not grant to others. So QEMU and qemu-img
// keep off an image that Mimus uses, and the other way round.
#pragma once

#include <string>

#include "core/base/error.h"

namespace mimus {

// The lock lasts until `fd` is closed. File systems without locks are accepted. The error names the process that
// stands in the way, if it can be found.
Expected<void> lock_image(int fd, const std::string& name, bool write);

}  // namespace mimus
