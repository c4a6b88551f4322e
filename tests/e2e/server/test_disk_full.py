"""A really full disk, on tmpfs and on ext4: storage is read-only and says so, queries go on, nothing that was acknowledged is
lost, and samples are taken again within seconds of space coming back; also after a start on the full disk."""

import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.mounts import Mount
from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, scrape_config, wait_until

RESUME_SECONDS = 5.0
SIZE_MIB = 128


class FullDisk(unittest.TestCase):
    def test_tmpfs(self):
        self.check("tmpfs")

    def test_ext4(self):
        self.check("ext4")

    def push(self, server: Narthex) -> float | None:
        """One sample by remote write; its time when it was acknowledged."""
        at = int(time.time() * 1000)
        series = remote_write.time_series({"__name__": "pushed"}, [(at, float(at))])
        answer = remote_write.send(server, [series])
        self.assertIn(answer.status, (200, 204, 500, 503), answer.text)
        if answer.status < 300:
            return at / 1000
        # The write that found the disk full says so in the system's words.
        self.assertRegex(answer.text, "read-only|No space")
        return None

    def texts(self, server: Narthex) -> str:
        return " ".join(n["text"] for n in server.api("notifications"))

    def fill_until_read_only(self, server: Narthex, mount: Mount) -> None:
        def refused() -> bool:
            mount.fill()
            self.push(server)
            return server.metric("narthex_tsdb_read_only") == 1

        wait_until(refused, 60, "the server does not notice")
        wait_until(lambda: "disk is full" in self.texts(server), 5, "no notification")
        self.assertIn("read-only", server.log)
        wait_until(lambda: "read-only" in server.api("targets")["activeTargets"][0]["lastError"], 10, "no error at the target")
        self.assertIsNone(self.push(server))

    def resume(self, server: Narthex, mount: Mount) -> None:
        (mount.path / "ballast").unlink()
        began = time.monotonic()
        acknowledged = wait_until(lambda: self.push(server), 30, "nothing is taken although there is room")
        self.assertLess(time.monotonic() - began, RESUME_SECONDS)
        self.acknowledged.append(acknowledged)
        wait_until(lambda: server.query("x")[0]["value"] and server.vector("up == 1"), 10, "scraping does not go on")
        self.assertEqual(server.metric("narthex_tsdb_read_only"), 0)
        wait_until(lambda: "disk is full" not in self.texts(server), 5, "the notification stays")

    def assert_all_there(self, server: Narthex) -> None:
        have = {float(v) / 1000 for _, v in server.query("pushed[1h]")[0]["values"]}
        self.assertEqual([t for t in self.acknowledged if t not in have], [])

    def check(self, kind: str) -> None:
        mount = Mount(kind, SIZE_MIB)
        self.addCleanup(mount.close)
        self.acknowledged: list[float] = []
        with FakeTarget("x 1\n") as target:
            server = Narthex(scrape_config(target.address), ["--web.enable-remote-write-receiver"])
            server.data_path = mount.path / "data"
            self.addCleanup(server.close)
            server.start()
            self.assertEqual(server.metric("narthex_tsdb_read_only"), 0)
            self.assertGreater(server.metric("narthex_tsdb_disk_reserve_bytes"), 1 << 20)
            server.wait_for_vector("up == 1")
            for _ in range(20):
                self.acknowledged.append(self.push(server))
            for _ in range(2):
                self.fill_until_read_only(server, mount)
                self.assert_all_there(server)
                self.resume(server, mount)

            self.fill_until_read_only(server, mount)
            server.kill()
            mount.fill()
            self.assertLess(mount.free_bytes(), 1 << 20)
            server.start()
            self.assertEqual(server.metric("narthex_tsdb_read_only"), 1)
            self.assert_all_there(server)
            self.assertIsNone(self.push(server))
            self.resume(server, mount)
            # Stopped while it is full: no snapshot fits, the log has everything.
            self.fill_until_read_only(server, mount)
            mount.fill()
            self.assertEqual(server.stop(), 0)
            server.start()
            self.assert_all_there(server)
            self.resume(server, mount)
            self.assertEqual(server.stop(), 0)
            server.start()
            self.assert_all_there(server)


if __name__ == "__main__":
    unittest.main()
