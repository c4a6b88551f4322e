"""Certificates for tests, made by the openssl program: an authority, servers and clients."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import unittest


class Authority:
    """A certificate authority of its own in `directory`; hands out certificates as files."""

    def __init__(self, directory: pathlib.Path, name: str = "ca"):
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("openssl is not installed")
        self.directory = directory
        self.name = name
        self.serial = 0
        self.cert = directory / f"{name}.crt"
        self.key = directory / f"{name}.key"
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                  "-keyout", str(self.key), "-out", str(self.cert))

    def issue(self, name: str, names: str = "IP:127.0.0.1,DNS:localhost", usage: str = "serverAuth,clientAuth") -> tuple[pathlib.Path, pathlib.Path]:
        """Certificate and key in `name`.crt and `name`.key; existing ones are replaced."""
        cert, key, request = (self.directory / f"{name}{end}" for end in (".crt", ".key", ".csr"))
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\n")
        self.serial += 1
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}-{self.serial}",
                  "-keyout", str(key), "-out", str(request))
        new = self.directory / f"{name}.new"
        self._run("x509", "-req", "-in", str(request), "-CA", str(self.cert), "-CAkey", str(self.key), "-set_serial", str(self.serial),
                  "-days", "2", "-extfile", str(extensions), "-out", str(new))
        new.rename(cert)
        return cert, key

    @staticmethod
    def _run(*arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
