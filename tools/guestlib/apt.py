"""Debian packages of any suite and architecture through the machine's own apt, with private lists and caches.

Nothing of the machine's apt state is touched. Indexes and packages are verified by apt against Debian's archive keys.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

from .store import GuestError, cache_root, locked, say

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR_VARIABLE = "MIMUS_DEBIAN_MIRROR"
INDEX_LIFETIME = 24 * 3600  # seconds


def require(program, package):
    if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None:
        raise GuestError(f"'{program}' is missing; install the Debian package {package} (./dev setup installs all there are)")


def run(command, what, **options):
    """Runs a command; its output shows only when it fails."""
    env = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, check=False, **options)
    output = result.stdout.decode(errors="replace")
    if result.returncode != 0:
        tail = "\n".join("    " + line for line in output.strip().splitlines()[-8:])
        raise GuestError(f"{what} failed:\n{tail}")
    return output


def mirror():
    """The Debian mirror that this machine itself uses."""
    chosen = os.environ.get(MIRROR_VARIABLE)
    if chosen:
        return chosen
    require("apt-get", "apt")
    lines = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN)", "Created-By: Packages"],
                "reading the apt configuration").split("\n")
    rows = [line.split() for line in lines if line.strip()]
    for row in rows:
        if "-" not in row[1] and "/" not in row[1] and (len(row) < 3 or row[2] == "Debian"):
            return row[0]
    raise GuestError("this machine's apt configuration names no Debian mirror; "
                     f"set {MIRROR_VARIABLE} to the address of one")


class Suite:
    """One (suite, architecture) of the mirror."""

    def __init__(self, suite, arch):
        self.suite, self.arch = suite, arch
        self.name = f"{suite}-{arch}"
        self.folder = cache_root() / "apt" / self.name

    def _options(self):
        d = self.folder
        return ["-o", f"Dir::Etc::sourcelist={d}/sources.list", "-o", "Dir::Etc::sourceparts=-",
                "-o", f"Dir::State::lists={d}/lists", "-o", f"Dir::Cache={d}/cache",
                "-o", "Dir::State::status=/dev/null", "-o", f"APT::Architecture={self.arch}",
                "-o", f"APT::Architectures={self.arch}", "-o", "APT::Sandbox::User=root",
                "-o", "Acquire::Languages=none", "-o", "Acquire::Retries=2"]

    def update(self, force=False):
        """Fetches the package index, unless it is from today; with the network down an older one serves."""
        stamp = self.folder / "updated"
        if not force and stamp.exists() and time.time() - stamp.stat().st_mtime < INDEX_LIFETIME:
            return
        if not Path(KEYRING).exists():
            raise GuestError(f"{KEYRING} is missing; install the Debian package debian-archive-keyring")
        for sub in ("lists/partial", "cache/archives/partial", "packages"):
            (self.folder / sub).mkdir(parents=True, exist_ok=True)
        line = f"deb [arch={self.arch} signed-by={KEYRING}] {mirror()} {self.suite} main\n"
        (self.folder / "sources.list").write_text(line)
        say(f"reading the package index of Debian {self.suite} for {self.arch}")
        try:
            run(["apt-get", *self._options(), "-o", "APT::Update::Error-Mode=any", "update"],
                f"reading the package index of {self.suite} (is the network up?)")
            stamp.touch()
        except GuestError as error:
            if not stamp.exists():
                raise
            say(f"{error}\n  going on with the index of an earlier run")

    def depends(self, package):
        """Names in the Depends field of a package's candidate version."""
        with locked(f"apt-{self.name}"):
            self.update()
        output = run(["apt-cache", *self._options(), "depends", package], f"looking up the package {package}")
        return [line.split()[-1] for line in output.splitlines() if line.strip().startswith("Depends:")]

    def version(self, package):
        output = run(["apt-cache", *self._options(), "show", "--no-all-versions", package],
                     f"looking up the package {package}")
        return next(line.split()[1] for line in output.splitlines() if line.startswith("Version:"))

    def _downloaded(self, package, version):
        pattern = f"{package}_{version.replace(':', '%3a')}_*.deb"
        return next((self.folder / "packages").glob(pattern), None)

    def _download(self, package):
        version = self.version(package)
        if not self._downloaded(package, version):
            say(f"downloading {package} {version} ({self.name})")
            for old in (self.folder / "packages").glob(f"{package}_*.deb"):
                old.unlink()
            run(["apt-get", *self._options(), "download", package], f"downloading {package} (is the network up?)",
                cwd=self.folder / "packages")
        path = self._downloaded(package, version)
        if path is None:
            raise GuestError(f"apt downloaded no file for {package} {version}")
        return version, path

    def unpack_all(self, packages, target):
        """Unpacks packages with everything that they depend on under `target`. Returns {package: version}."""
        with locked(f"apt-{self.name}"):
            self.update()
            say(f"downloading {', '.join(packages)} with what they need ({self.name})")
            command = ["apt-get", *self._options(), "-o", "Debug::NoLocking=1", "-o", "APT::Install-Recommends=0",
                       "--yes", "--download-only", "install", "base-files", *packages]
            run(command, f"downloading {', '.join(packages)} (is the network up?)")
            chosen = run([*command, "--simulate"], "choosing packages")
            versions = {line.split()[1]: line.split()[2].lstrip("(") for line in chosen.splitlines()
                        if line.startswith("Inst ")}
            target.mkdir(parents=True, exist_ok=True)
            for package in sorted(versions, key=lambda name: name != "base-files"):  # brings /lib -> usr/lib
                pattern = f"{package}_{versions[package].replace(':', '%3a')}_*.deb"
                path = next((self.folder / "cache" / "archives").glob(pattern), None)
                if path is None:
                    raise GuestError(f"apt downloaded no file for {package} {versions[package]}")
                run(["dpkg-deb", "-x", str(path), str(target)], f"unpacking {path.name}")
                path.unlink()
        return versions

    def unpack(self, package, target):
        """Downloads a package and unpacks its files under `target`. Returns the version."""
        with locked(f"apt-{self.name}"):
            self.update()
            try:
                version, path = self._download(package)
            except GuestError:
                self.update(force=True)  # the archive may have moved on since the index was read
                version, path = self._download(package)
        target.mkdir(parents=True, exist_ok=True)
        run(["dpkg-deb", "-x", str(path), str(target)], f"unpacking {path.name}")
        return version
