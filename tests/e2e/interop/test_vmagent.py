"""VictoriaMetrics's vmagent scrapes and sends what it scraped by remote write, as its version does it by itself and in Prometheus' protocol."""

import unittest

from tests.e2e.lib.narthex_e2e import FakeTarget, HttpServerProcess, Narthex, peer_binary, scrape_config, wait_until

BODY = ('# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total{queue="a \\"b\\" \u00e4"} 41\njobs_total{queue="c"} 1e+21\n'
        "# TYPE level gauge\nlevel -0.25\nlevel_nan NaN\n"
        '# TYPE wait_seconds histogram\nwait_seconds_bucket{le="1"} 3\nwait_seconds_bucket{le="+Inf"} 4\nwait_seconds_sum 5.5\nwait_seconds_count 4\n')


class VmAgent(HttpServerProcess):
    """$VMAGENT_BIN, or `vmagent` from PATH."""

    ready_path = "/health"

    def __init__(self, config: str, url: str, args: list[str]):
        self.binary = peer_binary("VMAGENT_BIN", "vmagent")
        super().__init__()
        self.args = [f"-remoteWrite.url={url}", *args]
        (self.directory / "agent.yml").write_text(config)

    def command(self) -> list[str]:
        return [self.binary, f"-promscrape.config={self.directory / 'agent.yml'}", f"-httpListenAddr={self.address}", "-remoteWrite.flushInterval=100ms",
                f"-remoteWrite.tmpDataPath={self.directory / 'queue'}", "-memory.allowedBytes=64MB", *self.args]


class RemoteWriteFromVmAgent(unittest.TestCase):
    def check(self, args: list[str]) -> None:
        with FakeTarget(BODY) as target, Narthex("global: {}\n", ["--web.enable-remote-write-receiver"]) as server:
            with VmAgent(scrape_config(target.address, job="vm", interval="1s"), server.url + "/api/v1/write", args) as agent:
                of = f'instance="{target.address}",job="vm"'
                server.wait_for_vector('count_over_time(up{job="vm"}[1m]) >= 3')
                self.assertEqual(server.query('jobs_total{job="vm"} == 41')[0]["metric"]["queue"], 'a "b" \u00e4')
                self.assertEqual([s["value"][1] for s in server.query(f'jobs_total{{queue="c",{of}}}')], ["1e+21"])
                self.assertEqual([s["value"][1] for s in server.query(f"level{{{of}}}")], ["-0.25"])
                self.assertEqual(server.query('histogram_quantile(0.5, wait_seconds_bucket{job="vm"})')[0]["value"][1], repr(2 / 3))
                # The target goes away: its series end with stale markers, and `up` says so.
                target.status = 500
                server.wait_for_vector('up{job="vm"} == 0')
                wait_until(lambda: not server.query(f"level{{{of}}}"), 10, "no stale marker")
                sent = [line for line in agent.get("/metrics").text.splitlines() if line.startswith("vmagent_remotewrite_packets_dropped_total")]
                self.assertTrue(all(line.endswith(" 0") for line in sent), sent)

    def test_as_it_comes(self):
        self.check([])

    def test_in_the_protocol_of_prometheus(self):
        self.check(["-remoteWrite.forcePromProto"])


if __name__ == "__main__":
    unittest.main()
