// Making reference counts and copied flags anew, from what the tables point to.
#pragma once

#include "machines/host/block/qcow2/check.h"

namespace mimus::qcow2 {

// For a writable file before Metadata::prepare_writing(). New counts are written beside the old ones, so a power cut
// leaves the image as it was or repaired. Error: what is wrong is more than counts and flags.
Expected<void> repair(Metadata& metadata, const Progress& progress);

// Sets the copied flags of the active disk's entries by the counts, in memory.
Io<void> renew_copied_flags(Metadata& metadata);

}  // namespace mimus::qcow2
