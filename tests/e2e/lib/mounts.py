"""What only the superuser may do: control groups with a limit of memory, small file systems. Everything here skips the test
with a message where it is not permitted."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import tempfile
import unittest
import uuid


class MemoryGroup:
    """A control group whose processes may use `limit_bytes` of memory, no swap; more kills them."""

    def __init__(self, limit_bytes: int):
        name = f"narthex-test-{uuid.uuid4().hex[:12]}"
        version_1 = pathlib.Path("/sys/fs/cgroup/memory")
        self.is_version_1 = version_1.is_dir()
        self.path = (version_1 if self.is_version_1 else pathlib.Path("/sys/fs/cgroup")) / name
        try:
            self.path.mkdir()
            (self.path / ("memory.limit_in_bytes" if self.is_version_1 else "memory.max")).write_text(str(limit_bytes))
        except OSError as error:
            with contextlib.suppress(OSError):
                self.path.rmdir()
            raise unittest.SkipTest(f"no control group can be made here: {error}") from None

    def wrap(self, command: list[str]) -> list[str]:
        """The command, started inside the group."""
        return ["/bin/sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', str(self.path), *command]

    def peak_bytes(self) -> int | None:
        """The most that was in use, page cache included; None where the kernel does not say."""
        path = self.path / ("memory.max_usage_in_bytes" if self.is_version_1 else "memory.peak")
        return int(path.read_text()) if path.exists() else None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.path.rmdir()


class Mount:
    """A small file system of its own: tmpfs, or ext4 in an image."""

    def __init__(self, kind: str, size_mib: int):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="narthex-mount-"))
        self.path = self.directory / "mount"
        self.path.mkdir()
        self.mounted = False
        try:
            if kind == "tmpfs":
                self._run("mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "none", str(self.path))
            else:
                image = self.directory / "image"
                with open(image, "wb") as file:
                    file.truncate(size_mib << 20)
                self._run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
                self._run("mount", "-o", "loop", str(image), str(self.path))
            self.mounted = True
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            raise unittest.SkipTest(f"a {kind} cannot be mounted here: {error}") from None

    @staticmethod
    def _run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)

    def free_bytes(self) -> int:
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def fill(self, name: str = "ballast", leave_bytes: int = 0) -> pathlib.Path:
        """A file that takes all space but `leave_bytes`."""
        path = self.path / name
        with open(path, "ab", buffering=0) as file:
            for piece in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while self.free_bytes() >= leave_bytes + piece:
                        file.write(bytes(piece))
            with contextlib.suppress(OSError):
                os.fsync(file.fileno())
        return path

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.path)], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", str(self.directory)], check=False)
