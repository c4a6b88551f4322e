"""Image, compose example, systemd unit and package agree with each other and with the formats they are written in."""

import fnmatch
import json
import pathlib
import re
import unittest

try:
    import yaml
except ImportError:
    yaml = None

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"

# The keys of the compose specification (compose-spec/05-services.md) that the example may use, with the types of their values.
TOP_KEYS = {"name": str, "services": dict, "volumes": dict}
SERVICE_KEYS = {"image": str, "build": dict, "command": list, "profiles": list, "ports": list, "volumes": list, "environment": dict,
                "restart": str, "pid": str, "depends_on": list, "extra_hosts": list}
BUILD_KEYS = {"context": str, "dockerfile": str}
RESTARTS = {"no", "always", "on-failure", "unless-stopped"}


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Keyword and arguments of each instruction, with continued lines joined."""
    text = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


class Compose(unittest.TestCase):
    def setUp(self):
        if yaml is None:
            self.skipTest("python3-yaml is not installed")
        self.compose = yaml.safe_load((DOCKER / "compose.yml").read_text())
        self.services = self.compose["services"]

    def check_keys(self, mapping, known, where):
        for key, value in mapping.items():
            self.assertIn(key, known, where)
            self.assertIsInstance(value, known[key], f"{where}: {key}")

    def test_keys_and_types_are_those_of_the_specification(self):
        self.check_keys(self.compose, TOP_KEYS, "compose.yml")
        for name, service in self.services.items():
            self.check_keys(service, SERVICE_KEYS, name)
            self.check_keys(service.get("build", {}), BUILD_KEYS, f"{name}: build")
            self.assertRegex(service["image"], r"^[a-z0-9./-]+(:[A-Za-z0-9._-]+)?$", name)
            self.assertIn(service.get("restart", "no"), RESTARTS, name)
            for port in service.get("ports", []):
                self.assertRegex(port, r"^(127\.0\.0\.1:)?\d+:\d+$", name)

    def test_mounts_name_what_is_there(self):
        for name, service in self.services.items():
            for mount in service.get("volumes", []):
                source, target, *mode = mount.split(":")
                self.assertTrue(target.startswith("/"), mount)
                for option in ",".join(mode).split(","):
                    self.assertIn(option, {"", "ro", "rslave"}, mount)
                if source.startswith("."):
                    self.assertTrue((DOCKER / source).exists(), f"{name}: {mount}")
                elif not source.startswith("/"):
                    self.assertIn(source, self.compose["volumes"], f"{name}: {mount}")

    def test_the_build_is_the_image_of_this_repository(self):
        build = self.services["narthex"]["build"]
        context = (DOCKER / build["context"]).resolve()
        self.assertEqual(context, ROOT)
        self.assertTrue((context / build["dockerfile"]).is_file())

    def test_only_narthex_and_node_exporter_start_without_a_profile(self):
        plain = {name for name, service in self.services.items() if not service.get("profiles")}
        self.assertEqual(plain, {"narthex", "node-exporter"})
        self.assertEqual({profile for service in self.services.values() for profile in service.get("profiles", [])},
                         {"grafana", "alertmanager"})

    def test_targets_and_data_sources_name_services(self):
        config = yaml.safe_load((DOCKER / "compose-narthex.yml").read_text())
        for job in config["scrape_configs"]:
            for group in job["static_configs"]:
                for target in group["targets"]:
                    self.assertIn(target.split(":")[0], {"localhost", *self.services}, target)
        provisioned = yaml.safe_load((DOCKER / "grafana/provisioning/datasources/narthex.yml").read_text())
        self.assertEqual(provisioned["apiVersion"], 1)
        for source in provisioned["datasources"]:
            host, port = re.fullmatch(r"http://([a-z-]+):(\d+)", source["url"]).groups()
            self.assertIn(f"{port}:{port}", self.services[host]["ports"])
            self.assertEqual((source["type"], source["access"]), ("prometheus", "proxy"))


class Image(unittest.TestCase):
    def setUp(self):
        self.steps = instructions((DOCKER / "Dockerfile").read_text())

    def last(self, keyword: str) -> str:
        return [rest for word, rest in self.steps if word == keyword][-1]

    def test_instructions_are_known_and_forms_are_exec(self):
        known = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
        self.assertEqual({word for word, _ in self.steps} - known, set())
        # A shell in between would swallow SIGTERM.
        self.assertEqual(json.loads(self.last("ENTRYPOINT")), ["/usr/bin/narthex"])
        self.assertIsInstance(json.loads(self.last("CMD")), list)
        json.loads(self.last("HEALTHCHECK").partition("CMD ")[2])

    def test_it_runs_unprivileged_with_its_data_in_the_volume(self):
        self.assertEqual(self.last("USER"), "65534:65534")
        self.assertIn(f"--storage.tsdb.path={self.last('VOLUME')}", json.loads(self.last("CMD")))
        self.assertEqual(self.last("EXPOSE"), "9090")

    def test_everything_that_it_is_built_from_reaches_it(self):
        patterns = [line for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line and not line.startswith("#")]
        self.assertEqual(patterns[0], "*")
        allowed = [pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")]
        for path in allowed:
            self.assertTrue((ROOT / path).exists(), path)
        copied = [source for word, rest in self.steps if word == "COPY" for source in rest.split()[:-1] if source != "."]
        packaging = (ROOT / "cmake/packaging.cmake").read_text()
        installed = re.findall(r"^install\((?:FILES|PROGRAMS) (\S+)", packaging, flags=re.MULTILINE)
        for path in [*copied, *installed, "CMakeLists.txt", "CMakePresets.json"]:
            self.assertTrue(any(fnmatch.fnmatch(path, f"{root}*") for root in allowed), path)


class Unit(unittest.TestCase):
    def setUp(self):
        self.unit = (ROOT / "config/systemd/narthex.service").read_text()

    def value(self, key: str) -> str:
        return re.findall(rf"^{key}=(.*)$", self.unit, flags=re.MULTILINE)[-1]

    def test_user_and_folder_are_those_that_the_package_makes(self):
        postinst = (ROOT / "cmake/debian/postinst").read_text()
        self.assertIn(f"install -d -o {self.value('User')} -g {self.value('Group')} -m {self.value('StateDirectoryMode')} "
                      f"/var/lib/{self.value('StateDirectory')}", postinst)
        self.assertIn(f"--storage.tsdb.path=/var/lib/{self.value('StateDirectory')}", self.value("ExecStart"))

    def test_what_an_administrator_changes_survives_upgrades(self):
        conffiles = (ROOT / "cmake/debian/conffiles").read_text().split()
        config = re.search(r"--config\.file=(\S+)", self.value("ExecStart")).group(1)
        self.assertEqual(set(conffiles), {config, self.value("EnvironmentFile").removeprefix("-")})


if __name__ == "__main__":
    unittest.main()
