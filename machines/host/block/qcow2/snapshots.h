// Internal snapshots: copies of the L1 table that share L2 tables and data with the active disk.
#pragma once

#include <string>

#include "machines/host/block/qcow2/image.h"
#include "machines/host/block/qcow2/snapshot_table.h"

namespace mimus::qcow2 {

// All of these are for an image that is open for writing, with no request under way. While one runs, the image is
// marked as dirty (version 3): after a power cut its counts are made anew. The data of the active disk and of the
// snapshots stays whole at every point, in version 2, too.
Expected<std::vector<Snapshot>> list_snapshots(const Metadata& metadata);
Expected<void> create_snapshot(Image& image, const std::string& name, u64 now_nanoseconds);
// `which`: a name or, where no snapshot has it as its name, an id.
Expected<void> apply_snapshot(Image& image, const std::string& which);
Expected<void> delete_snapshot(Image& image, const std::string& which);

}  // namespace mimus::qcow2
