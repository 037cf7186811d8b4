#include "machines/host/disk.h"

#include "machines/host/block/async_disk.h"
#include "machines/host/block/open_image.h"
#include "machines/host/option_list.h"

namespace mimus {

namespace {

constexpr size_t kMaxSerial = 20;

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Expected<std::unique_ptr<IoEngine>> open_engine(const OptionList& options, EventQueue& events) {
  const std::string* wanted = options.value("aio");
  if (wanted && *wanted != "auto" && *wanted != "io_uring" && *wanted != "threads")
    return usage_error("--disk " + options.first() + ": unknown aio '" + *wanted +
                       "'; there are: auto, io_uring, threads");
  std::unique_ptr<IoEngine> engine;
  if (!wanted || *wanted != "threads") engine = make_uring_engine(events);
  if (!engine && wanted && *wanted == "io_uring")
    return fail("--disk " + options.first() + ": io_uring is not available on this host; leave aio=io_uring out");
  if (!engine) engine = make_thread_engine();
  return engine;
}

}  // namespace

Expected<std::unique_ptr<BlockEndpoint>> open_disk(std::string_view spec, EventQueue& events) {
  static constexpr std::string_view kKnown[] = {"aio", "format", "if", "readonly", "serial", "snapshot"};
  const OptionList options(spec);
  if (options.first().empty())
    return usage_error("--disk: a file name is missing; --disk FILE[,format=..][,readonly][,snapshot=on]");
  MIMUS_CHECK(options.allow_only("--disk " + options.first(), kKnown));
  MIMUS_TRY(const bool read_only, options.flag("readonly"));
  const std::string* format = options.value("format");
  if (format && *format != "raw" && *format != "qcow2")
    return usage_error("--disk " + options.first() + ": unknown format '" + *format + "'; there are: raw, qcow2");
  const std::string* serial = options.value("serial");
  if (serial && serial->size() > kMaxSerial)
    return usage_error("--disk " + options.first() + ": the serial number is longer than 20 bytes");
  MIMUS_TRY(const bool throw_away, options.flag("snapshot"));
  if (throw_away && read_only)
    return usage_error("--disk " + options.first() + ": readonly and snapshot=on exclude each other");
  const auto access = read_only || throw_away ? HostFile::Access::read_only : HostFile::Access::read_write;
  MIMUS_TRY(auto image, open_image(options.first(), format ? *format : "", access));
  if (throw_away) {
    MIMUS_TRY(image, throw_away_overlay(std::move(image)));
  }
  MIMUS_TRY(auto engine, open_engine(options, events));
  return std::make_unique<AsyncDisk>(
      std::move(image), serial ? *serial : file_name(options.first()).substr(0, kMaxSerial), events, std::move(engine));
}

}  // namespace mimus
