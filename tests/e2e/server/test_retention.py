"""storage.tsdb.retention: a share of the file system, and what a reload changes."""

import shutil
import unittest

from tests.e2e.lib.narthex_e2e import Narthex


def config(retention: str) -> str:
    return f"storage:\n  tsdb:\n    retention: {{{retention}}}\n"


class Retention(unittest.TestCase):
    def limits(self, server):
        return (server.metric("prometheus_tsdb_retention_limit_seconds"), server.metric("prometheus_tsdb_retention_limit_bytes"))

    def reload(self, server, text):
        server.write_config(text)
        self.assertEqual(server.reload().status, 200)

    def test_percentage_goes_before_the_size_and_a_reload_takes_effect(self):
        with Narthex(config("percentage: 25, size: 1GB"), args=["--web.enable-lifecycle", "--storage.tsdb.retention.time=9d"]) as server:
            total = shutil.disk_usage(server.data_path).total
            seconds, limit = self.limits(server)
            # The section replaces the flags as a whole.
            self.assertEqual(seconds, 0)
            self.assertAlmostEqual(limit / total, 0.25, places=6)
            self.reload(server, config("time: 3d, size: 1GB"))
            self.assertEqual(self.limits(server), (3 * 86400, 1 << 30))
            self.reload(server, "")
            self.assertEqual(self.limits(server), (9 * 86400, 0))
            server.write_config(config("percentage: 101"))
            self.assertEqual(server.reload().status, 500)
            self.assertEqual(self.limits(server), (9 * 86400, 0))


if __name__ == "__main__":
    unittest.main()
