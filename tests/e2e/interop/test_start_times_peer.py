"""Where counters began to count, as we and a real Prometheus store it."""

import time
import unittest

from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, Prometheus, scrape_config, wait_until

FEATURE = "--enable-feature=created-timestamp-zero-ingestion"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def exposition(created: float, value: int) -> str:
    return (f"# TYPE work counter\nwork_total{{a=\"1\"}} {value}\nwork_created{{a=\"1\"}} {created}\n"
            f"# TYPE wait summary\nwait_count {value}\nwait_sum 2.5\nwait_created {created}\n"
            f"# TYPE size histogram\nsize_bucket{{le=\"1.0\"}} 1\nsize_bucket{{le=\"+Inf\"}} {value}\nsize_count {value}\n"
            f"size_sum 7\nsize_created {created}\n# TYPE level gauge\nlevel 3\n# EOF\n")


class StartTimes(unittest.TestCase):
    def test_the_same_zero_samples_as_prometheus(self):
        # Whole milliseconds, as both keep them.
        created = round(time.time() - 20, 3)
        with FakeTarget(exposition(created, 5), content_type=OPENMETRICS) as target:
            config = scrape_config(target.address, job="j", interval="1s")
            servers = {}
            for kind in (Narthex, Prometheus):
                server = kind(config, args=[FEATURE])
                self.addCleanup(server.close)
                servers[kind] = server.start()
            for server in servers.values():
                server.wait_for_vector("count_over_time(work_total[1m]) >= 3")
            restarted = round(time.time(), 3)
            target.body = exposition(restarted, 2)

            def zeros(server) -> dict[str, list[float]]:
                """Where each series is nought, in the order of time."""
                found = {}
                for series in server.query('{job="j",__name__!~"up|scrape_.*"}[2m]'):
                    metric = series["metric"]
                    name = metric["__name__"] + metric.get("le", "")
                    found[name] = [t for t, value in series["values"] if float(value) == 0]
                return found

            def both_starts(kind) -> None:
                wait_until(lambda: zeros(servers[kind]).get("work_total") == [created, restarted], 15,
                           f"{kind.__name__} has not marked the second start")

            both_starts(Narthex)
            self.assertNotIn("work_created", zeros(servers[Narthex]))
            self.assertEqual(zeros(servers[Narthex])["level"], [])
            if servers[Prometheus].version() < (3,):
                self.skipTest("Prometheus 2 does not mark starts by the text format")
            both_starts(Prometheus)
            self.assertEqual(zeros(servers[Narthex]), zeros(servers[Prometheus]))


if __name__ == "__main__":
    unittest.main()
