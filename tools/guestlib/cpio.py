"""Writes initramfs archives: cpio in the "newc" format (Linux, Documentation/driver-api/early-userspace/buffer-format).

Owners are root and times zero, so that equal content gives an equal file and nobody has to be root.
"""

import gzip
import stat


class Archive:
    def __init__(self):
        self._data = bytearray()
        self._inode = 0
        self._folders = set()

    def _entry(self, name, mode, content=b"", device=(0, 0)):
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = [self._inode, mode, 0, 0, 1, 0, len(content), 0, 0, device[0], device[1], len(encoded), 0]
        self._data += b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        self._data += bytes(-len(self._data) % 4) + content
        self._data += bytes(-len(self._data) % 4)

    def folder(self, name, permissions=0o755):
        """Adds a folder and those above it, each once."""
        parts = name.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if path not in self._folders:
                self._folders.add(path)
                self._entry(path, stat.S_IFDIR | permissions)

    def file(self, name, content, permissions=0o644):
        if "/" in name:
            self.folder(name.rsplit("/", 1)[0])
        self._entry(name, stat.S_IFREG | permissions, content)

    def script(self, name, text):
        self.file(name, text.encode(), 0o755)

    def link(self, name, target):
        if "/" in name:
            self.folder(name.rsplit("/", 1)[0])
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def console(self):
        self.folder("dev")
        self._entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))

    def write(self, path):
        self._entry("TRAILER!!!", 0)
        with open(path, "wb") as out, gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
            packed.write(self._data)
